"""Documents, their segments and child chunks, as values that the API changes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .chunking import AUTOMATIC, HIERARCHICAL

STAGES = ("waiting", "parsing", "cleaning", "splitting", "indexing", "completed")


@dataclass
class ChildChunk:
    """A part of a hierarchical segment, which is what its retrieval matches."""

    id: str
    position: int
    content: str
    created_at: int | None = None
    updated_at: int | None = None
    type: str = "automatic"


@dataclass
class Segment:
    """One chunk of a document; `hit_count` grows when it is retrieved."""

    id: str
    position: int
    content: str
    keywords: list[str] | None = None
    hit_count: int = 0
    answer: str | None = None
    enabled: bool = True
    disabled_at: int | None = None
    created_at: int | None = None
    updated_at: int | None = None
    edited: bool = False
    child_chunks: list[ChildChunk] = field(default_factory=list)
    summary: str | None = None

    @property
    def content_hash(self) -> str:
        """The hash Dify calls `index_node_hash`."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def word_count(self) -> int:
        """Characters, answer included; Dify calls them words."""
        return len(self.content) + len(self.answer or "")


@dataclass(frozen=True)
class SourceFile:
    """The file behind a document, or one uploaded for a pipeline."""

    id: str
    name: str
    extension: str
    mime_type: str
    content: bytes
    created_at: float


@dataclass(frozen=True)
class ProcessRule:
    """How a document was cut."""

    id: str
    mode: str = "automatic"
    rules: dict[str, Any] = field(default_factory=lambda: AUTOMATIC)


@dataclass
class Progress:
    """Where the indexing of a document stands; every look goes one step on, the last step stays.

    Attributes:
        steps: Statuses in order; `error: words` fails with these words.
    """

    steps: Sequence[str] = ("completed",)
    step: int = 0

    @property
    def status(self) -> str:
        """Dify's `indexing_status`."""
        return self.steps[self.step].partition(":")[0]

    @property
    def error(self) -> str | None:
        """Why it failed."""
        if self.status != "error":
            return None
        return self.steps[self.step].partition(":")[2].strip() or "Indexing failed."

    def advance(self) -> None:
        """Go on one step."""
        self.step = min(self.step + 1, len(self.steps) - 1)

    def reached(self, stage: str) -> bool:
        """Whether the work of a stage has begun."""
        return self.status in STAGES and STAGES.index(self.status) >= STAGES.index(stage)


@dataclass
class Document:
    """One text with its segments and its metadata values."""

    id: str
    position: int
    name: str
    text: str
    metadata: dict[str, Any]
    segments: list[Segment] = field(default_factory=list)
    file: SourceFile | None = None
    rule: ProcessRule | None = None
    progress: Progress = field(default_factory=Progress)
    batch: str = ""
    form: str = "text_model"
    language: str = "English"
    created_from: str = "api"
    source_type: str = "upload_file"
    created_at: int | None = None
    updated_at: int | None = None
    indexed_at: int | None = None
    enabled: bool = True
    disabled_at: int | None = None
    archived: bool = False
    # Counted when it was last indexed; nothing before.
    word_count: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        self.count()

    def count(self) -> None:
        """Count words once the text is cut, tokens once it is indexed."""
        if self.progress.reached("indexing"):
            self.word_count = sum(segment.word_count for segment in self.segments)
        if self.progress.status == "completed":
            self.tokens = sum(len(segment.content.split()) for segment in self.segments)

    @property
    def status(self) -> str:
        """Dify's `indexing_status`."""
        return self.progress.status

    @property
    def display_status(self) -> str:
        """What the document list shows and filters by."""
        if self.status == "completed":
            return "archived" if self.archived else "available" if self.enabled else "disabled"
        return {"waiting": "queuing", "paused": "paused", "error": "error"}.get(self.status, "indexing")

    @property
    def available(self) -> bool:
        """Whether it may be searched, given segments or replaced."""
        return self.display_status == "available"

    def segment(self, segment_id: str) -> Segment | None:
        """The segment of an id."""
        return next((segment for segment in self.segments if segment.id == segment_id), None)

    @property
    def source(self) -> SourceFile:
        """The file behind it; a document that was never uploaded gets one of its text."""
        if self.file is None:
            file_id = str(uuid.uuid5(uuid.UUID(self.id), "file"))
            self.file = SourceFile(file_id, self.name, "txt", "text/plain", self.text.encode(), float(self.created_at or 0))
        return self.file

    @property
    def process_rule(self) -> ProcessRule:
        """The rule it was cut by."""
        if self.rule is None:
            rule_id = str(uuid.uuid5(uuid.UUID(self.id), "rule"))
            parents = self.form == "hierarchical_model"
            self.rule = ProcessRule(rule_id, "hierarchical", HIERARCHICAL) if parents else ProcessRule(rule_id)
        return self.rule
