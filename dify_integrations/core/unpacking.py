"""Undoes gzip and deflate, piece by piece.

httpx does it too, but takes a body that ends in the middle for complete, and unpacks a bomb in one step. Here an end is known
from a break, and no piece is larger than `STEP`, so that a limit can be applied before the memory is taken.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final

from ..errors import UnexpectedContent

STEP: Final = 1024 * 1024
"""Largest piece in bytes."""
ENCODINGS: Final = ("gzip", "deflate")


class Unpacker:
    """One body on its way.

    Args:
        encoding: One of `ENCODINGS`.
    """

    def __init__(self, encoding: str) -> None:
        self._head = b""
        self._coder: Any = zlib.decompressobj(wbits=31) if encoding == "gzip" else None

    @property
    def cut_short(self) -> bool:
        """Whether something had begun and its end has not come."""
        return self._coder is not None and not self._coder.eof and bool(self._head)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes out of the next bytes; to be read to its end before more is fed. Bytes behind the end are ignored.

        Raises:
            UnexpectedContent: Bytes that are not of this encoding.
        """
        if len(self._head) < 2:
            self._head += data
            if self._coder is None and len(self._head) >= 2:
                self._coder, data = zlib.decompressobj(wbits=_window(self._head)), self._head
        coder = self._coder
        if coder is None:
            return
        more = True
        while more and not coder.eof:
            try:
                piece = coder.decompress(data, STEP)
            except zlib.error as error:
                raise UnexpectedContent(f"the answer could not be decoded: {error}") from error
            data = coder.unconsumed_tail
            # A full piece may leave something inside the decoder even when all input is used up.
            more = bool(data) or len(piece) == STEP
            if piece:
                yield piece


def _window(head: bytes) -> int:
    """Deflate comes with a header (RFC 9110) or, from some servers, without one."""
    with_header = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return 15 if with_header else -15
