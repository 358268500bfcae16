"""The apps of the recordings of human input and resumption, as scripts."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from dify_integrations.local import App, Filled, Node, Outputs, Pause, Pauses, Say, Text, Turn, UntilFollowed, Variable

Apps = Callable[[], Sequence[App]]
OTHERS = (App("other", "workflow"), App("chat"), App("completion", "completion"))


def paragraph(name: str) -> dict[str, Any]:
    return {"output_variable_name": name, "type": "paragraph", "default": {"type": "constant", "selector": [], "value": ""}}


def select(name: str, *options: str) -> dict[str, Any]:
    source = {"type": "constant", "selector": [], "value": list(options)}
    return {"output_variable_name": name, "type": "select", "option_source": source}


def button(name: str, title: str) -> dict[str, Any]:
    return {"id": name, "title": title, "button_style": "primary"}


def review(*, followers: int = 0, typed: bool = False, **pause: Any) -> Apps:
    """A workflow that drafts, asks, and writes again when the draft was approved."""
    rating = select("rating", "good", "bad", "ugly") if typed else paragraph("rating")
    inputs = [paragraph("comment"), paragraph("rewrite"), rating]

    def said(turn: Turn) -> Generator[Say, Filled, None]:
        yield Node("llm", "Draft", outputs={"text": "x"}, id="draft")
        filled = yield Pause("Please review", "Review the draft", inputs, **pause)
        if filled.action == "approve":
            yield Node("llm", "Final", inside=[UntilFollowed(by=followers), Text("Echo")], id="final")
        yield Outputs({"text": "x", "comment": filled.inputs.get("comment")})
        yield Node("end", "End")

    return lambda: [App("app", "workflow", said), *OTHERS]


def approval(*, before: Sequence[Say] = (), counts: bool = False, **pause: Any) -> Apps:
    """A chatflow that may say something, asks, answers, and may count its turns."""
    note = paragraph("note")

    def said(turn: Turn) -> Generator[Say, Filled, None]:
        yield from before
        yield Pause("User asked", "Approve?", [note], **pause)
        yield Node("llm", "LLM", inside=[Text("Echo")])
        if counts:
            yield Node("assigner", "Count")
        yield Node("answer", "Answer")

    turns = Variable("turns", "number", 1)
    return lambda: [App("app", "advanced-chat", said, conversation_variables=[turns]), *OTHERS]


# An answer node before the pause is streamed while the start node is open, because its text is there already.
GREETING = (
    Node("start", "Start", inside=[Text("I need your approval.")]),
    Node("answer", "Answer before", outputs={"answer": "I need your approval.", "files": []}),
)
DRAFTED = (Node("llm", "LLM 1", inside=[Text("Echo")]), Node("answer", "Answer 1"))


def questions(*, typed: bool = False) -> Apps:
    """A workflow that asks twice."""
    files = [{"output_variable_name": "doc", "type": "file"}, {"output_variable_name": "pics", "type": "file-list"}]

    def said(turn: Turn) -> Generator[Say, Filled, None]:
        actions = [button("next", "Next")], [button("done", "Done")]
        yield Pause("First", "First question", [paragraph("a")], actions[0], id="h1")
        yield Pause("Second", "Second question", [paragraph("b"), *(files if typed else [])], actions[1], id="h2")
        yield Outputs({"a": "answer one"})

    return lambda: [App("app", "workflow", said), *OTHERS]


def branches(turn: Turn) -> Generator[Say, None, None]:
    """Two people are asked while a model writes."""
    yield Node("llm", "Parallel LLM", outputs={"text": "x"}, id="slow")
    asked = [Pause(f"Answer {name}", f"Question {name}", [paragraph("ans")], [button("ok", "OK")], id=name) for name in "ab"]
    yield Pauses(asked)
    yield Node("template-transform", "Join")


def interrupted(*says: Say, mode: str = "workflow") -> Apps:
    """A run that is left after its first token."""
    return lambda: [App("app", mode, lambda turn: [Node("llm", "LLM", inside=[Text("tok1 "), *says])]), *OTHERS]
