"""An app that asks a person, and how the tests answer it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dify_integrations.local import App, Filled, Node, Outputs, Pause, Say, Text, Turn
from tests.local import wire
from tests.local.conftest import Serve, Served
from tests.local.flows import Frames, following, form, generated, run_id, submit

NOTE = {"output_variable_name": "note", "type": "paragraph", "default": {"type": "constant", "selector": [], "value": "none"}}
ASK = Pause("Draft: x\nYour note: {{#$output.note#}}", "Approve?", [NOTE], template="Draft: {{#llm.text#}}\n{{#$output.note#}}")


def approving(turn: Turn) -> Generator[Say, Filled, None]:
    yield Node("llm", "Draft", {"prompt": "x"}, {"text": "x"})
    filled = yield ASK
    yield Text(f"{filled.action}: {filled.inputs['note']}")
    yield Outputs({"text": f"{filled.action}: {filled.inputs['note']}"})


def waiting(serve: Serve, mode: str = "workflow", *, said: Any = approving, **options: Any) -> tuple[Served, Frames]:
    """A server and the stream of a run that waits on it."""
    served = serve(App("app", mode, said), App("other", mode), **options)
    return served, generated(served)


def resumed(served: Served, paused: Frames, action: str = "approve", **inputs: Any) -> Frames:
    """The frames that follow an answer, subscribed before it was given."""
    with following(served, run_id(paused)) as response:
        assert submit(served, form(paused)["form_token"], action, **inputs).content == b"{}\n"
        return wire.events(response.read())
