"""Lists that are longer than a page, read as they are needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ..core.operation import Operation
    from ..models.base import Page
    from ..operations.paging import Ids, Numbers
    from .transport import AsyncTransport

T = TypeVar("T")


class AsyncPages(Generic[T]):
    """Every entry of a list; nothing is sent before it is iterated, and no page before it is needed.

    Iterate it for entries, or `pages()` for whole pages. It can be iterated again, from the start. A list that changes
    meanwhile can show an entry twice or not at all.
    """

    def __init__(
        self, transport: AsyncTransport, walk: Callable[[], Ids[T] | Numbers[T]], build: Callable[[str], Operation[Page[T]]]
    ) -> None:
        self._transport = transport
        self._walk = walk
        self._build = build
        build(walk().cursor)  # refuses what cannot be sent, now and not at the first entry

    async def __aiter__(self) -> AsyncIterator[T]:
        """Entry by entry.

        Raises:
            UnexpectedContent: The server sent a page again.
        """
        walk = self._walk()
        while not walk.over:
            for entry in walk.take(await self._transport.send(self._build(walk.cursor))):
                yield entry

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page by page, as the server sent them.

        Raises:
            UnexpectedContent: The server sent a page again.
        """
        walk = self._walk()
        while not walk.over:
            page = await self._transport.send(self._build(walk.cursor))
            walk.take(page)
            yield page
