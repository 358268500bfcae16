"""Where the demo's apps come from: a LocalDify started for it, or your own Dify.

For your own, set DIFY_BASE_URL and the keys of a chat app, a chatflow and a workflow app with a description
(DIFY_CHAT_KEY, DIFY_CHATFLOW_KEY, DIFY_WORKFLOW_KEY), a knowledge key (DIFY_DATASET_API_KEY) and the id of a knowledge
base (DIFY_DATASET_ID).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dify_integrations.local import App, Dataset, LocalDify, Node, Outputs, Say, Turn, tokens

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


def local_dify(pace_s: float = PACE_S) -> LocalDify:
    """A Dify with four apps and a knowledge base made of the text files in `handbook/`."""
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
