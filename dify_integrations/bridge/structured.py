"""Answers that are JSON, from apps that cannot be told a format: what the model is told, and how its answer is read.

The last resort after a format that the app guarantees itself (a workflow with typed outputs). Knows no framework and no
schema class; what fits is for the caller to decide, who gets every reading of an answer, best guess first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from .call_lines import Container, read_json, read_unclosed
from .tool_calls import json_line

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject

JSON_ONLY: Final = "Answer with one JSON object and nothing else: no explanation before or after it, no code fence."
_SHOWN: Final = 10
_LONGEST: Final = 300
_TRIES: Final = 64

_FENCED: Final = re.compile(r"(?s)```[^\n`]*\n(.*?)```")
_OPENING: Final = re.compile(r"[{\[]")
_LAST_NUMBER: Final = re.compile(r"-?\d[\d.eE+-]*\Z")
_ESCAPED: Final = re.compile(r"(?s)\\.")
_DECODER: Final = json.JSONDecoder()


def schema_instructions(schema: JsonObject) -> str:
    """What goes before the query so that the answer is JSON that fits; depends on the schema alone.

    Args:
        schema: JSON schema of the answer.
    """
    return f"{JSON_ONLY}\nIt must fit this JSON schema:\n{json_line(schema)}"


def complaint(problems: Sequence[str]) -> str:
    """What the model is told when its answer could not be used; the first ten problems.

    Args:
        problems: What is wrong, one line each.
    """
    shown = [f"- {' '.join(problem.split())[:_LONGEST]}" for problem in problems[:_SHOWN]]
    lines = "\n".join(shown)
    return f"Your last answer could not be used:\n{lines}\nAnswer again with the complete, corrected JSON and nothing else."


def readings(text: str) -> Iterator[Container]:
    """The objects and arrays that an answer may mean, best guess first; none when there is no JSON in it.

    The whole answer if it is JSON; else what stands in code fences, then what stands in the text, both the last one first
    and objects before arrays; else what is left when small mistakes are mended and missing brackets added.
    """
    whole = read_json(text)
    found = [whole] if whole is not None else [*_fenced(text), *_standing(text)] or _mended(text)
    yield from found
    for value in found:
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], (dict, list)):
            yield value[0]


def partial(text: str) -> JsonObject | None:
    """The object that an answer has begun, as far as it is written; `None` before it begins or when it is an array.

    Texts at its end may be incomplete, numbers and names are not there before they are complete.
    """
    opening = _OPENING.search(text)
    if opening is None or opening[0] == "[":
        return None
    begun = text[opening.start() :]
    if _ESCAPED.sub("", begun).count('"') % 2 == 0:  # not inside a text
        begun = _LAST_NUMBER.sub("", begun)  # more digits may follow
    try:
        value: Any = from_json(begun.encode("utf-8", "replace"), allow_partial="trailing-strings")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _fenced(text: str) -> list[Container]:
    values = [read_json(inside) for inside in reversed(_FENCED.findall(text))]
    return [value for value in values if value is not None]


def _standing(text: str) -> list[Container]:
    """JSON inside the text, as it is."""
    objects: list[Container] = []
    arrays: list[Container] = []
    at = 0
    for _ in range(_TRIES):
        opening = _OPENING.search(text, at)
        if opening is None:
            break
        value, at = _at(text, opening.start())
        if value is not None:
            (objects if isinstance(value, dict) else arrays).insert(0, value)
    return objects + arrays


def _at(text: str, start: int) -> tuple[Container | None, int]:
    """The value that begins at `start`, and where to go on."""
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start + 1
    return read_json(text[start:end]), end


def _mended(text: str) -> list[Container]:
    opening = _OPENING.search(text)
    if opening is None:
        return []
    begun = text[opening.start() :].rstrip().removesuffix("```").rstrip()
    end = max(begun.rfind("}"), begun.rfind("]")) + 1
    values = (read_json(begun[:end]), read_unclosed(begun))
    return [value for value in values if value][:1]
