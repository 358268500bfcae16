"""The event-stream decoder, point by point of the conformance list (shared/reliability.md, part 5)."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.core.sse import Frame, SSEDecoder
from dify_integrations.errors import BodyTooLarge


def decode(*chunks: bytes, max_event_bytes: int = 32 * 1024 * 1024) -> list[Frame]:
    decoder = SSEDecoder(max_event_bytes=max_event_bytes)
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def data_of(*chunks: bytes) -> list[bytes]:
    return [data for _, data in decode(*chunks)]


def single_bytes(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


# ---------------------------------------------------------------- what Dify sends


def test_a_dify_frame_is_its_data() -> None:
    """The only shape Dify sends: no event line, one data line, LF LF."""
    assert decode(b'data: {"event":"message"}\n\n') == [("", b'{"event":"message"}')]


def test_many_frames_of_one_read_come_in_order() -> None:
    """One read may hold many events."""
    assert data_of(b"".join(b"data: %d\n\n" % i for i in range(500))) == [b"%d" % i for i in range(500)]


@pytest.mark.parametrize("cut", range(1, 41))
def test_a_frame_cut_anywhere_is_whole(cut: int) -> None:
    """Point 9, by hand: multi-byte characters and blank lines are cut too."""
    body = "data: {“ü”: 1}\r\n\r\nevent: x\ndata:😀\n\n".encode()
    assert decode(body[:cut], body[cut:]) == [("", "{“ü”: 1}".encode()), ("x", "😀".encode())]


def test_frames_are_given_out_as_soon_as_they_are_complete() -> None:
    """No added latency: nothing waits for the next read."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: 1\n\ndata: 2\n") == [("", b"1")]
    assert decoder.feed(b"\n") == [("", b"2")]


def test_an_empty_chunk_changes_nothing() -> None:
    """Transports may give empty reads, also between CR and LF."""
    assert data_of(b"", b"data: 1\r", b"", b"\n\r", b"", b"\n", b"") == [b"1"]


# ---------------------------------------------------------------- point 1: bytes and BOM


def test_point_1_invalid_utf8_passes_as_bytes() -> None:
    """Point 1: the decoder never looks at the encoding of data, and names are decoded with U+FFFD."""
    assert decode(b"event: \xff\ndata: \xff\xfe\xc3\n\n") == [("\ufffd", b"\xff\xfe\xc3")]


@pytest.mark.parametrize(
    "chunks",
    [
        [b"\xef\xbb\xbfdata: x\n\n"],
        [b"\xef", b"\xbb\xbfdata: x\n\n"],
        [b"\xef\xbb", b"\xbfdata: x\n\n"],
        [b"\xef", b"\xbb", b"\xbf", b"data: x\n\n"],
        [b"", b"\xef", b"", b"\xbb\xbf", b"", b"data: x\n\n"],
    ],
    ids=["whole", "1+2", "2+1", "1+1+1", "with empty reads"],
)
def test_point_1_one_bom_at_the_start_is_removed(chunks: list[bytes]) -> None:
    """Point 1: one byte order mark at offset 0 is no text, however it is cut."""
    assert data_of(*chunks) == [b"x"]


def test_point_1_a_second_bom_is_text() -> None:
    """Point 1: only the first mark goes, so the second spoils the field name."""
    assert data_of(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\ndata: y\n\n") == [b"y"]


def test_point_1_a_later_bom_is_text() -> None:
    """Point 1: inside data it stays, at the start of a later line it belongs to the field name."""
    assert data_of(b"data: \xef\xbb\xbfx\n\n\xef\xbb\xbfdata: y\n\n") == [b"\xef\xbb\xbfx"]


@pytest.mark.parametrize("start", [b"\xef", b"\xef\xbb"])
def test_point_1_half_a_bom_is_not_lost(start: bytes) -> None:
    """Point 1: bytes that only look like a mark belong to the first line, and count as pending until then."""
    decoder = SSEDecoder()
    assert decoder.feed(start) == []
    assert decoder.pending == len(start)
    assert decoder.feed(b"data: x\n\ndata: y\n\n") == [("", b"y")]
    assert decoder.pending == 0


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_point_1_a_utf16_bom_spoils_only_the_first_line(mark: bytes) -> None:
    """Point 1: the body is UTF-8 whatever it claims."""
    assert data_of(mark + b"data: x\ndata: y\n\ndata: z\n\n") == [b"y", b"z"]


# ---------------------------------------------------------------- point 2: line ends


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_point_2_each_line_end_alone(end: bytes) -> None:
    """Point 2: LF, CR and CRLF end lines."""
    body = end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])
    assert decode(body) == decode(*single_bytes(body)) == [("a", b"1\n2"), ("", b"3")]


