"""What the tests of the examples share: apps with a part to play, and ways to run an example as its user does."""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from dify_integrations.local import App, LocalDify, Node, Outputs, Pause, Say, Text, Turn, tokens

ROOT = Path(__file__).parents[2]
FOLDERS = ("langchain", "llamaindex")
FILES = {f"{folder}.{file.stem}": file for folder in FOLDERS for file in sorted((ROOT / "examples" / folder).glob("*.py"))}
"""Every example by its module in `examples`."""


TOPIC = {"text-input": {"variable": "topic", "label": "Topic", "required": True}}
"""An entry of a form."""


def main_of(name: str) -> Callable[..., None]:
    """What `python -m examples.<name>` calls."""
    main: Callable[..., None] = importlib.import_module(f"examples.{name}").main
    return main


def run(name: str, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`python -m examples.<name>`, in an environment with these settings only."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DIFY_")}
    command = [sys.executable, *options, "-m", f"examples.{name}"]
    return subprocess.run(command, cwd=ROOT, env=bare | settings, capture_output=True, text=True, check=False, timeout=60)


class Cast:
    """Apps of a server, each under the variable that an example reads its key from, and the turns they were given."""

    def __init__(self) -> None:
        self.turns: dict[str, list[Turn]] = {}
        self.apps: dict[str, App] = {}

    def play(self, variable: str, script: Callable[[Turn], Any], mode: str = "chat", *, name: str = "", **about: Any) -> None:
        """An app behind a variable."""
        self.turns[variable] = []

        def noted(turn: Turn) -> Any:
            self.turns[variable].append(turn)
            return script(turn)

        self.apps[variable] = App(name or variable.lower(), mode, noted, **about)

    @property
    def counts(self) -> dict[str, int]:
        """How often each was asked."""
        return {variable: len(turns) for variable, turns in self.turns.items()}

    @contextmanager
    def on_stage(self) -> Iterator[LocalDify]:
        """The server, with the environment that points to it."""
        with LocalDify([*self.apps.values()]) as server, pytest.MonkeyPatch.context() as patch:
            keys = {variable: app.api_key for variable, app in self.apps.items()}
            for name, value in {"DIFY_BASE_URL": server.base_url, "DIFY_USER": "reader", **keys}.items():
                patch.setenv(name, value)
            yield server


class Heard(io.StringIO):
    """Standard output that says when certain words arrive, or the first."""

    def __init__(self, heard: threading.Event, words: str = "") -> None:
        super().__init__()
        self.heard = heard
        self.words = words

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.words in self.getvalue():
            self.heard.set()
        return written


def printed_live(name: str, cast: Cast, printed: threading.Event, words: str = "") -> str:
    """What the example prints, whose apps wait for `printed`: it is set as soon as the words are there."""
    out = Heard(printed, words)
    with cast.on_stage(), ThreadPoolExecutor(1) as worker, redirect_stdout(out):
        done = worker.submit(main_of(name))
        try:
            done.result(timeout=30)
        finally:
            printed.set()
    return out.getvalue()


def two_tools(cast: Cast, work: Callable[[Turn], Any]) -> None:
    """An agent's app that calls two others at once, and is done when it knows what the second gave; the first does the work."""
    wanted = calls(
        {"name": "copywriter", "arguments": {"topic": "kayaks"}}, {"name": "look_up", "arguments": {"query": "Shipping?"}}
    )
    cast.play("DIFY_API_KEY", lambda turn: tokens("Both are done." if "Twelve euros." in turn.query else wanted))
    cast.play("DIFY_WORKFLOW_KEY", work, "workflow", inputs_form=[TOPIC])
    cast.play("DIFY_CHATFLOW_KEY", lambda turn: [Node("llm", inside=[Text("Twelve euros.")])], "advanced-chat")


def calls(*lines: dict[str, Any]) -> str:
    """What an app says that calls tools."""
    return "\n".join(["<tool_calls>", *map(json.dumps, lines), "</tool_calls>"])


def reviewed(turn: Turn) -> Iterator[Say]:
    """Asks a person; tells the decision and the remark."""
    inputs = [{"type": "paragraph", "output_variable_name": "remark"}]
    filled: Any = yield Pause(
        "Send it?", inputs=inputs, actions=[{"id": "send", "title": "Send"}, {"id": "no", "title": "Discard"}]
    )
    yield Outputs({"text": f"sent: {filled.inputs['remark']}" if filled.action == "send" else "discarded"})


def submitted(server: LocalDify) -> list[tuple[str, Any]]:
    """The forms that were answered: buttons and fields."""
    answers = [request.json for request in server.requests if "/form/human_input/" in request.path and request.method == "POST"]
    return [(answer["action"], answer["inputs"]) for answer in answers]
