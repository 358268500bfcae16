"""Content inside messages as files, whatever alphabet, padding or wrapping it comes in."""

from __future__ import annotations

import base64
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations.bridge.inline import inline_file, kind_of
from dify_integrations.errors import InvalidArgument


@given(st.binary(min_size=1))
def test_every_spelling_is_the_same_file(content: bytes) -> None:
    plain = base64.b64encode(content).decode()
    url_safe = base64.urlsafe_b64encode(content).decode()
    wrapped = base64.encodebytes(content).decode()
    spellings: list[str | bytes] = [plain, plain.rstrip("="), url_safe, wrapped, f"data:application/pdf;base64,{plain}", content]
    spellings += [f"DATA:application/pdf;name=a;BASE64,{plain}", f"data:application/pdf,{quote_from_bytes(content)}"]
    files = {inline_file(spelling, "application/pdf") for spelling in spellings}
    assert [(file.type, file.filename, file.content) for file in files] == [("document", "file.pdf", content)]


@pytest.mark.parametrize(
    ("mime_type", "kind", "name"),
    [
        ("image/jpeg", "image", "file.jpg"),
        ("image/jpg", "image", "file.jpg"),
        ("audio/mpeg", "audio", "file.mp3"),
        ("video/mp4", "video", "file.mp4"),
        ("text/plain; charset=utf-8", "document", "file.txt"),
        ("application/json", "custom", "file.json"),
        ("application/x-nobody-knows", "custom", "file.bin"),
    ],
)
def test_type_and_name_by_mime_type(mime_type: str, kind: str, name: str) -> None:
    file = inline_file(b"x", mime_type)
    assert (file.type, file.filename) == (kind, name)


@pytest.mark.parametrize("filename", ["../../a.pdf", "C:\\x\\a.pdf", "a.pdf"])
def test_names_lose_their_folders(filename: str) -> None:
    file = inline_file(b"x", filename=filename)
    assert (file.filename, file.mime_type, file.type) == ("a.pdf", "application/pdf", "document")


@given(st.text())
def test_text_is_a_file_or_refused(text: str) -> None:
    try:
        assert isinstance(inline_file(text, "image/png").content, bytes)
    except InvalidArgument:
        return


def test_kind_by_name() -> None:
    assert (kind_of("", "a.pdf"), kind_of("application/octet-stream", "a.docx"), kind_of("")) == ("document", "document", "custom")
