"""Hide secrets in any text that leaves this package: error messages, log lines, reports.

Works on patterns, so it also catches keys nobody told it about. It may hide too much, never too little on purpose.
Every pattern is linear: one run of characters per match, and runs of different matches cannot overlap.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

# Each pattern keeps group 1, so that the reader still sees what kind of thing was hidden.
_PATTERNS: Final = (
    # "Bearer app-…", "Bearer: …"; the message "Authorization scheme must be 'Bearer'" stays whole.
    re.compile(r"(Bearer(?:[\s:=]|%20)+)[^\s\"',;<>]+", re.IGNORECASE),
    # No left boundary here or above: percent-encoded text ("%20app-…") has a digit before the key.
    re.compile(r"((?:app|dataset)-)[A-Za-z0-9_-]{12,}"),
    # Up to the last "@" before the path: passwords hold unescaped "@".
    re.compile(r"(://)[^/?#\s\"'<>\\]+(?=@)"),
    # Signed file URLs and one-time tokens, as query parameter (plain, encoded, JSON-escaped) or as JSON member.
    re.compile(
        r"((?:(?<![A-Za-z0-9])|(?<=\\u0026)|(?<=%26)|(?<=%3F))"
        r"(?:sign|signature|timestamp|nonce|token)(?:=|%3D|\"\s{0,4}:\s{0,4}\"))[^&\s\"'#<>\\]+",
        re.IGNORECASE,
    ),
)
# What a cut may have left of a secret, too little for the patterns above.
_CUT_SECRET: Final = re.compile(r"(?:(?:app|dataset)-[A-Za-z0-9_-]{0,11}|://[^/?#\s\"'<>\\@]+)\Z")
_MARGIN: Final = 2048


def redact(text: str, *secrets: str) -> str:
    """Return `text` with secrets replaced by `***`.

    Args:
        text: Any text; the time taken grows with its length only.
        secrets: Exact strings to hide wherever they stand, such as the client's own key. Empty ones are ignored.

    Returns:
        The text without the given secrets, without anything after `Bearer`, anything that looks like a Dify key, user and
        password in URLs, and values of `sign`, `signature`, `timestamp`, `nonce` and `token` (also as the last word of a
        longer name such as `form_token`). What stands before a value is kept.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def excerpt(data: bytes | str, limit: int = 200) -> str:
    """Return the beginning of `data` as one printable line for an error message.

    Args:
        data: Text, or bytes read as UTF-8. Only the part that can be shown is looked at.
        limit: Longest result in characters, the closing `…` of a cut included.

    Returns:
        Redacted text; white space is a plain space, other unprintable characters and lone surrogates are U+FFFD. Redaction
        comes before cutting, so a cut never uncovers a secret.
    """
    window = data[: 4 * limit + _MARGIN]
    text = window.decode("utf-8", "replace") if isinstance(window, bytes) else window
    whole = len(window) == len(data)
    text = redact("".join(map(_printable, text)))
    if not whole:
        text = _CUT_SECRET.sub(MASK, text)
    if whole and len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)] + "…"[:limit]


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "\ufffd"
