"""Obeying a prompt that wants JSON: by a schema that stands on one line, or by the names of keys in quotes."""

from __future__ import annotations

import json
import re
from typing import Any

from . import tool_grammar

_KEYS = re.compile(r"[^.\n]*\bJSON\b[^.\n]*\bkeys?\b[^.\n]*")
_QUOTED = re.compile(r"['\"`](\w+)['\"`]")
_DEEPEST = 8


def obey(prompt: str) -> str | None:
    """The reply to a prompt that wants JSON, or `None` when it wants none."""
    if "JSON" not in prompt:
        return None
    question = tool_grammar.question_in(prompt)
    schema = schema_in(prompt)
    if schema is not None:
        return json.dumps(tool_grammar.arguments({"parameters": schema}, question), ensure_ascii=False)
    asked = _KEYS.search(prompt)
    keys = _QUOTED.findall(asked[0]) if asked else []
    return json.dumps(dict.fromkeys(keys, question), ensure_ascii=False) if keys else None


def schema_in(prompt: str) -> dict[str, Any] | None:
    """The last JSON schema of an object that stands on a line of its own."""
    for line in reversed(prompt.splitlines()):
        try:
            value = json.loads(line) if line.lstrip().startswith("{") else None
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            resolved = _resolved(value, value, 0)
            return resolved if isinstance(resolved, dict) else None
    return None


def _resolved(schema: Any, root: dict[str, Any], depth: int) -> Any:
    """The schema with what it refers to in place."""
    if isinstance(schema, list):
        return [_resolved(item, root, depth) for item in schema]
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _resolved((root.get("$defs") or {}).get(reference.rpartition("/")[2]) or {}, root, depth + 1)
    return {name: _resolved(item, root, depth + 1) for name, item in schema.items() if name != "$defs"}
