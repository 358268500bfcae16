"""The examples that the docs quote, each run as a user runs it: settings in the environment, real HTTP to LocalDify."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import pytest

from dify_integrations.local import App, Fail, Gate, LocalDify, Node, Outputs, Pause, Say, Text, Turn, tokens
from examples.stage import local_dify, settings_of

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples" / "langchain").glob("*.py"))
SERVED = ROOT / "examples" / "langchain" / "fastapi_stream.py"


def main_of(name: str) -> Callable[..., None]:
    """What `python -m examples.langchain.<name>` calls."""
    main: Callable[..., None] = importlib.import_module(f"examples.langchain.{name}").main
    return main


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

    @contextmanager
    def on_stage(self) -> Iterator[LocalDify]:
        """The server, with the environment that points to it."""
        with LocalDify([*self.apps.values()]) as server, pytest.MonkeyPatch.context() as patch:
            keys = {variable: app.api_key for variable, app in self.apps.items()}
            for name, value in {"DIFY_BASE_URL": server.base_url, "DIFY_USER": "reader", **keys}.items():
                patch.setenv(name, value)
            yield server


class Heard(io.StringIO):
    """Standard output that says when the first word arrives."""

    def __init__(self, first: threading.Event) -> None:
        super().__init__()
        self.first = first

    def write(self, text: str) -> int:
        self.first.set()
        return super().write(text)


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalDify]:
    """The server of `make demo`, and the environment that points to it."""
    with local_dify(pace_s=0.0) as server:
        for name, value in settings_of(server).items():
            monkeypatch.setenv(name, value)
        yield server


def test_chain_prints_words_while_the_app_still_writes() -> None:
    """The app writes its second word only when the first was printed."""
    printed = threading.Event()
    out = Heard(printed)
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: (Text("Thirty "), Gate(printed), Text("days.")))
    with cast.on_stage(), ThreadPoolExecutor(1) as worker, redirect_stdout(out):
        done = worker.submit(main_of("chain"))
        try:
            done.result(timeout=30)
        finally:
            printed.set()
    assert out.getvalue() == "Thirty days.\n"
    assert [turn.query for turn in cast.turns["DIFY_API_KEY"]] == ["In one sentence: How long can I return an order?"]


def test_rag_names_its_sources(demo: LocalDify, capsys: pytest.CaptureFixture[str]) -> None:
    """The chain shows the passages it answered from, the app with knowledge its own citations."""
    main_of("rag_with_citations")()
    out = capsys.readouterr().out
    assert out.count("Visitors pay nine euros for an hour at the bench, tools included.\n") == 3
    assert "[1] Members repair their boats free of charge." in out
    assert "  workshop.txt: Members repair their boats" in out
    asked = [request.json["query"] for request in demo.requests if request.path.endswith("/chat-messages")]
    assert len(asked) == 2
    assert "Context:\n[1] Members repair their boats" in asked[0]


def test_agent_runs_each_app_it_calls_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Two tools called at once: a workflow and a chatflow run once each, and the agent's app reads both results."""
    calls = [{"name": "copywriter", "arguments": {"topic": "kayaks"}}, {"name": "look_up", "arguments": {"query": "Shipping?"}}]
    asked = "\n".join(["<tool_calls>", *map(json.dumps, calls), "</tool_calls>"])

    def brain(turn: Turn) -> list[Say]:
        return list(tokens("Both are done." if "Twelve euros." in turn.query else asked))

    topic = {"text-input": {"variable": "topic", "label": "Topic", "required": True}}
    cast = Cast()
    cast.play("DIFY_API_KEY", brain)
    cast.play(
        "DIFY_WORKFLOW_KEY", lambda turn: [Outputs({"text": f"About {turn.inputs['topic']}."})], "workflow", inputs_form=[topic]
    )
    cast.play("DIFY_CHATFLOW_KEY", lambda turn: [Node("llm", inside=[Text("Twelve euros.")])], "advanced-chat")
    with cast.on_stage():
        main_of("agent_with_workflow_tools")()
    out = capsys.readouterr().out
    assert "calls copywriter {'topic': 'kayaks'}\ncalls look_up {'query': 'Shipping?'}\n" in out
    assert "gets About kayaks. succeeded\n" in out
    assert "gets Twelve euros. succeeded\n" in out
    assert out.endswith("Both are done.\n")
    assert {variable: len(turns) for variable, turns in cast.turns.items()} == {
        "DIFY_API_KEY": 2,
        "DIFY_WORKFLOW_KEY": 1,
        "DIFY_CHATFLOW_KEY": 1,
    }


