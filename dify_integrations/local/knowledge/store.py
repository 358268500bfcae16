"""What the knowledge API remembers besides datasets: tags, uploads for pipelines, and how indexing goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .documents import Document, SourceFile

Indexing = Sequence[str] | Callable[[Document], Sequence[str]]
"""The statuses a new or changed document goes through, one a look; or a function that tells them per document."""

STEPS = ("waiting", "indexing", "completed")


@dataclass
class Tag:
    """A knowledge tag and the ids of the datasets that carry it."""

    id: str
    name: str
    bound: set[str] = field(default_factory=set)


@dataclass
class Knowledge:
    """Tags and uploads of a server.

    Attributes:
        indexing: How the indexing of a document goes.
        tags: By id, oldest first.
        uploads: Files uploaded for pipelines, by id.
        made: How many batches were made.
    """

    indexing: Indexing = STEPS
    tags: dict[str, Tag] = field(default_factory=dict)
    uploads: dict[str, SourceFile] = field(default_factory=dict)
    made: int = 0

    def batch(self, now: float) -> str:
        """The name of the next batch: the time and six digits, as Dify makes it."""
        self.made += 1
        return time.strftime("%Y%m%d%H%M%S", time.gmtime(now)) + f"{100_000 + self.made % 900_000}"

    def steps(self, document: Document) -> Sequence[str]:
        """The statuses the document will go through."""
        return (self.indexing(document) if callable(self.indexing) else self.indexing) or ("completed",)