def test_point_2_mixed_line_ends() -> None:
    """Point 2: they may be mixed; CR LF CR is two line ends, LF CR too."""
    body = b"data: 1\r\n\rdata: 2\n\rdata: 3\r\r\ndata: 4\r\rdata: 5\n\r\n"
    assert data_of(body) == data_of(*single_bytes(body)) == [b"1", b"2", b"3", b"4", b"5"]


def test_point_2_crlf_cut_between_reads_is_one_line_end() -> None:
    """Point 2: the LF of a cut CRLF is not a second line end."""
    assert data_of(b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\n") == [b"1\n2"]


def test_point_2_a_lone_cr_ends_the_line_at_once() -> None:
    """Point 2: an event ended by CR CR is delivered by that read, not by the next."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data: 1\r\r") == [("", b"1")]
    assert decoder.pending == 0
    assert decoder.feed(b"\ndata: 2\n\n") == [("", b"2")]


def test_point_2_the_lf_after_cr_is_dropped_only_once() -> None:
    """Point 2: CR | LF LF is a line end and a blank line."""
    assert data_of(b"data: 1\r", b"\n", b"\n") == [b"1"]


@pytest.mark.parametrize("char", ["\u0085", "\u2028", "\u2029", "\v", "\f", "\x1c", "\x1d", "\x1e"], ids=ascii)
def test_point_2_other_separators_are_text(char: str) -> None:
    """Point 2: what str.splitlines would split stays inside the JSON."""
    assert data_of(f"data: a{char}b\n\n".encode()) == [f"a{char}b".encode()]


# ---------------------------------------------------------------- point 3: fields


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (b"data:x", b"x"),
        (b"data: x", b"x"),
        (b"data:  x", b" x"),
        (b"data:\tx", b"\tx"),
        (b"data: x ", b"x "),
        (b"data:x:y: z", b"x:y: z"),
        (b"data::", b":"),
    ],
    ids=ascii,
)
def test_point_3_one_space_after_the_colon_goes(line: bytes, data: bytes) -> None:
    """Point 3: one space, not more, and no tab."""
    assert data_of(line + b"\n\n") == [data]


@pytest.mark.parametrize(
    "line",
    [
        b"Data: x",
        b"DATA: x",
        b" data: x",
        b"data : x",
        b"dat: x",
        b"datas: x",
        b"nonsense",
        b"x-data: y",
        b":data: x",
        b": x",
        b":",
    ],
    ids=ascii,
)
def test_point_3_unknown_fields_and_comments_give_nothing(line: bytes) -> None:
    """Point 3: names are case-sensitive and exact; unknown fields and comments are ignored."""
    assert decode(line + b"\n\n") == []
    assert decode(b"data: 1\n" + line + b"\ndata: 2\n\n") == [("", b"1\n2")]


def test_point_3_a_line_without_colon_is_a_field_with_empty_value() -> None:
    """Point 3: `data` is `data:`, `event` resets the name."""
    assert decode(b"event: a\nevent\ndata\n\n") == [("", b"")]


def test_the_last_event_name_of_a_block_wins() -> None:
    """The standard overwrites the name; openai and Dify never send two."""
    assert decode(b"event: a\ndata: 1\nevent: b\n\n") == [("b", b"1")]


# ---------------------------------------------------------------- point 4: several data lines


def test_point_4_data_lines_are_joined_by_lf() -> None:
    """Point 4."""
    assert data_of(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [b"YHOO\n+2\n10"]


def test_point_4_data_alone_adds_an_empty_line() -> None:
    """Point 4, with the example of the standard: an empty event, one LF, and an unfinished block."""
    decoder = SSEDecoder()
    assert decoder.feed(b"data\n\ndata\ndata\n\ndata:") == [("", b""), ("", b"\n")]
    assert decoder.pending == len(b"data:")


def test_point_4_json_spread_over_lines() -> None:
    """Point 4: pretty-printed JSON is put together again."""
    assert data_of(b'data: {\ndata:  "event": "message"\ndata: }\n\n') == [b'{\n "event": "message"\n}']


# ---------------------------------------------------------------- point 5: ping


def test_point_5_ping_gives_no_frame_but_a_beat() -> None:
    """Point 5: `event: ping` has no data, so nothing is dispatched; it is a sign of life."""
    decoder = SSEDecoder()
    assert decoder.feed(b"event: ping\n\n") == []
    assert decoder.beats == 1


def test_point_5_ping_does_not_leak_into_the_next_event() -> None:
    """Point 5: the blank line resets the name (httpx-sse and openai dispatch an empty event here)."""
    assert decode(b"event: ping\n\ndata: 1\n\n", b"event: ping\n", b"\ndata: 2\n", b"\n") == [("", b"1"), ("", b"2")]


def test_point_5_extra_blank_lines_dispatch_nothing() -> None:
    """Point 5: blank lines between, before and after events are harmless, also in odd numbers."""
    body = b"\n\n\ndata: 1\n\n\n\n\nevent: x\n\n\ndata: 2\n\n\n"
    decoder = SSEDecoder()
    assert decoder.feed(body) == [("", b"1"), ("", b"2")]
    assert decoder.pending == 0
    assert data_of(*single_bytes(body)) == [b"1", b"2"]


# ---------------------------------------------------------------- point 6: id and retry


def test_point_6_id_persists_until_the_next_one() -> None:
    """Point 6: an id holds for later events; an empty id resets it."""
    decoder = SSEDecoder()
    decoder.feed(b"id: 7\ndata: x\n\ndata: y\n\n")
    assert decoder.last_event_id == "7"
    decoder.feed(b"id\n\n")
    assert decoder.last_event_id == ""


def test_point_6_an_id_without_data_counts() -> None:
    """Point 6: the blank line settles the id even if it dispatches nothing."""
    decoder = SSEDecoder()
    decoder.feed(b"id: 7\n")
    assert decoder.last_event_id == ""
    assert decoder.feed(b"\n") == []
    assert decoder.last_event_id == "7"


@pytest.mark.parametrize("value", [b"\0", b"1\x002", b"1\0"])
def test_point_6_id_with_nul_is_ignored(value: bytes) -> None:
    """Point 6."""
    decoder = SSEDecoder()
    decoder.feed(b"id: old\n\nid: " + value + b"\n\n")
    assert decoder.last_event_id == "old"


@pytest.mark.parametrize(
    ("value", "retry_ms"),
    [(b"3000", 3000), (b"0", 0), (b"007", 7), (b"9" * 18, 10**18 - 1)]
    + [
        (value, None)
        for value in [
            b"",
            b"+5",
            b"-5",
            b"1_0",
            b" 5",
            b"5 ",
            b"1.5",
            b"0x1",
            "５".encode(),
            "²".encode(),
            b"x",
            b"9" * 19,
            b"9" * 5000,
        ]
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_point_6_retry_takes_ascii_digits_only(value: bytes, retry_ms: int | None) -> None:
    """Point 6: Python's int would take more, and refuse 5000 digits with an exception."""
    decoder = SSEDecoder()
    decoder.feed(b"retry: " + value + b"\n\n")
    assert decoder.retry_ms == retry_ms


def test_point_6_a_bad_retry_keeps_the_old_one() -> None:
    """Point 6."""
    decoder = SSEDecoder()
    decoder.feed(b"retry:1\n\nretry:x\n\n")
    assert decoder.retry_ms == 1


# ---------------------------------------------------------------- point 7: end of body


@pytest.mark.parametrize(
    ("body", "pending"),
    [
        (b"", 0),
        (b"data: 1\n\n", 0),
        (b"data: 1\r\r", 0),
        (b"data: 1\n\n\n", 0),
        (b"data: 1\n", 8),
        (b"data: 1\n\ndata: 22", 8),
        (b"data: 1\r\n\r\nd", 1),
    ],
    ids=ascii,
)
def test_point_7_an_unfinished_event_is_reported(body: bytes, pending: int) -> None:
    """Point 7: it is never delivered, and the bytes held back say so."""
    decoder = SSEDecoder()
    assert all(data == b"1" for _, data in decoder.feed(body))
    assert decoder.pending == pending


# ---------------------------------------------------------------- beats


def test_beats_count_complete_blocks() -> None:
    """Events, pings and comments are signs of life alike."""
    decoder = SSEDecoder()
    decoder.feed(b"data: 1\n\nevent: ping\n\n: hello\n\nunknown\n\n")
    assert decoder.beats == 4


def test_bytes_that_complete_nothing_are_no_beat() -> None:
    """A slow-loris body does not keep the idle clock fresh."""
    decoder = SSEDecoder()
    for byte in single_bytes(b": a comment that never ends, data: \ndata: line\nevent: x\n"[:-1]):
        before = decoder.beats
        decoder.feed(byte)
        assert decoder.beats == before + (byte == b"\n" and decoder.pending < 40)
    assert decoder.beats == 1


@pytest.mark.parametrize(
    ("chunks", "beats"),
    [
        ([b": 1\n"], 1),
        ([b": 1\n: 2\n"], 2),
        ([b":\n:\n:"], 2),
        ([b": 1", b"\n"], 1),
        ([b": 1\n", b": ", b"2", b"\n"], 2),
        ([b"data: x\n", b": 1\n"], 1),
        ([b"data: x", b":\n", b"event: y\n"], 0),
        ([b"data: x\n\n: 1\n:"], 2),
        ([b"data: x\n\n", b"\n", b": 1\n"], 2),
        ([b": 1\r", b"\n: 2\r"], 2),
        ([b": 1\n", b"\n"], 2),
        ([b": 1\n: 2\n\n"], 1),
    ],
    ids=ascii,
)
def test_comment_lines_of_an_unfinished_block_are_beats(chunks: list[bytes], beats: int) -> None:
    """Some proxies keep a connection alive with comment lines and no blank line."""
    decoder = SSEDecoder()
    for chunk in chunks:
        assert decoder.feed(chunk) in ([], [("", b"x")])
    assert decoder.beats == beats


# ---------------------------------------------------------------- point 9: invariance


def reference(body: bytes) -> tuple[list[Frame], str, int | None]:
    """Run the WHATWG algorithm, byte by byte and field by field, written to be read, not to be fast.

    One deviation: `retry`, too, takes effect at the blank line, so that nothing of an unfinished block does.
    """
    lines: list[bytes] = []
    line = bytearray()
    body = body[3:] if body[:3] == b"\xef\xbb\xbf" else body
    for index, byte in enumerate(body):
        if byte == 0x0A and index and body[index - 1] == 0x0D:
            continue
        if byte in (0x0A, 0x0D):
            lines.append(bytes(line))
            line.clear()
        else:
            line.append(byte)
    frames: list[Frame] = []
    settled_id, settled_retry = "", None
    name, data, identity = "", b"", ""
    retry: int | None = None
    for current in lines:
        if not current:
            settled_id, settled_retry = identity, retry
            if data:
                frames.append((name, data[:-1]))
            name, data = "", b""
            continue
        if current[0] == ord(":"):
            continue
        field, _, value = current.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data += value + b"\n"
        elif field == b"event":
            name = value.decode("utf-8", errors="replace")
        elif field == b"id" and 0 not in value:
            identity = value.decode("utf-8", errors="replace")
        elif field == b"retry" and value and all(0x30 <= digit <= 0x39 for digit in value):
            retry = int(value)
    return frames, settled_id, settled_retry


TOKENS = [
    b"data", b"event", b"id", b"retry", b"data: ", b'data: {"a":1}', b"event: ping", b"id:7", b"retry: 10", b":", b": ",
    b" ", b"\n", b"\n\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef", b"\xff", b"\0", b"x", b"5",
    b"\xe2\x80\xa8", b"\t",
]  # fmt: skip
bodies = st.one_of(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join), st.binary(max_size=200))