def test_person_is_asked_and_the_workflow_starts_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The graph stops at the form and goes on with the answer, in the same run of the workflow."""
    call = {"name": "newsletter", "arguments": {"topic": "kayaks"}}
    asked = "\n".join(["<tool_calls>", json.dumps(call), "</tool_calls>"])
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: tokens("It is out." if "sent: Greetings from Ann." in turn.query else asked))
    cast.play("DIFY_REVIEWED_WORKFLOW_KEY", reviewed, "workflow", name="newsletter", description="Sends a newsletter")
    with cast.on_stage() as server:
        main_of("human_input_graph")()
    assert capsys.readouterr().out == "Send it? ['Send', 'Discard']\nIt is out.\n"
    assert len(cast.turns["DIFY_REVIEWED_WORKFLOW_KEY"]) == 1
    answers = [request.json for request in server.requests if "/form/human_input/" in request.path and request.method == "POST"]
    assert [(answer["action"], answer["inputs"]) for answer in answers] == [("send", {"remark": "Greetings from Ann."})]


def reviewed(turn: Turn) -> Iterator[Say]:
    """Asks a person; tells the decision and the remark."""
    inputs = [{"type": "paragraph", "output_variable_name": "remark"}]
    filled: Any = yield Pause(
        "Send it?", inputs=inputs, actions=[{"id": "send", "title": "Send"}, {"id": "no", "title": "Discard"}]
    )
    yield Outputs({"text": f"sent: {filled.inputs['remark']}" if filled.action == "send" else "discarded"})


def test_fallback_answers_when_the_first_app_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """The first app's model fails before its first word; each app is asked once."""
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: [Fail("The model is overloaded.")])
    cast.play("DIFY_FALLBACK_KEY", lambda turn: tokens("Thirty days."))
    with cast.on_stage():
        main_of("fallbacks")()
    assert capsys.readouterr().out == "Thirty days.\n"
    assert {variable: len(turns) for variable, turns in cast.turns.items()} == {"DIFY_API_KEY": 1, "DIFY_FALLBACK_KEY": 1}


Service = tuple[httpx.Client, LocalDify]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """`python -m examples.langchain.fastapi_stream` on a free port: a browser for it, and its Dify."""
    never = threading.Event()
    scripts: dict[str, list[Say]] = {
        "tell": [Text("One "), Text("two.")],
        "wait": [Text("One "), Gate(never), Text("two.")],
        "fail": [Text("One "), Fail("The model is overloaded.")],
    }
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: [Text("Again.")] if turn.history else scripts[turn.query])
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", f"examples.langchain.{SERVED.stem}"]
    with cast.on_stage() as server:
        told = {**os.environ, "PORT": "0"}
        with subprocess.Popen(command, cwd=ROOT, env=told, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
            with httpx.Client(base_url=address) as browser:
                yield browser, server
            process.terminate()


def told(service: Service, question: str, **more: str) -> list[tuple[str, Any]]:
    """The events that a browser gets."""
    text = service[0].get("/ask", params={"question": question, "user": "ann", **more}).text
    events = re.findall(r"event: (.*)\ndata: (.*)\n\n", text)
    return [(name, json.loads(data)) for name, data in events]


def test_web_service_passes_words_on(service: Service) -> None:
    """Each word is an event, and the conversation can be gone on with."""
    (first, conversation), *rest = told(service, "tell")
    assert first == "conversation"
    assert rest == [("token", {"text": "One "}), ("token", {"text": "two."}), ("end", {})]
    assert ("token", {"text": "Again."}) in told(service, "tell", conversation=conversation["id"])


def test_web_service_tells_the_browser_what_went_wrong(service: Service) -> None:
    """An error behind the first word is an event of the stream, not a connection that breaks."""
    *_, word, (name, error) = told(service, "fail")
    assert word == ("token", {"text": "One "})
    assert name == "error"
    assert "The model is overloaded." in error["message"]
    assert error["retry"] is False


def test_web_service_stops_the_app_when_the_browser_leaves(service: Service) -> None:
    """A browser leaves after the first word: Dify is asked once to stop, as that user. Those that stayed stop nothing."""
    browser, server = service
    with browser.stream("GET", "/ask", params={"question": "wait", "user": "bob"}) as answer:
        assert "event: token" in answer.iter_lines()
    assert server.wait_until(lambda server: bool(server.stops))
    assert [stop.user for stop in server.stops] == ["bob"]


@pytest.mark.parametrize("file", [file for file in FILES if file != SERVED], ids=lambda file: file.stem)
def test_example_runs_without_any_setting(file: Path) -> None:
    """`python -m examples.langchain.…` in an empty environment: a stand-in is started, and something is said."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DIFY_")}
    command = [sys.executable, "-m", f"examples.langchain.{file.stem}"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""


def test_example_says_which_setting_is_missing() -> None:
    """With an address of one's own nothing is made up."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("DIFY_")} | {
        "DIFY_BASE_URL": "http://127.0.0.1:9/v1"
    }
    command = [sys.executable, "-m", "examples.langchain.fallbacks"]
    done = subprocess.run(command, cwd=ROOT, env=mine, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "it also needs DIFY_API_KEY, DIFY_FALLBACK_KEY" in done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_example_is_quoted_in_the_docs(file: Path) -> None:
    """Every example stands on a page, word for word: the quote is made when the site is built."""
    pages = [page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md")]
    assert "# --8<-- [start:main]" in file.read_text("utf-8")
    assert any(f'--8<-- "examples/langchain/{file.name}:main"' in page for page in pages)
