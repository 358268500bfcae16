"""Several ranked lists of hits as one: of several knowledge bases, or of the parts of a long query.

Only ranks count. Scores of different search methods, and of different knowledge bases, are not comparable.
"""

from __future__ import annotations

from dataclasses import replace
from math import fsum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .hits import Hit

_SMOOTHING: Final = 60  # the constant of reciprocal rank fusion as published (Cormack and others, 2009)


def merged(results: Sequence[Sequence[Hit]], *, top_k: int | None) -> list[Hit]:
    """Several result lists as one by reciprocal ranks, every hit once.

    Args:
        results: Lists, each best first. One list alone keeps its order.
        top_k: Hits wanted at most; `None` for all.

    Returns:
        Hits that are found often and early come first. Equal ranks keep the order of the lists, so that the same lists
        always give the same answer. A hit that stands in several lists is the one of the first.
    """
    places: dict[str, list[int]] = {}
    hits: dict[str, Hit] = {}
    for result in results:
        unique = {hit.id: hit for hit in reversed(result)}  # of equal ones the first
        order = dict.fromkeys(hit.id for hit in result)
        for place, hit_id in enumerate(order):
            places.setdefault(hit_id, []).append(place)
            hits.setdefault(hit_id, unique[hit_id])
    # fsum is exact: the same places in another order of the lists are the same sum, not almost the same.
    worth = {hit_id: fsum(1 / (_SMOOTHING + place) for place in found) for hit_id, found in places.items()}
    ranked = sorted(hits, key=lambda hit_id: -worth[hit_id])  # stable
    return [hits[hit_id] for hit_id in ranked][:top_k]


def children_of(hits: Sequence[Hit]) -> list[Hit]:
    """The exact hits inside parent passages, each a hit of its own with the passage as `parent`.

    Passages keep their order, the children of one come best first. A passage without children stays itself.
    """
    return [part for hit in hits for part in (_children(hit) or [hit])]


def _children(hit: Hit) -> list[Hit]:
    children = sorted(hit.children, key=lambda child: -(child.get("score") or 0.0))
    return [
        replace(
            hit,
            id=str(child.get("id") or f"{hit.id}/{child.get('position')}"),
            text=str(child.get("content") or ""),
            score=child.get("score"),
            position=child.get("position"),
            children=(),
            parent=hit,
        )
        for child in children
    ]
