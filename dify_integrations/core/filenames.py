"""Names for downloaded files: what a server says a file is called, made into a name that every file system takes.

A name from outside is a suggestion. It never chooses a folder, never names a device, never hides itself, and always
leaves something that can be written.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_BYTES: Final = 255
"""Longest name in UTF-8 bytes that common file systems take."""
_MAX_EXTENSION_BYTES: Final = 32
_DEFAULT: Final = "download"
# One parameter per match; a quoted value is taken whole, so that nothing inside it looks like a parameter.
_PARAMETER: Final = re.compile(r';\s*([!#$&+.^_`|~\w-]+\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))', re.DOTALL)
_CHARSETS: Final = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}
# Control characters, line and paragraph separators, and marks that turn the direction of writing round, which make
# "exe.gpj" out of "jpg.exe".
_REMOVED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# What Windows keeps for drives, streams and wildcards; and half characters, which cannot be written.
_REPLACED: Final = re.compile('[<>:"|?*\ud800-\udfff]')
# Also with an extension, and with spaces before it; the superscript digits count as digits there.
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE)


def disposition_name(header: str) -> str:
    """The file name in a `Content-Disposition` header as it was sent, `""` when there is none (RFC 6266).

    `filename*` (UTF-8 or Latin-1, percent-encoded) counts more than `filename`.
    """
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(f";{header}"):
        value = match[3].strip() if match[2] is None else re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)
        found.setdefault(match[1].lower(), value)
    return _extended(found.get("filename*", "")) or found.get("filename", "")


def _extended(value: str) -> str:
    """`UTF-8'en'na%20me`; nothing when it is not of this form, as RFC 6266 asks."""
    charset, quote, rest = value.partition("'")
    encoding = _CHARSETS.get(charset.strip().lower())
    _, second, text = rest.partition("'")
    return unquote_to_bytes(text).decode(encoding, "replace") if encoding and quote and second else ""


def safe_name(name: str, default: str = _DEFAULT) -> str:
    """Return `name` as one that can be created in a folder without surprise.

    Args:
        name: Any text, from a server.
        default: Used when nothing is left; it is treated the same way.

    Returns:
        A base name without separators, drive, wildcards, control characters, leading dot, and spaces or dots at either
        end; no device name of Windows; at most 255 bytes of UTF-8, the extension kept; never empty.
    """
    for candidate in (name, default):
        base = next((part for part in map(_clean, reversed(re.split(r"[/\\]", candidate))) if part), "")
        if base:
            return base
    return _DEFAULT


def _clean(part: str) -> str:
    part = _REPLACED.sub("_", _REMOVED.sub("", part)).lstrip(". ").rstrip(". ")
    if _DEVICE.match(part):
        part = f"_{part}"
    return _shortened(part)


def _shortened(part: str) -> str:
    """Cut the stem, not the extension; a cut may leave a space or dot at the end."""
    if len(part.encode()) <= MAX_BYTES:
        return part
    stem, dot, extension = part.rpartition(".")
    ending = dot + extension
    if not stem or len(ending.encode()) > _MAX_EXTENSION_BYTES:
        stem, ending = part, ""
    room = MAX_BYTES - len(ending.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + ending
