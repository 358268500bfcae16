"""The apps behind the recordings of 0.15.3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dify_integrations.local import App, Fail, Node, Say, Script, Sources, Turn
from tests.local.lab import FEW_WORDS, agent_with_files, field, obey

QUESTIONS = ("What is the next step?", "Can you explain it in detail?", "Is there an example?")
CHAT_FORM = [
    field("paragraph", "persona", max_length=200, default=""),
    field("text-input", "name", max_length=20, default=""),
    field("select", "tone", options=["formal", "casual"], default=""),
    field("number", "age", default=""),
]
STRICT_FORM = [
    field("text-input", "name", required=True, max_length=8, default=""),
    field("select", "tone", required=True, options=["formal", "casual"], default=""),
]
WORKFLOW_FORM = [
    field("text-input", "name", type="text-input", required=True, max_length=20, options=[]),
    field("paragraph", "prompt", type="paragraph", max_length=5000, options=[]),
    field("select", "mode", type="select", max_length=48, options=["fast", "slow"]),
    field("number", "count", type="number", max_length=48, options=[]),
]
_FILES = {
    "max_length": 5,
    "options": [],
    "allowed_file_types": ["image", "document"],
    "allowed_file_extensions": [],
    "allowed_file_upload_methods": ["local_file", "remote_url"],
}
WORKFLOW_FORM += [
    field("file", "photo", type="file", **_FILES),
    field("file-list", "attachments", type="file-list", **_FILES),
]
CHATFLOW_FORM = [
    field("text-input", "topic", type="text-input", max_length=48, options=[]),
    field("file", "doc", type="file", **_FILES),
]


def _said(text: str) -> Iterator[Say]:
    """Here a refused model fails before its first word."""
    if re.search(r"\[\[(auth|bad|rate)\]\]", text):
        yield Fail("The model failed.")
    if "[[drop]]" in text:
        yield from (*FEW_WORDS, Fail("The model failed."))
    yield from obey(text)


def chat_script(turn: Turn) -> Iterator[Say]:
    """The chat and completion apps."""
    hits = turn.retrieve()
    if hits:
        yield Sources(hits)
    yield from _said(turn.query)


def chatflow_script(turn: Turn) -> Iterator[Say]:
    """The chatflow of a model and an answer."""
    yield Node("start", "Start")
    yield Sources(turn.retrieve())
    yield Node("llm", "LLM", inside=list(_said(turn.query)))
    yield Node("answer", "Answer")


def workflow_script(turn: Turn) -> Iterator[Say]:
    """The workflow, and the one of it that fails."""
    yield Node("start", "Start")
    if turn.inputs.get("mode") == "fail":
        yield Node("code", "Code", status="failed", error="It was asked to.")
        return
    yield Node("code", "Code")
    if "[[" not in str(turn.inputs.get("mode")):
        yield Node("template-transform", "Template")
    yield Node("llm", "LLM", inside=list(obey(f"{turn.inputs.get('prompt')} {turn.inputs.get('mode')}")))
    yield Node("end", "End")


def chat(script: Script = chat_script, **options: Any) -> App:
    """The chat app."""
    given = {"suggested_questions": QUESTIONS, "opening_statement": "Hello, I am the lab bot.", **options}
    return App("lab-chat", "chat", script, CHAT_FORM, "Lab app lab-chat", **given)


def strict() -> App:
    """The chat app with required fields and no features."""
    return App("lab-strict", "chat", chat_script, STRICT_FORM, suggested_questions=None, speech="off", files=False)


def agent() -> App:
    """The agent with three tools."""
    icons = {name: "http://127.0.0.1/icon" for name in ("current_time", "eval_expression", "qrcode_generator")}
    return App("lab-agent", "agent-chat", agent_with_files, tool_icons=icons, speech="off", opening_statement="Agent here.")


def chatflow(**options: Any) -> App:
    """The chatflow."""
    return App("lab-chatflow", "advanced-chat", chatflow_script, CHATFLOW_FORM, suggested_questions=QUESTIONS, **options)


def workflow() -> App:
    """The workflow."""
    return App("lab-workflow", "workflow", workflow_script, WORKFLOW_FORM, suggested_questions=None, speech="off")


def failing() -> App:
    """The workflow whose form lets it fail."""
    return App("lab-failing", "workflow", workflow_script, [field("text-input", "mode")], suggested_questions=None, speech="off")


def completion() -> App:
    """The completion app."""
    return App("lab-completion", "completion", chat_script, [field("paragraph", "query", required=True, default="")])
