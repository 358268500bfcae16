"""A workflow's outputs as text for a model or a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runs.result import RunResult


def output_text(result: RunResult, output_key: str | None = None, *, limit: int = 50_000) -> str:
    """One text output as it is, several or other values as JSON; the streamed text when there are no outputs.

    Args:
        result: A finished run.
        output_key: Take this output only.
        limit: Characters after which the text is cut, with a note.
    """
    outputs = result.outputs
    value = outputs.get(output_key) if output_key else outputs
    if not output_key and len(outputs) == 1:
        value = next(iter(outputs.values()))
    if not outputs:
        value = result.text
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters]"
