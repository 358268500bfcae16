"""The apps behind the recordings, rebuilt: their forms, and scripts that understand the directives in recorded questions.

The model of the recordings was a stand-in that obeyed directives in the user's text, such as `[[error]]` or
`[[tool:NAME:{...}]]`; what it said is invented there and here. 200 tokens or more are a run that the recording stopped, so
here it goes on until that happens.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

from dify_integrations.local import (
    App,
    Dataset,
    Fail,
    File,
    Gate,
    Iteration,
    Loop,
    Node,
    Replace,
    Retry,
    Say,
    Script,
    Sources,
    Text,
    Tool,
    Tools,
    Turn,
    Variable,
    Wait,
)

RELEASED = threading.Event()
FEW_WORDS = (Text("A few "), Text("words."))
PICTURE = File("http://127.0.0.1/cat.png")
QUESTIONS = ("What is a follow-up?", "Can you give an example?", "What else?")
# A recorded wait of seconds is shorter than a ping here as long as it was shorter than a ping there.
PINGS = {"ping_interval_s": 0.25}
SLOW_S = 0.37  # one ping; far from two on a machine that does other things too


def obey(text: str) -> Iterator[Say]:
    """What the stand-in model said to a text."""
    if re.search(r"\[\[slow:[12]\d", text):
        yield Wait(SLOW_S)
    if "[[empty]]" in text:
        return
    if "[[rate0]]" not in text:
        yield from FEW_WORDS
    failure = re.search(r"\[\[(error|rate0?)(:\w+)?\]\]", text)
    if failure:
        yield Fail(f"The model failed: {failure[0]}", *_code(failure[2]))
    if re.search(r"\[\[tokens:[234]00\]\]", text):
        yield Gate(threading.Event())
    if "[[delay:200]]" in text:
        yield from (Wait(0.4), Text("more "), Wait(0.4), Text("words"))


def _code(kind: str | None) -> tuple[str, int]:
    return ("invalid_param", 400) if kind == ":plugin" else ("completion_request_error", 400)


def chat_script(turn: Turn) -> Iterator[Say]:
    """The chat and completion apps; the moderation of the first one lets no `forbidden` through."""
    hits = turn.retrieve()
    if hits:
        yield Sources(hits)
    yield from obey(turn.query)


def moderated_script(turn: Turn) -> Iterator[Say]:
    """The first chat app when its moderation looks at what is written."""
    yield from FEW_WORDS
    if re.search(r"\[\[tokens:(120|500)\]\]", turn.query):
        yield Replace("Moderated.")


def busy_script(turn: Turn) -> Iterator[Say]:
    """An app that is busy until it is released."""
    yield from FEW_WORDS
    yield Gate(RELEASED)


def agent_script(turn: Turn) -> Iterator[Say]:
    """The agents: the tools that are asked for, then an answer; some tools draw."""
    yield from _agent(turn, {"draw_cat", "make_image"})


def agent_without_files(turn: Turn) -> Iterator[Say]:
    """The agent on a server where drawing fails."""
    yield from _agent(turn, set())


def agent_with_files(turn: Turn) -> Iterator[Say]:
    """The agent on a server where speech is a file as well."""
    yield from _agent(turn, {"tts", "qrcode_generator"})


def _agent(turn: Turn, drawing: set[str]) -> Iterator[Say]:
    calls = re.findall(r"\[\[tool:(\w+):", turn.query)
    if calls:
        yield Text("I will call a tool. ")
        tools = [Tool(name, {}, "an observation", [PICTURE] if name in drawing else []) for name in calls]
        yield Tools(tools) if len(tools) > 1 else tools[0]
    yield from obey(turn.query)


def chatflow_script(turn: Turn) -> Iterator[Say]:
    """The chatflow with retrieval, a branch and an assigner."""
    yield Node("start", "Start")
    yield Node("knowledge-retrieval", "Knowledge", {"query": turn.query}, {"result": []})
    yield Sources(turn.retrieve("refund"))
    yield Node("if-else", "Branch")
    if "boom" in turn.query:
        yield Node("code", "Boom", status="failed", error="boom was requested")
        return
    yield Node("llm", "LLM", inside=list(obey(turn.query)))
    yield Node("assigner", "Assigner")
    yield Node("answer", "Answer")


def plain_script(turn: Turn) -> Iterator[Say]:
    """The chatflow of a model and an answer."""
    yield Node("start", "Start")
    endless = [Gate(threading.Event())] if "[[tokens:60]]" in turn.query else []
    yield Node("llm", "LLM", inside=[*obey(turn.query), *endless])
    answer = [Replace("Moderated.")] if "bidden" in turn.query else []
    yield Node("answer", "Answer")
    yield from answer


def form_script(turn: Turn) -> Iterator[Say]:
    """The workflow with a form of every kind of field."""
    yield Node("start", "Start")
    yield Node("template-transform", "Template")
    yield Node("code", "Code")
    yield Node("llm", "LLM", outputs={"text": "A few words."})
    yield Node("if-else", "Branch", inside=FEW_WORDS if turn.inputs.get("color") else ())
    yield Node("end", "End")


def prompt_script(turn: Turn) -> Iterator[Say]:
    """The workflow of a model and an end."""
    yield Node("start", "Start")
    yield Node("llm", "LLM", inside=list(obey(str(turn.inputs.get("prompt")))))
    yield Node("end", "End")


def boom_script(turn: Turn) -> Iterator[Say]:
    """The workflow whose code fails when it is asked to."""
    yield Node("start", "Start")
    if turn.inputs.get("boom") == "yes":
        yield Node("code", "Boom", status="failed", error="boom was requested")
        return
    yield Node("code", "Boom", outputs={"result": "no boom"})
    yield Node("llm", "LLM", inside=FEW_WORDS)
    yield Node("end", "End")


def field(kind: str, name: str, **item: Any) -> dict[str, dict[str, Any]]:
    """One field of a form."""
    return {kind: {"variable": name, "label": name.title(), **item}}


CHAT_FORM = [
    field("text-input", "name", max_length=48, default="", hide=False),
    field("select", "tone", options=["formal", "casual"], default="casual", hide=False),
    field("paragraph", "notes", default="", hide=False),
    field("number", "age", default="", hide=False),
    field("checkbox", "verbose", default=False, hide=False),
]
_FILES = {
    "allowed_file_extensions": [],
    "allowed_file_types": ["image", "document", "audio", "video"],
    "allowed_file_upload_methods": ["local_file", "remote_url"],
}


def _graph_field(kind: str, name: str, **item: Any) -> dict[str, dict[str, Any]]:
    return field(kind, name, **{"type": kind, "max_length": None, "options": [], **item})


CHATFLOW_FORM = [
    _graph_field("text-input", "topic", max_length=48),
    _graph_field("select", "level", options=["basic", "expert"], default="basic"),
    _graph_field("file", "attachment", max_length=5, **_FILES),
]
WORKFLOW_FORM = [
    _graph_field("text-input", "name", max_length=48, required=True),
    _graph_field("paragraph", "bio", max_length=2000),
    _graph_field("select", "color", options=["red", "green", "blue"], required=True),
    _graph_field("number", "count"),
    _graph_field("checkbox", "agree"),
    _graph_field("file", "doc", **_FILES),
    _graph_field("file-list", "pics", max_length=3, **_FILES),
    _graph_field("json_object", "meta"),
]
COMPLETION_FORM = [
    field("paragraph", "query", required=True, default="", max_length=4000),
    field("select", "style", options=["plain", "poetic"], default="plain"),
]
VARIABLES = [
    Variable("turns", "number", 2, "how many turns"),
    Variable("last_query", "string", "Second", "the last query"),
    Variable("history", "array[string]", ["First", "Second"], "all queries"),
    Variable("profile", "object", {"plan": "free"}, "a profile object"),
]
DOCS = Dataset("lab", {"refunds.txt": "The refund policy of the lab: thirty days. Hello, hi, look, what is this?"})
TOPICS = {
    "cats": "Cats sleep sixteen hours a day. A cat purrs when it is content.",
    "rust": "Rust is a language with a borrow checker.",
    "coffee": "Coffee is a brewed drink.",
}
CATS = Dataset("cats", TOPICS)

_OPENING = {"opening_statement": "Hi {{name}}, I am the lab chat app.", "opening_questions": ["What can you do?", "Tell me a joke"]}


def chat(script: Script = chat_script, **options: Any) -> App:
    """The chat app with a form."""
    return App("Lab Chat", "chat", script, CHAT_FORM, "lab chat app", **{"suggested_questions": QUESTIONS, **_OPENING, **options})


def plain(**options: Any) -> App:
    """The chat app without features."""
    off: dict[str, Any] = {"suggested_questions": None, "speech": "off", "files": False}
    return App("Lab Chat Plain", "chat", chat_script, **{**off, **options})


def agent(script: Script = agent_script, **options: Any) -> App:
    """The agent."""
    names = ("current_time", "weekday", "timezone_conversion", "tts", "draw_cat")
    icons = {name: f"http://127.0.0.1/{name}/icon" for name in names}
    return App(
        "Lab Agent", "agent-chat", script, tool_icons=icons, speech="off", opening_statement="I am the lab agent.", **options
    )


def completion(**options: Any) -> App:
    """The completion app."""
    return App("Lab Completion", "completion", chat_script, COMPLETION_FORM, **options)


def chatflow(**options: Any) -> App:
    """The chatflow with everything."""
    given = {"suggested_questions": QUESTIONS, "conversation_variables": VARIABLES, **options}
    return App("Lab Chatflow", "advanced-chat", chatflow_script, CHATFLOW_FORM, **given)


def plain_chatflow(**options: Any) -> App:
    """The chatflow without features."""
    off: dict[str, Any] = {"suggested_questions": None, "speech": "off"}
    return App("Lab Chatflow Plain", "advanced-chat", plain_script, **{**off, **options})


def workflow(script: Script = form_script, form: Any = WORKFLOW_FORM, name: str = "Lab Workflow", **options: Any) -> App:
    """One of the workflows."""
    return App(name, "workflow", script, form, suggested_questions=None, speech="off", **options)


def new_agent(**options: Any) -> App:
    """The app of mode `agent`."""
    given = {
        "opening_statement": "I am the new agent.",
        "opening_questions": ["What can you do?"],
        "suggested_questions": QUESTIONS,
    }
    return App("Lab New Agent", "agent", agent_script, files=False, **{**given, **options})


def partial_script(turn: Turn) -> Iterator[Say]:
    """The workflow that goes on after failures: with a default value, after retries, on a fail branch."""
    boom = turn.inputs.get("boom") == "yes"
    yield Node("start", "Start")
    if boom:
        yield Node("code", "Default value", outputs={"result": "x"}, status="exception", id="code_dv")
        yield Node("code", "Fail branch", inside=[Retry(), Retry(), *FEW_WORDS], status="exception", id="code_fb")
    else:
        yield Node("code", "Default value", outputs={"result": "x"}, id="code_dv")
    yield Node("end", "End")


def items_script(turn: Turn) -> Iterator[Say]:
    """The workflow of an iteration and a loop."""
    yield Node("start", "Start")
    yield Node("code", "Split")
    items = str(turn.inputs.get("items")).split(",")
    yield Iteration("Iteration", [[Node("llm", "Item", outputs={"text": item}, id="it_llm")] for item in items], id="iter")
    yield Loop("Loop", [[Node("assigner", "Increment", id="inc")] for _ in range(3)])
    yield Node("end", "End", inside=FEW_WORDS)


def picture_script(turn: Turn) -> Iterator[Say]:
    """The workflow that fetches a picture."""
    yield Node("start", "Start")
    yield Node("http-request", "Fetch", inside=FEW_WORDS)
    yield PICTURE
    yield Node("end", "End")
