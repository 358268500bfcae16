"""What a run came to as text for a model or a person."""

from __future__ import annotations

import json
from collections.abc import Iterable
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


def told_text(text: str, result: RunResult) -> str:
    """The text as a tool should tell it: whether the run waits for somebody, or is incomplete.

    Args:
        text: Of the finished run.
        result: The run.
    """
    if result.pause is not None:
        asked = asked_text((form.node_title, form.content) for form in result.pause.forms)
        return f"The app waits for a person to answer a form before it goes on.\n\n{asked}".strip()
    if result.status == "partial-succeeded":
        return f"{text}\n(Some nodes of the workflow failed; this may be incomplete.)"
    return text


def asked_text(forms: Iterable[tuple[str, str]]) -> str:
    """What forms ask, for a person or a model.

    Args:
        forms: Title and content of each.
    """
    return "\n\n".join(f"{title}: {content}".strip(": ") for title, content in forms)
