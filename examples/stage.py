"""Where the apps of the demo and of the examples come from: a LocalDify started for them, or your own Dify.

For the demo on your own, set DIFY_BASE_URL and the keys of a chat app, a chatflow and a workflow app with a description
(DIFY_CHAT_KEY, DIFY_CHATFLOW_KEY, DIFY_WORKFLOW_KEY), a knowledge key (DIFY_DATASET_API_KEY) and the id of a knowledge
base (DIFY_DATASET_ID).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dify_integrations.local import App, Dataset, Fail, Filled, LocalDify, Node, Outputs, Pause, Say, Turn, tokens

HANDBOOK = Path(__file__).parent / "handbook"
PACE_S = 0.03


@dataclass(frozen=True)
class Stage:
    """Addresses and keys the scenes need."""

    base_url: str
    chat_key: str
    chatflow_key: str
    workflow_key: str
    dataset_api_key: str
    dataset_id: str
    user: str = "demo-user"


@contextmanager
def stage() -> Iterator[Stage]:
    """Your own Dify when its address is in the environment, otherwise a local stand-in."""
    base_url = os.environ.get("DIFY_BASE_URL")
    if base_url:
        names = ("DIFY_CHAT_KEY", "DIFY_CHATFLOW_KEY", "DIFY_WORKFLOW_KEY", "DIFY_DATASET_API_KEY", "DIFY_DATASET_ID")
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise SystemExit(f"DIFY_BASE_URL is set, so the demo uses your Dify; it also needs {', '.join(missing)}")
        yield Stage(base_url, *(os.environ[name] for name in names))
        return
    with local_dify() as server:
        yield Stage(
            base_url=server.base_url,
            chat_key=server.app("assistant").api_key,
            chatflow_key=server.app("helpdesk").api_key,
            workflow_key=server.app("copywriter").api_key,
            dataset_api_key=server.dataset_api_key,
            dataset_id=server.dataset("Handbook").id,
        )


@contextmanager
def environment(*names: str, **apps: str) -> Iterator[None]:
    """What an example reads from the environment: as you set it when DIFY_BASE_URL is there, otherwise that of a stand-in.

    Args:
        names: Variables that the example needs beside DIFY_BASE_URL and DIFY_API_KEY.
        apps: Variables that hold the key of another app of the stand-in than usual.
    """
    if os.environ.get("DIFY_BASE_URL"):
        missing = [name for name in sorted({"DIFY_API_KEY", *names, *apps}) if not os.environ.get(name)]
        if missing:
            raise SystemExit(f"DIFY_BASE_URL is set, so the example uses your Dify; it also needs {', '.join(missing)}")
        yield
        return
    with local_dify() as server:
        os.environ.update(settings_of(server) | {name: server.app(app).api_key for name, app in apps.items()})
        yield


def settings_of(server: LocalDify) -> dict[str, str]:
    """The variables that point to the apps of `local_dify`."""
    return {
        "DIFY_BASE_URL": server.base_url,
        "DIFY_API_KEY": server.app("assistant").api_key,
        "DIFY_CHATFLOW_KEY": server.app("helpdesk").api_key,
        "DIFY_COMPLETION_KEY": server.app("slogans").api_key,
        "DIFY_WORKFLOW_KEY": server.app("copywriter").api_key,
        "DIFY_REVIEWED_WORKFLOW_KEY": server.app("newsletter").api_key,
        "DIFY_DATASET_API_KEY": server.dataset_api_key,
        "DIFY_DATASET_ID": server.dataset("Handbook").id,
        "DIFY_USER": "reader",
    }


def local_dify(pace_s: float = PACE_S) -> LocalDify:
    """A Dify with apps of every kind and a knowledge base made of the text files in `handbook/`."""
    handbook = Dataset("Handbook", HANDBOOK, description="How Tern & Tide, a kayak shop, works")
    return LocalDify(
        apps=[
            App("assistant", "chat", description="Answers from what it is told"),
            App("helpdesk", "advanced-chat", description="Looks things up in the handbook", datasets=[handbook]),
            App(
                "copywriter",
                "workflow",
                description="Writes a short text about a topic",
                inputs_form=[
                    {"text-input": {"variable": "topic", "label": "What to write about", "required": True, "max_length": 200}},
                    {"select": {"variable": "tone", "label": "Tone", "required": False, "options": ["plain", "cheerful"]}},
                ],
                script=copywriter,
            ),
            App("slogans", "completion", inputs_form=[{"paragraph": {"variable": "query", "label": "For what", "required": True}}]),
            App(
                "newsletter",
                "workflow",
                description="Writes the newsletter about a topic and sends it when a person agrees",
                inputs_form=[{"text-input": {"variable": "topic", "label": "Topic", "required": True}}],
                script=newsletter,
            ),
            App("team", "chat", description="The model of two agents that work together", script=team),
            App(
                "out-of-order",
                "chat",
                description="Its model provider is down",
                script=lambda _: [Fail("The model is overloaded.")],
            ),
        ],
        datasets=[handbook],
        pace_s=pace_s,
    )


def copywriter(turn: Turn) -> Iterator[Say]:
    """The workflow of the demo: it thinks of three points, then writes."""
    topic = turn.inputs["topic"].rpartition(" about ")[2].rstrip(".?!")
    yield Node("start", "Start", inputs=dict(turn.inputs))
    yield Node("llm", "Collect ideas", outputs={"text": "calm water, light boats, long days"}, duration_s=4 * PACE_S)
    text = f"Calm water, a light boat and a long day: that is what {topic} are made for."
    yield Node("llm", "Write the text", inside=list(tokens(text)))
    yield Node("template-transform", "Polish", outputs={"output": text}, duration_s=PACE_S)
    yield Outputs({"text": text})


def newsletter(turn: Turn) -> Generator[Say, Filled, None]:
    """A workflow that asks a person before it sends what it wrote."""
    draft = f"News from the harbour: {turn.inputs['topic']}."
    yield Node("llm", "Write the draft", inside=list(tokens(draft)))
    answer = yield Pause(
        f"Send this?\n\n{draft}",
        title="Review",
        inputs=[{"type": "paragraph", "output_variable_name": "remark"}],
        actions=[{"id": "send", "title": "Send"}, {"id": "discard", "title": "Discard"}],
    )
    sent = answer.action == "send"
    yield Node("template-transform", "Send" if sent else "Discard")
    yield Outputs({"text": f"{'Sent' if sent else 'Discarded'}: {draft} {answer.inputs.get('remark', '')}".strip()})


def team(turn: Turn) -> Iterator[Say]:
    """A model that two agents think with: one looks up and hands over, the other has the text written."""
    results = re.findall(r'<tool_result id="[^"]*" name="(\w+)" status="ok">(.*)</tool_result>', turn.query)
    done = [name for name, _ in results]
    if "copywriter" in done:
        yield from tokens(f"Here it is: {json.loads(results[-1][1])}")
        return
    if "handoff" in done:
        call = {"name": "copywriter", "arguments": {"topic": "evenings in the workshop"}}
    elif "search_knowledge" in done:
        call = {"name": "handoff", "arguments": {"to_agent": "writer", "reason": "The facts are there."}}
    else:
        call = {"name": "search_knowledge", "arguments": {"query": "When is the workshop open?"}}
    yield from tokens(f"<tool_calls>\n{json.dumps(call)}\n</tool_calls>")
