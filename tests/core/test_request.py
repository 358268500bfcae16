"""Requests as values: paths that cannot escape their template, bodies, headers."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations import InvalidArgument
from dify_integrations.core.request import FilePart, Request, body_bytes, header_value, path_of, seekable, segment

IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: text.strip() and text not in (".", "..")
)


@given(first=IDS, second=IDS)
def test_the_sent_path_always_matches_the_template(first: str, second: str) -> None:
    """Whatever an id is, the server sees it in its place and nothing else."""
    path = path_of("/datasets/{dataset_id}/documents/{document_id}", dataset_id=first, document_id=second)
    sent = httpx.Request("GET", "http://127.0.0.1/v1" + path).url.raw_path.decode("ascii")
    parts = sent.split("/")
    assert (parts[:3], parts[4], len(parts)) == (["", "v1", "datasets"], "documents", 6)
    assert (unquote(parts[3]), unquote(parts[5])) == (first, second)


@given(st.text())
def test_an_id_is_sent_whole_or_refused(value: str) -> None:
    """There is no third way."""
    try:
        path = path_of("/x/{id}", id=value)
    except InvalidArgument:
        return
    assert re.fullmatch(r"/x/[A-Za-z0-9._~%-]+", path)
    assert unquote(path[3:]) == value


@pytest.mark.parametrize("value", ["", " ", "\t", ".", "..", "a\r\nb", "a\nb", "a\rb", "a\0b", "\x7f", "\ud800", None, 7])
def test_refused_ids(value: str) -> None:
    """Empty ones, dot segments and control characters, before anything is sent."""
    with pytest.raises(InvalidArgument, match="task_id"):
        segment("task_id", value)
    with pytest.raises(InvalidArgument):
        path_of("/x/{task_id}/stop", task_id=value)


def test_body() -> None:
    """Compact UTF-8."""
    assert body_bytes({"a": "ü", "b": [1, None]}) == '{"a":"ü","b":[1,null]}'.encode()


@pytest.mark.parametrize("value", [{"a": object()}, {"a": float("nan")}, {"a": "\ud800"}], ids=["object", "NaN", "surrogate"])
def test_bodies_that_json_has_no_words_for(value: dict[str, object]) -> None:
    """Refused, typed, before anything is sent."""
    with pytest.raises(InvalidArgument, match="JSON"):
        body_bytes(value)  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "\0", "ü", "\x7f"])
def test_refused_headers(value: str) -> None:
    """httpx would fail late, or not at all."""
    with pytest.raises(InvalidArgument, match="X-Trace"):
        header_value("X-Trace", value)
    assert header_value("X-Trace", "a b") == "a b"


def test_replayable() -> None:
    """Bytes, paths and files can be sent again, a pipe cannot."""
    assert Request("POST", "/x").replayable
    assert Request("POST", "/x", files=(FilePart("file", "a", b"x"),)).replayable
    assert Request("POST", "/x", files=(FilePart("file", "a", Path("a")), FilePart("file", "b", BytesIO()))).replayable
    pipe = BytesIO()
    pipe.seekable = lambda: False  # type: ignore[method-assign]
    assert not Request("POST", "/x", files=(FilePart("file", "a", b"x"), FilePart("file", "b", pipe))).replayable


def test_contents_do_not_show() -> None:
    """A file's bytes are nobody's log line."""
    assert "secret" not in repr(FilePart("file", "a", b"secret"))


class Mute:
    """A file-like object of its own kind: it can be rewound or not, and does not say so."""

    def __init__(self, *, rewinds: bool) -> None:
        if rewinds:
            self.seek = lambda _: None


def test_what_can_be_rewound() -> None:
    """Temporary files of Python 3.10 do not say; a closed file cannot."""
    closed = BytesIO()
    closed.close()
    files: list[tuple[Any, bool]] = [(BytesIO(), True), (closed, False), (Mute(rewinds=True), True), (Mute(rewinds=False), False)]
    for file, expected in files:
        assert seekable(file) is expected
