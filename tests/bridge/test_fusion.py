"""Several ranked lists as one, and parent passages as their children."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.fusion import children_of, merged
from dify_integrations.bridge.hits import Hit


def hit(name: str, *, base: str = "kb", children: tuple[dict[str, Any], ...] = ()) -> Hit:
    return Hit(id=name, text=name, score=None, dataset_id=base, children=children)


def ids(hits: list[Hit]) -> list[str]:
    return [one.id for one in hits]


def test_one_list_stays_as_it_is() -> None:
    hits = [hit("a"), hit("b")]
    assert merged([hits], top_k=None) == hits
    assert merged([hits], top_k=1) == hits[:1]
    assert merged([], top_k=3) == []


def test_lists_are_fused_by_rank() -> None:
    """Check 24: what two searches find beats the best of one; equal ranks keep the order of the lists."""
    fused = merged([[hit("a"), hit("b")], [hit("c"), hit("b")], [hit("d")]], top_k=3)
    assert ids(fused) == ["b", "a", "c"]


def test_a_hit_that_a_list_has_twice_counts_once() -> None:
    """An external knowledge base may tell the same words twice; they have the same id."""
    assert ids(merged([[hit("a"), hit("b"), hit("b")], [hit("c")]], top_k=None)) == ["a", "c", "b"]
    first, second = hit("a"), hit("a", base="other")
    assert merged([[first, second]], top_k=None) == [first]


def test_equal_places_are_equal_in_whatever_list_they_are() -> None:
    """As floating point numbers 1/61 + 1/67 + 1/62 and 1/62 + 1/61 + 1/67 differ."""

    def ranked(number: int, **places: int) -> list[Hit]:
        names = {place: name for name, place in places.items()}
        return [hit(names.get(place, f"filler {number} {place}")) for place in range(8)]

    fused = ids(merged([ranked(1, x=1, y=2), ranked(2, x=7, y=1), ranked(3, x=2, y=7)], top_k=None))
    assert fused[:2] == ["x", "y"]


_LISTS = st.lists(st.lists(st.sampled_from("abcdefgh").map(hit), max_size=8), max_size=5)


@settings(max_examples=200)
@given(_LISTS, st.none() | st.integers(1, 10), st.data())
def test_fusion_for_any_lists(lists: list[list[Hit]], top_k: int | None, data: st.DataObject) -> None:
    """Check 24: deterministic, `k` respected, nothing twice, nothing lost; the order of the lists decides between equals only."""
    fused = merged(lists, top_k=top_k)
    assert fused == merged(lists, top_k=top_k)
    everything = {one.id for found in lists for one in found}
    assert len(fused) == len(set(ids(fused))) == min(len(everything), top_k or len(everything))
    whole, shuffled = merged(lists, top_k=None), merged(data.draw(st.permutations(lists)), top_k=None)
    assert whole[: len(fused)] == fused
    assert set(ids(whole)) == set(ids(shuffled)) == everything
    best = hit("best")
    assert merged([[best, *found] for found in lists], top_k=1) == [best][: len(lists)]


def test_children_of_a_passage_come_best_first_and_know_it() -> None:
    chunks = (
        {"id": "c1", "content": "Water.", "position": 1, "score": 0.2},
        {"id": "c2", "content": "Fire.", "position": 2, "score": 0.9},
        {"id": None, "content": "Air.", "position": 3, "score": None},
    )
    parent, plain = hit("p", children=chunks), hit("q")
    first, *children = children_of([plain, parent])
    assert first == plain
    assert [(child.id, child.text, child.score, child.position) for child in children] == [
        ("c2", "Fire.", 0.9, 2),
        ("c1", "Water.", 0.2, 1),
        ("p/3", "Air.", None, 3),
    ]
    assert all(child.parent == parent and child.children == () and child.dataset_id == "kb" for child in children)