@st.composite
def cut_bodies(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    body = draw(bodies)
    places = sorted(draw(st.lists(st.integers(0, len(body)), max_size=20)))
    edges = [0, *places, len(body)]
    return body, [body[a:b] for a, b in zip(edges, edges[1:], strict=False)]


def outcome(chunks: list[bytes]) -> tuple[list[Frame], str, int | None]:
    decoder = SSEDecoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames, decoder.last_event_id, decoder.retry_ms


@settings(max_examples=200)
@given(cut_bodies())
def test_point_9_any_cutting_gives_what_the_standard_gives(case: tuple[bytes, list[bytes]]) -> None:
    """Points 9 and 10: frames, id and retry equal a slow reference, whole, cut anywhere, and byte by byte."""
    body, chunks = case
    expected = reference(body)
    assert outcome(chunks) == outcome([body]) == outcome(single_bytes(body)) == expected


@settings(max_examples=200)
@given(cut_bodies())
def test_point_9_pending_does_not_depend_on_the_cutting(case: tuple[bytes, list[bytes]]) -> None:
    """Point 7 with point 9; and beats only grow, by at least the blocks that were completed."""
    body, chunks = case
    whole, cut = SSEDecoder(), SSEDecoder()
    whole.feed(body)
    for chunk in chunks:
        before = cut.beats
        frames = cut.feed(chunk)
        assert cut.beats >= before + len(frames)
    assert cut.pending == whole.pending
    assert cut.beats >= whole.beats - body.count(b":")


@settings(max_examples=200)
@given(cut_bodies(), st.integers(0, 30))
def test_point_9_the_limit_does_not_depend_on_the_cutting(case: tuple[bytes, list[bytes]], limit: int) -> None:
    """Points 9 and 10: the same body is refused or accepted however it is cut; no other exception exists."""
    body, chunks = case

    def refused(pieces: list[bytes]) -> bool:
        try:
            decode(*pieces, max_event_bytes=limit)
        except BodyTooLarge:
            return True
        return False

    assert refused([body]) == refused(chunks) == refused(single_bytes(body))


# ---------------------------------------------------------------- point 10: limits, time, memory


@pytest.mark.parametrize("pieces", [lambda body: [body], single_bytes], ids=["whole", "byte by byte"])
def test_point_10_an_event_above_the_limit_is_refused(pieces: Callable[[bytes], list[bytes]]) -> None:
    """Point 10: a typed error, not an ever growing buffer."""
    exact, above = b"data: 7890\n\n", b"data: 78901\n\n"
    assert decode(*pieces(exact * 3), max_event_bytes=10) == [("", b"7890")] * 3
    with pytest.raises(BodyTooLarge, match="larger than 10 bytes; raise max_event_bytes"):
        decode(*pieces(exact + above), max_event_bytes=10)


def test_point_10_an_endless_line_is_refused_before_it_is_stored() -> None:
    """Point 10: no more than the limit is ever kept."""
    decoder = SSEDecoder(max_event_bytes=1000)
    with pytest.raises(BodyTooLarge):
        for _ in range(100):
            decoder.feed(b"x" * 300)
            assert decoder.pending <= 1000
    assert decoder.pending == 0


def test_point_10_a_short_body_in_a_large_read_is_within_the_limit() -> None:
    """Point 10: the limit is for one event, not for one read."""
    assert len(decode(b"data: 1\n\n" * 1000, max_event_bytes=8)) == 1000


def seconds_for(size: int) -> float:
    body = b"data: " + b"x" * size + b"\n\n"
    chunks = [body[i : i + 256] for i in range(0, len(body), 256)]
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        assert len(decode(*chunks)) == 1
        best = min(best, time.perf_counter() - started)
    return best


def test_point_10_time_is_linear() -> None:
    """Point 10: sixteen times the event in 256-byte reads costs about sixteen times the work, not 256 times."""
    assert seconds_for(8_000_000) < 100 * max(seconds_for(500_000), 0.001)


@pytest.mark.parametrize("size", [256, 65536, 10**9], ids=["256-byte reads", "64 KiB reads", "one read"])
@pytest.mark.parametrize(
    "body",
    [
        b"data: " + b"x" * 1_000_000 + b"\n\n",
        b"event: e\ndata: " + b"x" * 1_000_000 + b"\n\n",
        b"data:x\r\n" * 50_000 + b"\r\n",
    ],
    ids=["one line", "with a name", "short lines"],
)
def test_point_10_memory_is_at_most_three_times_the_event(body: bytes, size: int) -> None:
    """Point 10: also for an event of very many short lines, which a list of lines would blow up."""
    chunks = [body[i : i + size] for i in range(0, len(body), size)]
    decoder = SSEDecoder()
    tracemalloc.start()
    try:
        assert sum(len(decoder.feed(chunk)) for chunk in chunks) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 3 * len(body)
