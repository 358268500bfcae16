"""Names of downloads: what servers say, and what may be created."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dify_integrations.core.filenames import MAX_BYTES, disposition_name, safe_name

DEVICES = ["CON", "prn", "Aux", "NUL", "COM0", "com1", "LPT9", "COM¹", "lpt³", "CONIN$", "conout$"]
# Text as attackers write it: separators, dots, devices and spaces, more often than chance would have them.
PIECES = st.sampled_from(
    ["/", "\\", "..", ".", " ", "CON", "nul", "COM1", ":", "\0", "\n", "a", "é", "文", "\u202e", "\ud800", ".txt"]
)
NAMES = st.one_of(st.text(), st.lists(PIECES).map("".join), st.text(min_size=200, max_size=400))


def is_device(name: str) -> bool:
    return name.split(".")[0].rstrip().upper() in {device.upper() for device in DEVICES}


@given(NAMES, NAMES)
@example("", "")
@example("." * 300, "/")
@example("CON" + " " * 300 + ".txt", "x")
@example("a" * 254 + "é", "x")
@example("a" * 300 + "." + "b" * 300, "x")
def test_every_name_can_be_created(name: str, default: str) -> None:
    """Whatever a server says, one plain file in the given folder comes of it."""
    safe = safe_name(name, default)
    assert safe
    assert len(safe.encode("utf-8")) <= MAX_BYTES
    assert not re.search(r'[/\\<>:"|?*]', safe)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in safe)
    assert not any(unicodedata.bidirectional(character) in ("RLO", "LRO", "RLE", "LRE", "PDF") for character in safe)
    assert safe == safe.strip(". ")
    assert not is_device(safe)
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("größe 文档.pdf", "größe 文档.pdf"),
        ("/etc/passwd", "passwd"),
        ("../../.ssh/authorized_keys", "authorized_keys"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ("C:evil.exe", "C_evil.exe"),
        ("a.txt:stream", "a.txt_stream"),
        ("folder/", "folder"),
        (".bashrc", "bashrc"),
        ("...", "download"),
        ("..", "download"),
        ("", "download"),
        ("/", "download"),
        ("a\r\nb\0.txt", "ab.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("name. . ", "name"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul .txt", "_nul .txt"),
        ("COM¹.log", "_COM¹.log"),
        ("console.txt", "console.txt"),
        ("com10.txt", "com10.txt"),
        ("half\ud800.txt", "half_.txt"),
        ("what?*.txt", "what__.txt"),
    ],
)
def test_names(name: str, expected: str) -> None:
    """One example of every rule."""
    assert safe_name(name) == expected


def test_long_names_keep_their_extension() -> None:
    """Cut in the stem, between characters; an extension that is none is cut as well."""
    assert safe_name("é" * 200 + ".pdf") == "é" * 125 + ".pdf"
    assert safe_name("a" * 300) == "a" * 255
    assert safe_name("a." + "b" * 300) == "a." + "b" * 253
    assert safe_name("a" * 250 + " " * 20 + ".pdf") == "a" * 250 + ".pdf"


def test_the_default_is_made_safe_too() -> None:
    assert safe_name("", "../x.pdf") == "x.pdf"
    assert safe_name("..", "..") == "download"


@pytest.mark.parametrize("header", ["", "attachment", "inline; x=y", "attachment; filename=", "attachment; filename*=UTF-8"])
def test_headers_without_a_name(header: str) -> None:
    assert disposition_name(header) == ""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("attachment; filename*=UTF-8''cat.png", "cat.png"),  # what Dify sends
        ("attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%E6%96%87.pdf", "größe 文.pdf"),
        ("attachment; filename*=utf-8'en'a%27b.txt", "a'b.txt"),
        ("attachment; filename*=ISO-8859-1''%A3.txt", "£.txt"),
        ("attachment; filename=\"plain.txt\"; filename*=UTF-8''better.txt", "better.txt"),
        ("attachment; filename*=UTF-8''better.txt; filename=plain.txt", "better.txt"),
        ("attachment; filename=plain.txt; filename*=UTF-16''x", "plain.txt"),
        ("attachment; filename=plain.txt; filename*=nonsense", "plain.txt"),
        ("attachment; filename=plain.txt; filename*=UTF-8'x", "plain.txt"),
        ("attachment; filename*=UTF-8''%FF.txt", "\ufffd.txt"),
        ('attachment; filename="a \\"b\\" \\\\c.txt"', 'a "b" \\c.txt'),
        ('attachment; filename="x; filename=evil.txt"', "x; filename=evil.txt"),
        ("ATTACHMENT ;\tFILENAME = token.txt ", "token.txt"),
        ("filename=bare.txt", "bare.txt"),
        ("attachment; filename=first.txt; filename=second.txt", "first.txt"),
        ('attachment; filename="größe.txt"', "größe.txt"),
        ('attachment; filename="open', ""),
    ],
)
def test_headers(header: str, expected: str) -> None:
    """RFC 6266 and 5987, and what servers make of them."""
    assert disposition_name(header) == expected


@given(st.text())
def test_no_header_breaks_the_reader(header: str) -> None:
    """Anything gives some name, or none."""
    assert safe_name(disposition_name(f"attachment; filename={header}"))
    assert isinstance(disposition_name(header), str)
