"""Dify's own OpenAPI file, where it lies beside this repository: operations, their fields, their examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
CONTRACT = Path(__file__).parents[3] / "shared" / "contract"
SPEC = CONTRACT / "openapi_service.json"

needs_the_specification = pytest.mark.skipif(not SPEC.is_file(), reason="Dify's OpenAPI file is not beside this repository")
_ROW = re.compile(r"^\| \d+ \| (\w+) \| `(\S+)` \| (\w+)[^|]*\| (app|ds) \| [^|]* \| (\S+?)†? \|", re.MULTILINE)
_KEYS = {"app": "app", "ds": "dataset"}


@dataclass(frozen=True)
class Example:
    """An answer that the specification shows.

    Attributes:
        operation: Its operationId.
        name: The specification's.
        value: JSON, or the text of a stream.
    """

    operation: str
    status: int
    media_type: str
    name: str
    value: Any = field(hash=False)

    @property
    def id(self) -> str:
        return f"{self.operation}-{self.status}-{self.name}"


@dataclass(frozen=True)
class Described:
    """An operation as the specification describes it."""

    id: str
    method: str
    path: str
    raw: Json = field(hash=False)

    @property
    def parameters(self) -> list[Json]:
        return [resolved(parameter) for parameter in self.raw.get("parameters", [])]

    @property
    def bodies(self) -> dict[str, Json]:
        """Schemas of the request, by media type."""
        content = resolved(self.raw.get("requestBody", {})).get("content", {})
        return {media_type: body["schema"] for media_type, body in content.items()}

    @property
    def answers(self) -> list[tuple[int, str, Json]]:
        """Status, media type and schema of what it may answer."""
        return [
            (int(status), media_type, body.get("schema", {}))
            for status, response in self.raw["responses"].items()
            for media_type, body in resolved(response).get("content", {}).items()
        ]

    @property
    def examples(self) -> list[Example]:
        return [
            Example(self.id, int(status), media_type, name, resolved(example)["value"])
            for status, response in self.raw["responses"].items()
            for media_type, body in resolved(response).get("content", {}).items()
            for name, example in body.get("examples", {}).items()
        ]


@lru_cache(maxsize=None)
def spec() -> Json:
    value: Json = json.loads(SPEC.read_text("utf-8"))
    return value


@lru_cache(maxsize=None)
def described() -> list[Described]:
    """Every operation; none where there is no specification."""
    if not SPEC.is_file():
        return []
    return [
        Described(raw["operationId"], verb.upper(), path, raw)
        for path, verbs in spec()["paths"].items()
        for verb, raw in verbs.items()
    ]


def resolved(value: Json) -> Json:
    """What a reference stands for."""
    while "$ref" in value:
        target: Any = spec()
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        value = target
    return value


def events() -> Iterator[tuple[str, str, Json]]:
    """Kind of stream, name and schema of every documented event."""
    if not SPEC.is_file():
        return
    for kind in ("ChunkChatEvent", "ChunkCompletionEvent", "ChunkWorkflowEvent"):
        mapping = spec()["components"]["schemas"][kind]["discriminator"]["mapping"]
        yield from ((kind, name, {"$ref": target}) for name, target in mapping.items())


def contract_rows() -> dict[str, tuple[str, str, str, str]]:
    """Verb, path, key and first version of every operation, from the contract's own table."""
    text = (CONTRACT / "endpoints.md").read_text("utf-8")
    return {name: (verb, path, _KEYS[key], since) for verb, path, name, key, since in _ROW.findall(text)}
