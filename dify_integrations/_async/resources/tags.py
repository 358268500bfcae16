"""Tags of knowledge bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncTags:
    """Tags of knowledge bases."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
