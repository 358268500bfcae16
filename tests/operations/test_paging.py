"""Walks through lists: every entry once, in order, and always to an end, whatever the server says of further pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations.errors import InvalidArgument, UnexpectedContent
from dify_integrations.models.base import Page
from dify_integrations.operations.paging import MOST, Ids, Numbers, page_number, page_size

Entry = tuple[str, float]
"""Id and time."""
Serve = Callable[[str], "Page[Entry]"]

LENGTHS = st.integers(0, 45)
LIMITS = st.integers(1, 12)
# What servers say beside the entries: nothing (feedback), has_more of a full page (annotations), the truth, and a total.
NUMBERED = st.sampled_from(["nothing", "full page", "truth", "total", "total and full page", "total and never"])


def entries(count: int) -> list[Entry]:
    """Oldest first; three of them in every second, as quick users make them."""
    return [(f"id-{number}", float(number // 3)) for number in range(count)]


def page_of(data: Sequence[Entry] | None, **said: Any) -> Page[Entry]:
    return Page[Entry].model_validate({"data": data, **said})


def numbered(everything: list[Entry], limit: int, style: str) -> Serve:
    """A server with page numbers."""

    def serve(cursor: str) -> Page[Entry]:
        start = (int(cursor) - 1) * limit
        data = everything[start : start + limit]
        said: dict[str, Any] = {}
        if "total" in style:
            said["total"] = len(everything)
        if "full page" in style:
            said["has_more"] = len(data) == limit
        elif style == "truth":
            said["has_more"] = start + limit < len(everything)
        elif "never" in style:  # what Dify says of a limit above 100
            said["has_more"] = False
        return page_of(data or None, **said)

    return serve


def after_id(everything: list[Entry], limit: int, *, truthful: bool = True) -> Serve:
    """A server with `last_id`."""

    def serve(cursor: str) -> Page[Entry]:
        start = [name for name, _ in everything].index(cursor) + 1 if cursor else 0
        data = everything[start : start + limit]
        return page_of(data, has_more=start + limit < len(everything) if truthful else len(data) == limit)

    return serve


def before_id(everything: list[Entry], limit: int, *, newest_first: bool) -> Serve:
    """A server with `first_id`: the newest page first, in either order within it."""

    def serve(cursor: str) -> Page[Entry]:
        end = [name for name, _ in everything].index(cursor) if cursor else len(everything)
        data = everything[max(0, end - limit) : end]
        return page_of(data[::-1] if newest_first else data, has_more=end > limit)

    return serve


def walked(walk: Ids[Entry] | Numbers[Entry], serve: Serve, most: int = 100) -> tuple[list[Entry], list[str]]:
    """Entries and cursors of a walk, as the driver walks it."""
    found: list[Entry] = []
    cursors: list[str] = []
    while not walk.over:
        assert len(cursors) < most, "the walk does not end"
        cursors.append(walk.cursor)
        found += walk.take(serve(walk.cursor))
    return found, cursors


def forward() -> Ids[Entry]:
    return Ids(lambda entry: entry[0])


def backward() -> Ids[Entry]:
    return Ids(lambda entry: entry[0], backward=True, time_of=lambda entry: entry[1])


@given(LENGTHS, LIMITS, NUMBERED)
def test_numbers_give_every_entry_once(count: int, limit: int, style: str) -> None:
    """With at most one request more than there are pages."""
    everything = entries(count)
    found, cursors = walked(Numbers(limit), numbered(everything, limit, style))
    assert found == everything
    assert cursors == [str(number + 1) for number in range(len(cursors))]
    assert len(cursors) <= count // limit + 1


@given(LENGTHS, LIMITS, st.booleans())
def test_ids_give_every_entry_once(count: int, limit: int, truthful: bool) -> None:
    """Forward, each page asked for with the last id of the one before."""
    everything = entries(count)
    found, cursors = walked(forward(), after_id(everything, limit, truthful=truthful))
    assert found == everything
    assert cursors[1:] == [everything[place - 1][0] for place in range(limit, count + (not truthful), limit)][: len(cursors) - 1]
    assert len(cursors) <= count // limit + 1


@given(LENGTHS, LIMITS)
def test_ids_give_every_entry_once_backward(count: int, limit: int) -> None:
    """Newest first, whole pages of one second included."""
    everything = entries(count)
    found, _ = walked(backward(), before_id(everything, limit, newest_first=False))
    assert found == everything[::-1]


@given(LENGTHS, LIMITS)
def test_pages_that_are_newest_first_already(count: int, limit: int) -> None:
    """Told apart by their times, as far as those tell."""
    everything = [(name, float(number)) for number, (name, _) in enumerate(entries(count))]
    found, _ = walked(backward(), before_id(everything, limit, newest_first=True))
    assert found == everything[::-1]


@given(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=8), st.booleans() | st.none(), st.integers(0, 40) | st.none())
def test_no_server_makes_a_walk_endless(script: list[list[int]], has_more: bool | None, total: int | None) -> None:
    """Whatever it sends, again and again: the walk ends, or the repetition is an error."""
    pages = [[(f"id-{number}", 0.0) for number in numbers] for numbers in script] or [[]]
    for walk in (Numbers[Entry](4), forward(), backward()):
        served = iter([*pages, *[pages[-1]] * 50])
        try:
            _, cursors = walked(walk, lambda _: page_of(next(served), has_more=has_more, total=total), most=50)
        except UnexpectedContent:
            continue
        assert walk.over
        assert len(cursors) <= 50


def test_a_full_last_page() -> None:
    """The server cannot know that nothing follows; one more page is read, and it is empty."""
    assert walked(Numbers(3), numbered(entries(6), 3, "full page"))[1] == ["1", "2", "3"]
    assert walked(Numbers(3), numbered(entries(6), 3, "nothing"))[1] == ["1", "2", "3"]
    assert walked(Numbers(3), numbered(entries(6), 3, "total and full page"))[1] == ["1", "2"]
    assert walked(forward(), after_id(entries(6), 3, truthful=False))[1] == ["", "id-2", "id-5"]


def test_an_empty_list_is_one_request() -> None:
    assert walked(Numbers(3), numbered([], 3, "nothing")) == ([], ["1"])
    assert walked(forward(), after_id([], 3)) == ([], [""])


def test_a_total_that_is_too_large_ends_with_the_entries() -> None:
    """Entries can be deleted meanwhile."""
    found, cursors = walked(Numbers(2), lambda cursor: page_of(entries(3)[2 * int(cursor) - 2 : 2 * int(cursor)], total=9))
    assert found == entries(3)
    assert cursors == ["1", "2", "3"]


def test_a_server_that_sends_everything_on_every_page() -> None:
    """As 0.15 does with segments; the total says so."""
    assert walked(Numbers(2), lambda _: page_of(entries(5), total=5)) == (entries(5), ["1"])


def test_the_same_page_again_is_an_error() -> None:
    """A server that ignores the page number would be walked for ever; nothing is given twice."""
    walk: Numbers[Entry] = Numbers(2)
    assert walk.take(page_of(entries(2), has_more=True)) == entries(2)
    with pytest.raises(UnexpectedContent, match="page 1 of the list again as page 2"):
        walk.take(page_of(entries(2), has_more=True))


@pytest.mark.parametrize("walk", [forward(), backward()], ids=["forward", "backward"])
def test_a_cursor_that_comes_back_is_an_error(walk: Ids[Entry]) -> None:
    """The same for a server that ignores the id."""
    walk.take(page_of(entries(2), has_more=True))
    with pytest.raises(UnexpectedContent, match="same page of the list again"):
        walk.take(page_of(entries(2), has_more=True))


def test_a_circle_of_pages_is_an_error() -> None:
    """A cursor that was used two pages ago counts too."""
    walk = forward()
    first, second = entries(4)[:2], entries(4)[2:]
    walk.take(page_of(first, has_more=True))
    walk.take(page_of(second, has_more=True))
    with pytest.raises(UnexpectedContent):
        walk.take(page_of(first, has_more=True))


@pytest.mark.parametrize("said", [{}, {"has_more": True}, {"total": 10_000}], ids=["nothing", "has_more", "total"])
@pytest.mark.parametrize("pages", [2, 3, 7])
def test_a_circle_of_numbered_pages_is_an_error(pages: int, said: dict[str, Any]) -> None:
    """A server that reads the number wrongly; nothing is given twice."""
    everything = entries(2 * pages)
    walk: Numbers[Entry] = Numbers(2)
    for number in range(pages):
        walk.take(page_of(everything[2 * number : 2 * number + 2], **said))
    with pytest.raises(UnexpectedContent, match=f"page 1 of the list again as page {pages + 1}"):
        walk.take(page_of(everything[:2], **said))


@pytest.mark.parametrize(("limit", "sent"), [(1, "1"), (20, "20"), (MOST, "100")])
def test_page_sizes(limit: int, sent: str) -> None:
    assert page_size(limit) == sent


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_refused_page_sizes(limit: int) -> None:
    """Some servers refuse them, others silently send 100 and say that nothing follows."""
    with pytest.raises(InvalidArgument, match="between 1 and 100"):
        page_size(limit)


def test_page_numbers() -> None:
    assert page_number(7) == "7"
    with pytest.raises(InvalidArgument, match="1 or more"):
        page_number(0)
