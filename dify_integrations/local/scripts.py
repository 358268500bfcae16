"""The default scripts: what an app says when it was given none. Deterministic, and good enough for a demonstration.

They call an offered tool, write the JSON that a prompt wants, answer from context passages in the prompt or from the app's
datasets, or echo, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import frames, json_grammar, tool_grammar, words
from .apps import App, Script, Turn
from .datasets import Hit
from .says import Node, Outputs, Say, Sources, Tool, tokens

_QUESTION_LABEL = re.compile(r"^[ \t>*#]*(?:question|query|user|human)[ \t*]*:[ \t*]*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_CONTEXT_LABEL = re.compile(
    r"context[^\n:]{0,60}:\s|context information is below|<context>|passages?:\s|documents?:\s", re.IGNORECASE
)
# Labels, and metadata such as `document_name: refunds.txt`.
_NO_PASSAGE = re.compile(r"\s*(?:(?:answer|question|query)\s*:?\s*$|[a-z]+(?:_[a-z]+)+: )", re.IGNORECASE)
_QUESTION = re.compile(r"[^.!?\n]*\?")
NOTHING_FOUND = "I could not find that in the documents."


def default_script(app: App) -> Script:
    """The default script of an app's mode."""
    return {
        "completion": chat,
        "chat": chat,
        "agent-chat": agent,
        "agent": chat,
        "advanced-chat": chatflow,
        "workflow": workflow,
    }[app.mode]


def chat(turn: Turn) -> Iterator[Say]:
    """Answer a chat turn or a completion."""
    text, hits = compose(turn)
    if hits:
        yield Sources(hits)
    yield from tokens(text)


def agent(turn: Turn) -> Iterator[Say]:
    """Search the datasets with a tool, then answer; without datasets look at the clock."""
    offered = tool_grammar.obey(turn.query, [asked for asked, _ in turn.history])
    if offered is not None:
        yield from tokens(offered)
        return
    text, hits = compose(turn)
    if turn.app.datasets:
        observation = "\n".join(hit.segment.content for hit in hits) or "No results."
        yield from tokens("I will look that up. ")
        yield Tool(f"dataset_{turn.app.datasets[0].id.replace('-', '_')}", {"query": turn.query}, observation)
        yield Sources(hits)
    else:
        yield Tool("current_time", {}, "2026-01-01 00:00:00")
    yield from tokens(text)


def chatflow(turn: Turn) -> Iterator[Say]:
    """Knowledge retrieval, then a model, then the answer node."""
    text, hits = compose(turn)
    yield Node("start", "Start")
    if turn.app.datasets:
        found = [frames.retrieved(hit, position) for position, hit in enumerate(hits, start=1)]
        inputs = {"query": turn.query}
        yield Node("knowledge-retrieval", "Knowledge Retrieval", inputs, {"result": found})
        yield Sources(hits)
    yield Node("llm", "LLM", inside=tokens(text))
    yield Node("answer", "Answer")


def workflow(turn: Turn) -> Iterator[Say]:
    """A template, a model and an end node; the model writes about the form's values."""
    shown = "; ".join(f"{name}: {value}" for name, value in turn.inputs.items() if value is not None)
    query = str(turn.inputs.get("query") or turn.inputs.get("question") or "")
    if query:
        text, hits = compose(Turn(query, {}, turn.user, turn.files, (), turn.app))
    else:
        text, hits = essay(turn), []
    yield Node("start", "Start")
    yield Node("template-transform", "Template", dict(turn.inputs), {"output": shown}, id="template")
    yield Node("llm", "LLM", {"prompt": f"Write. {shown}"}, inside=tokens(text))
    if hits:
        yield Sources(hits)
    yield Outputs({"text": text})
    yield Node("end", "End")


def essay(turn: Turn) -> str:
    """A few sentences about the topic, in the tone and length of the form."""
    topic = str(turn.inputs.get("topic") or next((v for v in turn.inputs.values() if isinstance(v, str) and v), "nothing"))
    tone = str(turn.inputs.get("tone") or "plain")
    wanted = turn.inputs.get("sentences")
    many = max(1, min(int(wanted), 20)) if isinstance(wanted, (int, float)) else 2
    first = f"This is a {tone} text about {topic}."
    more = [f"Sentence {number} says a little more about {topic}." for number in range(2, many + 1)]
    return " ".join([first, *more])


def compose(turn: Turn) -> tuple[str, list[Hit]]:
    """The answer to a turn and what it cites."""
    query = turn.query or str(turn.inputs.get("query") or " ".join(str(v) for v in turn.inputs.values() if v))
    reply = tool_grammar.obey(query, [asked for asked, _ in turn.history]) or json_grammar.obey(query)
    if reply is not None:
        return reply, []
    question = question_of(query)
    context = context_of(query, question)
    if context:
        return " ".join(words.best_sentences(question, context)) or NOTHING_FOUND, []
    if turn.app.datasets:
        hits = turn.retrieve(question)
        text = "\n".join(hit.segment.content for hit in hits)
        return " ".join(words.best_sentences(question, text)) or NOTHING_FOUND, hits
    return f"You said: {query}\n\nThis is turn {len(turn.history) + 1} of a scripted answer from LocalDify.", []


def question_of(prompt: str) -> str:
    """The question in a prompt: the last labelled line, else the last sentence with a question mark, else all of it."""
    labelled = _QUESTION_LABEL.findall(prompt)
    if labelled:
        return str(labelled[-1]).strip()
    asked = [question.strip() for question in _QUESTION.findall(prompt) if question.strip(" ?")]
    return asked[-1] if asked and words.count(prompt) > words.count(asked[-1]) + 8 else prompt.strip()


def context_of(prompt: str, question: str) -> str:
    """The passages a prompt brings along, or nothing when it is only a question."""
    label = _CONTEXT_LABEL.search(prompt)
    rest = prompt[label.end() :] if label else prompt
    rest = rest.replace(question, "\n")
    if label is None and words.count(rest) < 30:
        return ""
    return "\n".join(line for line in rest.splitlines() if not _NO_PASSAGE.match(line)).strip()
