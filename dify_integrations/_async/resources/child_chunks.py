"""Pieces of parent chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncChildChunks:
    """Pieces of parent chunks."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
