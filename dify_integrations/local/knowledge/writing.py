"""Documents made, replaced and indexed. Checks of requests happen before; what arrives here is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..datasets import Dataset
from ..state import State, Upload
from . import chunking
from .documents import ChildChunk, Document, ProcessRule, Progress, Segment, SourceFile
from .shown import ACCOUNT

_UNREADABLE = "error: Failed to load document (LocalDify reads text only)."


@dataclass(frozen=True)
class Source:
    """What a document is made of: a name and a file, which texts become too."""

    name: str
    file: SourceFile


@dataclass(frozen=True)
class Config:
    """How a document is to be cut and kept; `None` is as before, or the default."""

    rule: Mapping[str, Any] | None = None
    form: str | None = None
    language: str | None = None
    settings: Mapping[str, Any] | None = None


def text_source(state: State, name: str, text: str) -> Source:
    """A text as a file, which Dify stores under the document's name, cut at 200 characters."""
    name = name[:200]
    return Source(name, kept(state, name, "txt", "text/plain", text.encode()))


def kept(state: State, name: str, extension: str, mime_type: str, content: bytes) -> SourceFile:
    """A new stored file."""
    file = SourceFile(state.new_id("upload"), name, extension, mime_type, content, float(state.clock()))
    store(state, file)
    return file


def store(state: State, file: SourceFile) -> None:
    """Make sure that the signed address of a file leads somewhere."""
    stored = Upload(file.id, ACCOUNT, file.name, file.mime_type, file.content, int(file.created_at))
    state.uploads.setdefault(file.id, stored)


def create(state: State, owner: Dataset, source: Source, config: Config, *, original: Document | None = None) -> Document:
    """A new document; one of the same name that is enabled is written over and keeps its id."""
    owner.settings.doc_form = owner.settings.doc_form or config.form or "text_model"
    for name, value in (config.settings or {}).items():
        # The first document decides; a later one changes nothing.
        if getattr(owner.settings, name) is None and value is not None:
            setattr(owner.settings, name, value)
    same = [document for document in owner.documents if document.name == source.name and document.enabled]
    document = original or next(iter(same), None)
    if document is None:
        position = max((other.position for other in owner.documents), default=0) + 1
        waiting = Progress(("waiting",))
        document = Document(state.new_id("document"), position, source.name, "", {}, progress=waiting, created_at=state.now())
        owner.documents.append(document)
    document.created_from = "api"
    document.batch = state.knowledge.batch(state.clock())
    rewrite(state, owner, document, source, config)
    return document


def rewrite(state: State, owner: Dataset, document: Document, source: Source, config: Config) -> None:
    """Give a document another source or rule, and index it anew."""
    document.name, document.file = source.name, source.file
    document.form = config.form or document.form
    document.language = config.language or document.language
    if config.rule is not None:
        owner.process_rule = _rule(state, config.rule)
        document.rule = owner.process_rule
    elif document.rule is None:
        document.rule = owner.process_rule
    index(state, document)


def _rule(state: State, given: Mapping[str, Any]) -> ProcessRule:
    if given["mode"] == "automatic":
        return ProcessRule(state.new_id("rule"))
    rules = dict(given["rules"])
    for part in ("segmentation", "subchunk_segmentation"):
        if part in rules:
            rules[part] = {**rules[part], "chunk_overlap": rules[part].get("chunk_overlap") or 0}
    return ProcessRule(state.new_id("rule"), given["mode"], rules)


def index(state: State, document: Document) -> None:
    """Cut a document into segments; they are found when its indexing is completed."""
    rule = document.process_rule
    sections = chunking.read(document.source.name, document.source.content)
    document.text = "\n\n".join(sections or [])
    found = chunking.pieces(sections or [], rule.mode, rule.rules, document.form)
    document.segments = [_segment(state, number, piece) for number, piece in enumerate(found, start=1)]
    document.updated_at = document.indexed_at = state.now()
    document.progress = Progress((_UNREADABLE,) if sections is None else tuple(state.knowledge.steps(document)))
    document.count()


def _segment(state: State, position: int, piece: chunking.Piece) -> Segment:
    made = Segment(state.new_id("segment"), position, piece.content, answer=piece.answer, created_at=state.now())
    made.child_chunks = children(state, piece.children)
    return made


def children(state: State, texts: tuple[str, ...] | list[str]) -> list[ChildChunk]:
    """Child chunks made by the server."""
    now = state.now()
    return [ChildChunk(state.new_id("child"), number, text, now, now) for number, text in enumerate(texts, start=1)]


def look(state: State, document: Document) -> None:
    """Somebody asked for the status: the indexing goes on one step."""
    if document.status in {"completed", "error"}:
        return
    document.progress.advance()
    document.indexed_at = state.now()
    document.count()
