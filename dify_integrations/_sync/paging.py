# Generated from dify_integrations/_async/paging.py by .ci/twin.py; edit that file and run `make twin`.
"""Lists that are longer than a page, read as they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ..core.operation import Operation
    from ..models.base import Page
    from ..operations.paging import Ids, Numbers
    from .transport import Transport

T = TypeVar("T")


class Pages(Generic[T]):
    """Every entry of a list; nothing is sent before it is iterated, and no page before it is needed.

    Iterate it for entries, or `pages()` for whole pages. It can be iterated again, from the start. A list that changes
    meanwhile can show an entry twice or not at all.
    """

    def __init__(
        self, transport: Transport, walk: Callable[[], Ids[T] | Numbers[T]], build: Callable[[str], Operation[Page[T]]]
    ) -> None:
        self._transport = transport
        self._walk = walk
        self._build = build
        build(walk().cursor)  # refuses what cannot be sent, now and not at the first entry

    def __iter__(self) -> Iterator[T]:
        """Entry by entry.

        Raises:
            UnexpectedContent: The server sent a page again.
        """
        walk = self._walk()
        while not walk.over:
            for entry in walk.take(self._transport.send(self._build(walk.cursor))):
                yield entry

    def pages(self) -> Iterator[Page[T]]:
        """Page by page, as the server sent them.

        Raises:
            UnexpectedContent: The server sent a page again.
        """
        walk = self._walk()
        while not walk.over:
            page = self._transport.send(self._build(walk.cursor))
            walk.take(page)
            yield page
