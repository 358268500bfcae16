"""No secret leaves in a message, and no message is a dump."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.core.redact import excerpt, redact

KEY = "app-CANARYcanary0123456789ab"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"key {KEY} refused", "key app-*** refused"),
        (f"dataset-{'a1B2' * 6}", "dataset-***"),
        (f"a%20{KEY}&b", "a%20app-***&b"),
        ("app-123456789012", "app-***"),
        ("Authorization: Bearer secret.token/x+y==", "Authorization: Bearer ***"),
        ("BEARER   secret", "BEARER   ***"),
        ("{'authorization': 'bearer secret'}", "{'authorization': 'bearer ***'}"),
        ("Bearer: secret, next", "Bearer: ***, next"),
        ("Bearer%20secret", "Bearer%20***"),
        (f"Bearer {KEY}", "Bearer ***"),
        ("https://user:pass@host/v1", "https://***@host/v1"),
        ("http://user@host", "http://***@host"),
        ("socks5://u:p@ss:w@rd@proxy:1080 failed", "socks5://***@proxy:1080 failed"),
        ("https://h/files/x.png?timestamp=1&nonce=abc&sign=D%3D", "https://h/files/x.png?timestamp=***&nonce=***&sign=***"),
        ("/files/x?sign=abc#top", "/files/x?sign=***#top"),
        ("?a=1&SIGNATURE=abc&amp;token=t'", "?a=1&SIGNATURE=***&amp;token=***'"),
        ('"http://h/f?timestamp=1\\u0026nonce=2\\u0026sign=3"', '"http://h/f?timestamp=***\\u0026nonce=***\\u0026sign=***"'),
        ("u=http%3A%2F%2Fh%3Fsign%3Dabc&x=1", "u=http%3A%2F%2Fh%3Fsign%3D***&x=1"),
        ("u=%26token=abc", "u=%26token=***"),
        ("?X-Amz-Signature=abc&access_token=def", "?X-Amz-Signature=***&access_token=***"),
        ('{"form_token": "abc", "token":"d"}', '{"form_token": "***", "token":"***"}'),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_secrets_are_hidden(text: str, hidden: str) -> None:
    """What stands before the value stays, so the reader sees what it was."""
    assert redact(text) == hidden
    assert redact(hidden) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Authorization header must be provided and start with 'Bearer'",
        "Authorization scheme must be 'Bearer'",
        "app-short and dataset-short",
        "https://api.dify.ai/v1/chat-messages?user=a@b.c",
        "write to me@example.com about https://example.com/x",
        '{"url":"https://example.com","email":"a@b.c"}',
        '{"timestamp": 17, "total_tokens": 12, "tokens": "x"}',
        "design=blue, max_tokens=5, timestamp 12",
    ],
    ids=ascii,
)
def test_harmless_text_stays(text: str) -> None:
    """Messages of Dify itself must stay readable."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("secrets", "hidden"),
    [
        (("s3cret",), "a *** b s3 c"),
        (("s3", "s3cret"), "a *** b *** c"),
        (("", "s3cret"), "a *** b s3 c"),
        ((), "a s3cret b s3 c"),
    ],
    ids=ascii,
)
def test_given_secrets_are_hidden_longest_first(secrets: tuple[str, ...], hidden: str) -> None:
    """A secret that begins like a shorter one leaves no rest; an empty one is no secret."""
    assert redact("a s3cret b s3 c", *secrets) == hidden


def test_every_occurrence_is_hidden() -> None:
    """Also when the same key stands twice."""
    assert redact("k1 k1k1", "k1") == "*** ******"


@pytest.mark.parametrize(
    "unit",
    [
        "app-",
        "dataset-a",
        "Bearer ",
        "bearer:=%20",
        "://",
        "://a",
        "a@",
        "sign=",
        "token%3D",
        '"token" : ',
        "%26sign",
        "\\u0026",
        " ",
        "a",
    ],
    ids=ascii,
)
def test_redaction_is_linear_on_hostile_text(unit: str) -> None:
    """A server cannot keep us busy: 300 000 characters of the worst repetitions take no noticeable time."""
    text = unit * (300_000 // len(unit))
    started = time.process_time()
    redact(text)
    excerpt(text)
    assert time.process_time() - started < 3


# ---------------------------------------------------------------- excerpt


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", ""),
        ("", ""),
        (b"502 Bad Gateway", "502 Bad Gateway"),
        ("<html>\r\n\t<b>x</b>\u2028y\xa0z", "<html>   <b>x</b> y z"),
        (b"a\0b\x1b[31mc\x7f", "a\ufffdb\ufffd[31mc\ufffd"),
        ("a\u202eb\u200b\ud800c", "a\ufffdb\ufffd\ufffdc"),
        (b"\xff\xc3\xbc", "\ufffdü"),
        ("héllo 😀", "héllo 😀"),
    ],
    ids=ascii,
)
def test_an_excerpt_is_one_printable_line(data: bytes | str, line: str) -> None:
    """Control, bidirectional and invisible characters, lone surrogates and invalid bytes cannot spoil a log."""
    assert excerpt(data) == line


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("x" * 200, 200, "x" * 200),
        ("x" * 201, 200, "x" * 199 + "…"),
        ("x" * 10**6, 200, "x" * 199 + "…"),
        ("abcdef", 3, "ab…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_an_excerpt_is_cut_visibly(text: str, limit: int, line: str) -> None:
    """The mark of the cut is part of the limit."""
    assert excerpt(text, limit) == excerpt(text.encode(), limit) == line


@pytest.mark.parametrize("before", range(150, 215))
def test_a_cut_never_uncovers_a_key(before: int) -> None:
    """Redaction comes first, so no part of the key is left at the edge."""
    shown = excerpt("x" * before + " " + KEY + " y" * 5000)
    assert "CANARY"[: max(0, 200 - before)] not in shown or shown.endswith("x…")
    assert "CAN" not in shown


@pytest.mark.parametrize("secret", [f"{KEY} ", "https://user:CANARYpass@h ", "Bearer CANARY12345678 ", "?sign=CANARYsign123 "])
@pytest.mark.parametrize("shift", range(40))
def test_a_secret_cut_by_the_window_is_hidden(secret: str, shift: int) -> None:
    """Hiding shortens the text so much that the end of what was looked at is shown: no half secret may stand there."""
    data = "y" * shift + secret * 1000
    shown = excerpt(data, 10_000)
    assert "CAN" not in shown
    assert len(shown) <= 10_000


SHARDS = [
    "app-",
    "dataset-",
    "A1b2C3d4E5f6",
    "Bearer ",
    "://",
    "u:p",
    "@",
    "?",
    "&",
    "sign=",
    "token",
    "=",
    '"',
    ":",
    " ",
    "\n",
    "***",
    "x",
]
pieces = st.lists(st.sampled_from(SHARDS)).map("".join)


@settings(max_examples=200)
@given(pieces | st.text(max_size=50))
def test_redacting_twice_changes_nothing(text: str) -> None:
    """Messages pass several layers, each of which redacts."""
    assert redact(redact(text)) == redact(text)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=[]), max_size=300) | st.binary(max_size=300), st.integers(0, 50))
def test_any_excerpt_is_short_printable_and_encodable(data: str | bytes, limit: int) -> None:
    """Whatever the server sends."""
    shown = excerpt(data, limit)
    assert len(shown) <= limit
    assert all(char.isprintable() or char == "\ufffd" for char in shown)
    shown.encode()
