"""Which page of a list comes next: Dify's two styles, as values without a socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ..errors import InvalidArgument, UnexpectedContent
from ..models.base import Page

T = TypeVar("T")

MOST = 100
"""Entries of the largest page. Above it Dify sends 100 and says that there is nothing more."""


def page_size(limit: int, most: int = MOST) -> str:
    """`limit` as the API takes it.

    Raises:
        InvalidArgument: Not between 1 and `most`.
    """
    if not 1 <= limit <= most:
        raise InvalidArgument(f"limit must be between 1 and {most}")
    return str(limit)


def page_number(page: int) -> str:
    """`page` as the API takes it.

    Raises:
        InvalidArgument: Below 1.
    """
    if page < 1:
        raise InvalidArgument("page must be 1 or more")
    return str(page)


class Numbers(Generic[T]):
    """The walk through a list with page numbers.

    Args:
        limit: Entries asked for per page, at most 100.

    Attributes:
        over: Whether there is no page left.
    """

    def __init__(self, limit: int) -> None:
        self.over = False
        self._number = 1
        self._limit = limit
        self._seen = 0
        self._read: dict[int, int] = {}  # what pages are known by, and their numbers

    @property
    def cursor(self) -> str:
        """Number of the page to ask for, from `1`."""
        return str(self._number)

    def take(self, page: Page[T]) -> Sequence[T]:
        """The entries of the page just read; moves the cursor on.

        Raises:
            UnexpectedContent: The server sent a page again, so the list might never end.
        """
        data = page.data
        if data:
            first = self._read.setdefault(hash(repr((len(data), data[0], data[-1]))), self._number)
            if first != self._number:
                raise UnexpectedContent(f"the server sent page {first} of the list again as page {self._number}")
        self._seen += len(data)
        self._number += 1
        self.over = not data or not self._goes_on(page)
        return data

    def _goes_on(self, page: Page[T]) -> bool:
        if page.total is not None:  # has_more is wrong for full last pages; 0.15 sends all segments whatever page is asked for
            return self._seen < page.total
        return len(page.data) >= self._limit if page.has_more is None else page.has_more


class Ids(Generic[T]):
    """The walk through a list whose pages are asked for by the id of an entry already seen.

    Args:
        id_of: Id of an entry.
        backward: Whether pages go back in time (`first_id`), so that the oldest entry of a page leads to the next one.
        time_of: Time of an entry, for `backward`: servers and documents differ in the order inside a page.

    Attributes:
        cursor: Id to ask with, `""` for the first page.
        over: Whether there is no page left.
    """

    def __init__(self, id_of: Callable[[T], str], *, backward: bool = False, time_of: Callable[[T], float] | None = None) -> None:
        self.cursor = ""
        self.over = False
        self._id_of = id_of
        self._backward = backward
        self._time_of = time_of
        self._used: set[str] = set()

    def take(self, page: Page[T]) -> Sequence[T]:
        """The entries of the page just read, newest first when walking backward; moves the cursor on.

        Raises:
            UnexpectedContent: The server's page leads back to one that was read, so the list would never end.
        """
        data = self._newest_first(page.data) if self._backward else page.data
        self.over = not data or not page.has_more
        if not self.over:
            self.cursor = self._id_of(data[-1])
            if self.cursor in self._used:
                raise UnexpectedContent("the server sent the same page of the list again; the rest of it cannot be read")
            self._used.add(self.cursor)
        return data

    def _newest_first(self, data: Sequence[T]) -> Sequence[T]:
        if self._time_of is not None and len(data) > 1 and self._time_of(data[0]) > self._time_of(data[-1]):
            return data
        return data[::-1]
