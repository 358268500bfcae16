"""Annotations of an app: prepared answers, and the jobs that switch the answering on and off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import words


@dataclass
class Annotation:
    """A question and the answer prepared for it; `hit_count` grows when it answers."""

    id: str
    question: str
    answer: str
    created_at: int
    hit_count: int = 0


@dataclass
class Job:
    """A switch of the answering; Dify does it in the background, so it is asked for once before it is done."""

    action: str
    asked: bool = False


@dataclass
class Annotations:
    """The annotations of one app and the settings of its annotation reply, `None` while it is off."""

    entries: dict[str, Annotation] = field(default_factory=dict)
    settings: dict[str, Any] | None = None
    jobs: dict[str, Job] = field(default_factory=dict)

    def answer_to(self, query: str) -> Annotation | None:
        """The best fitting annotation, when the answering is on and one is similar enough."""
        if self.settings is None:
            return None
        found = [(_similarity(query, entry.question), entry) for entry in self.entries.values()]
        best = max(found, key=lambda pair: pair[0], default=None)
        if best is None or best[0] < float(self.settings["score_threshold"]):
            return None
        best[1].hit_count += 1
        return best[1]


def _similarity(one: str, other: str) -> float:
    """How many of the words of two questions are the same, 0 to 1; the stand-in for an embedding."""
    mine, theirs = set(words.content_words(one)), set(words.content_words(other))
    return len(mine & theirs) / len(mine | theirs) if mine or theirs else 0.0
