"""The JSON reader: correct on good input, tolerant where nothing has to be guessed, typed errors for the rest."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.core import jsonio
from dify_integrations.core.jsonio import JsonValue, parse_json, parse_object
from dify_integrations.errors import MalformedEvent

KEY = "app-CANARYcanary0123456789ab"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"event":"message","answer":"\xc3\xbc"}', {"event": "message", "answer": "ü"}),
        (b' \n{"a":\n[1, 2.5, true, null, "\\u00e9\\ud83d\\ude00"]}\r\n', {"a": [1, 2.5, True, None, "é😀"]}),
        ('{"a":"\u2028\u0085"}'.encode(), {"a": "\u2028\u0085"}),
        (b"{}", {}),
        (b'{"a":' + b"9" * 4300 + b"}", {"a": int("9" * 4300)}),
        (b'{"a":' + b"[" * 150 + b"]" * 150 + b"}", None),
    ],
    ids=["event", "all types", "separators", "empty", "4300 digits", "150 deep"],
)
def test_good_json_is_read(raw: bytes, value: JsonValue) -> None:
    """What the standard library reads, this reads to the same value."""
    assert parse_object(raw) == parse_json(raw) == (json.loads(raw) if value is None else value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud800"', "\ufffd"),
        (b'"\\uDFFF"', "\ufffd"),
        (b'"a\\ud83dx"', "a\ufffdx"),
        (b'"\\ud83d\\n"', "\ufffd\n"),
        (b'"\\ud83d\\u0041"', "\ufffdA"),
        (b'"\\ud83d\\ud83d\\ude00"', "\ufffd😀"),
        (b'"\\ude00\\ud83d"', "\ufffd\ufffd"),
        (b'"\\\\ud800\\ud800"', "\\ud800\ufffd"),
        (b'"\\ud83d\\ude00\\ud800"', "😀\ufffd"),
        (b'"\xff"', "\ufffd"),
        (b'"\xc3"', "\ufffd"),
        (b'"\xe2\x82x"', "\ufffdx"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
        (b'"\xf0\x9f\x98"', "\ufffd"),
        (b'"\xc0\x80\\ud800"', "\ufffd\ufffd\ufffd"),
        (b'\xef\xbb\xbf"x"', "x"),
    ],
    ids=ascii,
)
def test_text_that_cannot_be_encoded_becomes_replacement_characters(raw: bytes, value: str) -> None:
    """Lone surrogates and invalid UTF-8 do not kill a stream, and what comes out can always be encoded."""
    assert parse_json(raw) == value
    assert value.encode()
    assert parse_object(b'{"a":' + raw.removeprefix(b"\xef\xbb\xbf") + b"}") == {"a": value}


def test_a_lone_surrogate_in_a_key_is_replaced_too() -> None:
    """Keys are text like any other."""
    assert parse_object(b'{"\\ud800":1}') == {"\ufffd": 1}


@pytest.mark.parametrize(
    ("text", "value"), [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf), ("1e999", math.inf)]
)
def test_non_finite_numbers_are_accepted(text: str, value: float) -> None:
    """Python servers write them; one number must not end a stream."""
    number = parse_object(b'{"a":%s}' % text.encode())["a"]
    assert isinstance(number, float)
    assert number == value or (math.isnan(value) and math.isnan(number))


def test_the_last_of_equal_keys_wins() -> None:
    """As json.loads does."""
    assert parse_object(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


HOSTILE = {
    "empty": b"",
    "blank": b"  ",
    "truncated": b'{"event":"message","answer":"Hel',
    "truncated in an escape": b'{"a":"\\ud8',
    "truncated lone surrogate": b'{"a":"\\ud800',
    "two values": b"{} {}",
    "10^5 arrays deep": b"[" * 100_000,
    "10^5 objects deep": b'{"a":' * 100_000,
    "closed 10^5 deep": b"[" * 100_000 + b"]" * 100_000,
    "5000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "raw line feed": b'{"a":"x\ny"}',
    "raw NUL": b'{"a":"\0"}',
    "single quotes": b"{'a':1}",
    "leading zero": b'{"a":01}',
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "done sentinel": b"[DONE]",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_not_json_raises_the_documented_errors(raw: bytes) -> None:
    """Never RecursionError, never a dead process: ValueError for bodies, MalformedEvent for events."""
    with pytest.raises(ValueError, match=r" at byte \d+$") as body:
        parse_json(raw)
    assert len(str(body.value)) < 120
    with pytest.raises(MalformedEvent, match=r"at byte \d+ of \d+: ") as event:
        parse_object(raw)
    assert "\n" not in str(event.value)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"null", "null"),
        (b"true", "boolean"),
        (b"1", "number"),
        (b"1.5", "number"),
        (b'"x"', "string"),
        (b"[]", "array"),
        (b'"\xff"', "string"),
    ],
    ids=ascii,
)
def test_json_that_is_no_object_is_a_malformed_event(raw: bytes, kind: str) -> None:
    """Every event of Dify is an object."""
    with pytest.raises(MalformedEvent, match=rf"not a JSON object: a JSON {kind} at byte 0 of {len(raw)}: "):
        parse_object(raw)


@pytest.mark.parametrize(
    ("raw", "offset"),
    [(b'{"a":1,}', 7), (b'{"a":\n\n  x}', 9), (b"{} x", 3), (b'{"a":"x\ny"}', 8)],
    ids=ascii,
)
def test_the_offset_says_where_reading_stopped(raw: bytes, offset: int) -> None:
    """Lines are counted in bytes from the start of the text."""
    with pytest.raises(ValueError, match=f"at byte {offset}$"):
        parse_json(raw)


def test_a_parser_message_without_position_is_passed_on() -> None:
    """The wording belongs to another library and may change."""
    assert jsonio._explain(ValueError("no idea"), b"{") == "no idea at byte 0"


def test_the_error_shows_little_and_no_secret() -> None:
    """At most 200 characters of the data, redacted."""
    raw = b'{"answer":"Bearer ' + KEY.encode() + b'","x":"' + b"y" * 100_000
    with pytest.raises(MalformedEvent) as caught:
        parse_object(raw)
    message = str(caught.value)
    assert KEY not in message
    assert "Bearer ***" in message
    assert len(message.split(": ", 2)[2]) <= 200


def test_a_large_object_is_read() -> None:
    """10^5 keys and a megabyte of text are no problem."""
    raw = json.dumps({str(i): "x" * 10 for i in range(100_000)}).encode()
    assert len(parse_object(raw)) == 100_000


SHARDS = [b'"', b"\\", b"\\u", b"d800", b"dc00", b"{", b"}", b"[", b",", b":", b"1", b"\xff", b"NaN"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200)
@given(json_values, st.booleans())
def test_what_json_writes_is_read_back(value: JsonValue, ascii_only: bool) -> None:
    """Both encodings that Dify uses: raw UTF-8 and ASCII escapes."""
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.lists(st.sampled_from(SHARDS)).map(b"".join))
def test_any_bytes_give_a_value_or_the_documented_error(raw: bytes) -> None:
    """And every text in the value can be encoded."""
    try:
        value = parse_json(raw)
    except ValueError:
        with pytest.raises(MalformedEvent):
            parse_object(raw)
        return
    json.dumps(value, ensure_ascii=False).encode()


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=[])), st.binary(max_size=20))
def test_any_string_survives_with_its_readable_part(text: str, junk: bytes) -> None:
    """Lone surrogates are replaced one by one; pairs and everything else stay."""
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    value = parse_json(json.dumps(text).encode())
    assert isinstance(value, str)
    assert value.replace("\ufffd", "") == paired.replace("\ufffd", "")
    noisy = parse_json(b'"' + junk.translate(None, b'"\\' + bytes(range(32))) + b'"')
    assert noisy == junk.translate(None, b'"\\' + bytes(range(32))).decode("utf-8", "replace")
