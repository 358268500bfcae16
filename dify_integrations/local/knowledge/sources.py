"""The documents a dataset begins with: text files or texts, cut into paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .. import words

LONGEST_SEGMENT = 1000

DocumentsSource = str | Path | Iterable[str | Path] | Mapping[str, str]


def read_documents(source: DocumentsSource) -> dict[str, str]:
    """The documents of a folder, a list of files or a mapping, by name."""
    if isinstance(source, Mapping):
        return {str(name): text for name, text in source.items()}
    if isinstance(source, (str, Path)):
        root = Path(source)
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix in {".txt", ".md"})
        base = root.parent if root.is_file() else root
        return {path.relative_to(base).as_posix(): path.read_text(encoding="utf-8") for path in files}
    return {Path(path).name: Path(path).read_text(encoding="utf-8") for path in source}


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text; headings join what follows them and long paragraphs are cut between sentences."""
    pieces: list[str] = []
    heading = ""
    for block in map(str.strip, re.split(r"\n\s*\n", text.replace("\r\n", "\n"))):
        if block.startswith("#") and "\n" not in block:
            heading = f"{heading}\n{block}".strip()
        elif block:
            pieces.extend(_cut(f"{heading}\n{block}".strip()))
            heading = ""
    return pieces + ([heading] if heading else [])


def _cut(paragraph: str) -> list[str]:
    if len(paragraph) <= LONGEST_SEGMENT:
        return [paragraph]
    pieces = [""]
    for sentence in words.sentences(paragraph):
        if pieces[-1] and len(pieces[-1]) + len(sentence) > LONGEST_SEGMENT:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {sentence}".strip()
    return pieces


def keywords_of(content: str) -> list[str]:
    """The words that stand for a text in a keyword index."""
    return list(dict.fromkeys(words.content_words(content)))[:10]
