"""gzip and deflate: however cut, the same bytes; ends and breaks; bombs in small pieces."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations import UnexpectedContent
from dify_integrations.core.unpacking import STEP, Unpacker


def raw(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw)]
packings = pytest.mark.parametrize(("encoding", "pack"), PACKERS, ids=["gzip", "deflate", "raw deflate"])


@packings
@given(data=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2000)))
def test_however_it_is_cut(encoding: str, pack: Callable[[bytes], bytes], data: bytes, cuts: list[int]) -> None:
    """The same bytes come out, and the end is seen at the end only."""
    packed = pack(data)
    places = sorted({0, len(packed), *(cut for cut in cuts if cut < len(packed))})
    unpacker, out = Unpacker(encoding), b""
    for begin, end in pairwise(places):
        out += b"".join(unpacker.feed(packed[begin:end]))
    assert out == data
    assert not unpacker.cut_short


@packings
def test_a_break_is_no_end(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Wherever it is; nothing at all is an empty body."""
    packed = pack(bytes(range(256)))
    assert not Unpacker(encoding).cut_short
    for length in range(2, len(packed)):
        unpacker = Unpacker(encoding)
        out = b"".join(unpacker.feed(packed[:length]))
        assert bytes(range(256)).startswith(out)
        assert unpacker.cut_short


@packings
def test_a_bomb_comes_in_pieces(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """None larger than a step, however much is inside; those who stop reading never unpack the rest."""
    packed = pack(bytes(5 * STEP + 7))
    assert [len(piece) for piece in Unpacker(encoding).feed(packed)] == [STEP] * 5 + [7]
    assert len(next(Unpacker(encoding).feed(packed))) == STEP


@packings
def test_bytes_behind_the_end_are_ignored(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Padding, as some servers send."""
    unpacker = Unpacker(encoding)
    assert b"".join([*unpacker.feed(pack(b"abc") + b"\0\0"), *unpacker.feed(b"\0")]) == b"abc"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_garbage(encoding: str) -> None:
    """A typed error, not zlib's."""
    with pytest.raises(UnexpectedContent, match="decoded"):
        list(Unpacker(encoding).feed(b"\xff\xff not packed at all"))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@given(data=st.binary())
def test_no_bytes_break_it(encoding: str, data: bytes) -> None:
    """Anything gives bytes or the typed error."""
    try:
        assert isinstance(b"".join(Unpacker(encoding).feed(data)), bytes)
    except UnexpectedContent:
        pass
