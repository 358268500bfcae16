"""From a file or a text to segments: what can be read, process rules, parents and children, questions and answers."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import words

AUTOMATIC: dict[str, Any] = {
    "pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": True}, {"id": "remove_urls_emails", "enabled": False}],
    "segmentation": {"delimiter": "\n", "max_tokens": 500, "chunk_overlap": 50},
}
HIERARCHICAL: dict[str, Any] = {
    "pre_processing_rules": AUTOMATIC["pre_processing_rules"],
    "segmentation": {"separator": "\n\n", "max_tokens": 500, "chunk_overlap": 0},
    "parent_mode": "paragraph",
    "subchunk_segmentation": {"separator": ".", "max_tokens": 100, "chunk_overlap": 0},
}

TEXTS = {"txt", "md", "markdown", "mdx", "csv", "html", "htm", "xml", "vtt", "properties"}
# Dify takes these too; a stand-in that reads text only lets their indexing fail.
BINARIES = {"pdf", "xlsx", "xls", "doc", "docx", "eml", "msg", "ppt", "pptx", "epub"}

_HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|https?://\S+")


@dataclass(frozen=True)
class Piece:
    """One segment to be: its text, in a question-and-answer document its answer, in a hierarchical one its children."""

    content: str
    answer: str | None = None
    children: tuple[str, ...] = ()


def extension(name: str) -> str:
    """The lower-case extension of a file name, without the dot."""
    return name.rsplit(".", 1)[1].lower() if "." in name else ""


def read(name: str, content: bytes) -> list[str] | None:
    """The sections of a file: rows of a table, parts under headings, or the whole text; `None` when it is no text."""
    kind = extension(name)
    if kind in BINARIES:
        return None
    text = content.decode("utf-8", "replace")
    if kind == "csv":
        rows = csv.DictReader(io.StringIO(text))
        return [";".join(f"{column}: {value}" for column, value in row.items()) for row in rows]
    if kind in {"md", "markdown", "mdx"}:
        return [part.strip() for part in _HEADING.split(text) if part.strip()]
    if kind in {"html", "htm", "xml"}:
        text = html.unescape(_TAG.sub(" ", text))
    return [text]


def pieces(sections: Sequence[str], mode: str, rules: Mapping[str, Any], form: str) -> list[Piece]:
    """The segments of a document under a process rule and a chunk structure."""
    texts = [cleaned(section, rules) for section in sections]
    if form == "hierarchical_model":
        return [Piece(parent, children=tuple(_children(parent, rules))) for parent in _parents(texts, rules)]
    segmentation = rules.get("segmentation") or {}
    longest = int(segmentation.get("max_tokens") or 500)
    if mode == "automatic":
        found = [chunk for text in texts for chunk in _merged(text, longest)]
    else:
        separator = segmentation.get("separator") or "\n"
        found = [chunk for text in texts for chunk in _split(text, separator, longest)]
    if form == "qa_model":
        return [piece for chunk in found for piece in _asked(chunk)]
    return [Piece(chunk) for chunk in found]


def children_of(content: str, rules: Mapping[str, Any]) -> list[str]:
    """The children of a parent segment that was written anew."""
    return _children(content, rules)


def cleaned(text: str, rules: Mapping[str, Any]) -> str:
    """A text after the pre-processing rules that are on."""
    on = {rule.get("id") for rule in rules.get("pre_processing_rules") or [] if rule.get("enabled")}
    text = text.replace("\r\n", "\n")
    if "remove_extra_spaces" in on:
        text = re.sub(r"[ \t\f\u00a0]{2,}", " ", re.sub(r"\n{3,}", "\n\n", text))
    return _ADDRESS.sub("", text) if "remove_urls_emails" in on else text


def _parents(texts: Sequence[str], rules: Mapping[str, Any]) -> list[str]:
    if rules.get("parent_mode") is None:
        return []  # Dify completes such a document without a chunk
    if rules.get("parent_mode") == "full-doc":
        whole = "\n".join(texts).strip()
        return [whole] if whole else []
    segmentation = rules.get("segmentation") or {}
    separator, longest = segmentation.get("separator") or "\n\n", int(segmentation.get("max_tokens") or 500)
    return [chunk for text in texts for chunk in _split(text, separator, longest)]


def _children(parent: str, rules: Mapping[str, Any]) -> list[str]:
    # Dify cuts at the bare separator: a leading space stays, the separator itself is gone.
    separator = (rules.get("subchunk_segmentation") or {}).get("separator") or "\n"
    return [part for part in parent.split(separator) if part.strip()]


def _split(text: str, separator: str, longest: int) -> list[str]:
    chunks: list[str] = []
    heading = ""
    for part in (part.strip() for part in text.split(separator)):
        if part.startswith("#") and "\n" not in part:
            heading = f"{heading}\n{part}".strip()
        elif part:
            chunks.extend(_merged(f"{heading}\n{part}".strip(), longest))
            heading = ""
    return chunks + ([heading] if heading else [])


def _merged(text: str, longest: int) -> list[str]:
    """A text whole when it is short enough, else cut between sentences."""
    text = text.strip()
    if words.count(text) <= longest:
        return [text] if text else []
    chunks = [""]
    for sentence in words.sentences(text):
        if chunks[-1] and words.count(chunks[-1]) + words.count(sentence) > longest:
            chunks.append("")
        chunks[-1] = f"{chunks[-1]} {sentence}".strip()
    return chunks


def _asked(chunk: str) -> list[Piece]:
    # A model writes the questions in Dify; here each of the first sentences is both subject and answer.
    return [
        Piece(f"What is said about {' '.join(words.content_words(sentence)[:5])}?", answer=sentence)
        for sentence in words.sentences(chunk)[:2]
    ]
