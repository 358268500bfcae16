"""A workflow's outputs as text for a model or a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.jsonio import JsonValue
    from ..runs.result import RunResult


def output_text(result: RunResult, output_key: str | None = None, *, limit: int = 50_000) -> str:
    """One text output as it is, several or other values as JSON; the streamed text when there are no outputs.

    Args:
        result: A finished run.
        output_key: Take this output only. A run that ended on a branch without it gives everything it has.
        limit: Characters after which the text is cut, with a note.
    """
    outputs = result.outputs
    value: JsonValue = outputs or result.text
    if output_key in outputs:
        value = outputs[output_key]
    elif len(outputs) == 1:
        value = next(iter(outputs.values()))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters]"
