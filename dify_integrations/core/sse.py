"""Bytes of a `text/event-stream` body, cut anywhere, become frames.

Owns line ends, the byte order mark, fields, the size limit and the signs of life. It follows the WHATWG rules and knows
nothing about JSON, Dify's events, content types or clocks: data stays bytes, so that UTF-8 cut by the network is never seen.
Speed comes from looking at blocks, not lines: one `split` per read, and one comparison for the only shape Dify sends.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final, TypeAlias

from ..errors import BodyTooLarge

Frame: TypeAlias = tuple[str, bytes]
"""Event name from an `event:` line (`""` without one) and the data bytes, several `data` lines joined by LF."""

_BOM: Final = b"\xef\xbb\xbf"
_LF: Final = 10
# An integer of more digits is no waiting time, and int() refuses more than 4300 of them with an exception.
_MAX_RETRY_DIGITS: Final = 18


class SSEDecoder:
    """Decode one event stream; use a new decoder for every body.

    Frames, `last_event_id` and `retry_ms` do not depend on how the body is cut into chunks; all three are settled by the
    blank line that ends a block. An event without its blank line at the end of the body is never delivered: see `pending`.

    Attributes:
        beats: Signs of life so far: every complete block (event, ping, comment, blank lines) and every comment line that
            was complete before its block was. It grows whenever something complete arrived, and never for a part of a
            line; how far it grows depends on the cutting, so compare it with its last value and nothing else.
        last_event_id: The newest `id` value, `""` before the first.
        retry_ms: The newest valid `retry` value in milliseconds, or `None`.
    """

    __slots__ = ("_after_cr", "_head", "_held", "_in_comment", "_limit", "beats", "last_event_id", "retry_ms")

    def __init__(self, *, max_event_bytes: int = 32 * 1024 * 1024) -> None:
        """Start at the first byte of a body.

        Args:
            max_event_bytes: Largest block accepted, counted from one blank line to the next with CRLF as one byte.
        """
        self.beats = 0
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self._limit = max_event_bytes
        self._head: bytes | None = b""  # bytes that may become a byte order mark; None once that is known
        self._held = bytearray()  # normalised bytes of the unfinished block: never holds a blank line
        self._after_cr = False  # the last byte was CR: an LF that follows belongs to it
        self._in_comment = False  # the unfinished line is a comment

    @property
    def pending(self) -> int:
        """Bytes held back of an event that is not finished; 0 at the end of the body means nothing was cut off."""
        blank = len(self._held) == 1 and self._held[0] == _LF
        return (0 if blank else len(self._held)) + len(self._head or b"")

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes and return the frames they complete, in order.

        Nothing complete is held back: a lone CR ends its line at once, without waiting for a possible LF.

        Raises:
            BodyTooLarge: A block exceeds `max_event_bytes`. Frames that the same chunk completed before it are lost, and the
                decoder must not be used any more.
        """
        if self._head is not None:
            chunk = self._skip_bom(chunk)
        elif self._is_one_event(chunk):
            self.beats += 1
            return [("", chunk[6:-2])]
        if self._after_cr or b"\r" in chunk:
            chunk = self._normalise(chunk)
        if not chunk:
            return []
        held = self._held
        if held:
            # Look at the new bytes only: searching all held bytes again would make a large event quadratic.
            if b"\n\n" not in chunk and not (held[-1] == _LF and chunk[0] == _LF):
                self._hold(chunk)
                return []
            chunk = b"".join((held, chunk))
            held.clear()  # at once: with the join and the split this keeps a large event in memory twice, not three times
        parts = chunk.split(b"\n\n")
        if len(chunk) > self._limit:
            self._check(parts)
        del chunk  # a large event is in `parts` by now; keep one copy
        rest = parts.pop()
        if rest:
            self._hold(rest)
        self.beats += len(parts)
        return self._frames(parts)

    def _is_one_event(self, chunk: bytes) -> bool:
        """Whether this read is one whole event of Dify's only shape, as nearly every read of a live model's stream is."""
        return (
            not self._held
            and chunk[:6] == b"data: "
            and chunk[-2:] == b"\n\n"
            and chunk.find(b"\n") == len(chunk) - 2
            and b"\r" not in chunk
            and len(chunk) <= self._limit
            and not self._after_cr
        )

    def _frames(self, parts: list[bytes]) -> list[Frame]:
        frames: list[Frame] = []
        add = frames.append
        for part in parts:
            if part[:6] == b"data: " and b"\n" not in part:
                add(("", part[6:]))
            else:
                frame = self._read_block(part)
                if frame is not None:
                    add(frame)
        return frames

    def _read_block(self, block: bytes) -> Frame | None:
        """Read the fields of one block. `event: ping` without data gives nothing, and its name dies with the block."""
        name = ""
        data: BytesIO | None = None
        view = memoryview(block)
        start, size = 0, len(block)
        # find() instead of split(): a list of a million short lines would weigh seven times the event.
        while start < size:
            end = block.find(b"\n", start)
            end = size if end < 0 else end
            colon = block.find(b":", start, end)
            field = block[start : end if colon < 0 else colon]
            value = end if colon < 0 else colon + 1
            value += block[value : min(value + 1, end)] == b" "
            if field == b"data":
                if data is None:
                    data = BytesIO()
                else:
                    data.write(b"\n")
                data.write(view[value:end])
            elif field == b"event":
                name = block[value:end].decode("utf-8", "replace")
            elif field in (b"id", b"retry"):
                self._read_setting(field, block[value:end])
            start = end + 1
        return None if data is None else (name, data.getvalue())

    def _read_setting(self, field: bytes, value: bytes) -> None:
        if field == b"id":
            if b"\0" not in value:
                self.last_event_id = value.decode("utf-8", "replace")
        # bytes.isdigit() is ASCII only; int() alone would take "+5", "1_0" and full-width digits.
        elif value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
            self.retry_ms = int(value)

    def _skip_bom(self, chunk: bytes) -> bytes:
        """Remove one byte order mark at the start of the body (openai-python#3819: it swallowed the first event)."""
        head = (self._head or b"") + chunk
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)

    def _normalise(self, chunk: bytes) -> bytes:
        """Turn CRLF and CR into LF; an LF that follows a CR of the previous chunk is dropped."""
        if not chunk:
            return chunk
        if self._after_cr and chunk[0] == _LF:
            chunk = chunk[1:]
        self._after_cr = chunk[-1:] == b"\r"
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, tail: bytes) -> None:
        """Keep the newest bytes of an unfinished block and count the comment lines they complete."""
        held = self._held
        self._check((tail,), len(held))
        if not held or held[-1] == _LF:
            self._in_comment = tail[:1] == b":"
        last = tail.rfind(b"\n")
        if last >= 0:
            unfinished = tail[last + 1 : last + 2] == b":"
            self.beats += self._in_comment + tail.count(b"\n:") - unfinished
            self._in_comment = unfinished
        held += tail

    def _check(self, parts: tuple[bytes, ...] | list[bytes], before: int = 0) -> None:
        """Refuse a block above the limit. One LF at its end may be half of the blank line and does not count."""
        for part in parts:
            if before + len(part) - (part[-1:] == b"\n") > self._limit:
                self._held.clear()
                raise BodyTooLarge(
                    f"An event of the stream is larger than {self._limit} bytes; raise max_event_bytes if that is expected."
                )
