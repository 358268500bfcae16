"""The examples that the docs quote, each run as a user runs it: settings in the environment, real HTTP to LocalDify."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dify_integrations.local import Fail, Gate, LocalDify, Outputs, Say, Text, tokens
from tests.examples.acting import ROOT, Cast, calls, main_of, printed_live, reviewed, submitted, two_tools


def test_chain_prints_words_while_the_app_still_writes() -> None:
    """The app writes its second word only when the first was printed."""
    printed = threading.Event()
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: (Text("Thirty "), Gate(printed), Text("days.")))
    assert printed_live("langchain.chain", cast, printed) == "Thirty days.\n"
    assert [turn.query for turn in cast.turns["DIFY_API_KEY"]] == ["In one sentence: How long can I return an order?"]


def test_rag_names_its_sources(demo: LocalDify, capsys: pytest.CaptureFixture[str]) -> None:
    """The chain shows the passages it answered from, the app with knowledge its own citations."""
    main_of("langchain.rag_with_citations")()
    out = capsys.readouterr().out
    assert out.count("Visitors pay nine euros for an hour at the bench, tools included.\n") == 3
    assert "[1] Members repair their boats free of charge." in out
    assert "  workshop.txt: Members repair their boats" in out
    asked = [request.json["query"] for request in demo.requests if request.path.endswith("/chat-messages")]
    assert len(asked) == 2
    assert "Context:\n[1] Members repair their boats" in asked[0]


def test_agent_runs_each_app_it_calls_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Two tools called at once: a workflow and a chatflow run once each, and the agent's app reads both results."""
    cast = Cast()
    two_tools(cast, lambda turn: [Outputs({"text": f"About {turn.inputs['topic']}."})])
    with cast.on_stage():
        main_of("langchain.agent_with_workflow_tools")()
    out = capsys.readouterr().out
    assert "calls copywriter {'topic': 'kayaks'}\ncalls look_up {'query': 'Shipping?'}\n" in out
    assert "gets About kayaks. succeeded\n" in out
    assert "gets Twelve euros. succeeded\n" in out
    assert out.endswith("Both are done.\n")
    assert cast.counts == {"DIFY_API_KEY": 2, "DIFY_WORKFLOW_KEY": 1, "DIFY_CHATFLOW_KEY": 1}


def test_person_is_asked_and_the_workflow_starts_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The graph stops at the form and goes on with the answer, in the same run of the workflow."""
    asked = calls({"name": "newsletter", "arguments": {"topic": "kayaks"}})
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: tokens("It is out." if "sent: Greetings from Ann." in turn.query else asked))
    cast.play("DIFY_REVIEWED_WORKFLOW_KEY", reviewed, "workflow", name="newsletter", description="Sends a newsletter")
    with cast.on_stage() as server:
        main_of("langchain.human_input_graph")()
    assert capsys.readouterr().out == "Send it? ['Send', 'Discard']\nIt is out.\n"
    assert len(cast.turns["DIFY_REVIEWED_WORKFLOW_KEY"]) == 1
    assert submitted(server) == [("send", {"remark": "Greetings from Ann."})]


def test_fallback_answers_when_the_first_app_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """The first app's model fails before its first word; each app is asked once."""
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: [Fail("The model is overloaded.")])
    cast.play("DIFY_FALLBACK_KEY", lambda turn: tokens("Thirty days."))
    with cast.on_stage():
        main_of("langchain.fallbacks")()
    assert capsys.readouterr().out == "Thirty days.\n"
    assert cast.counts == {"DIFY_API_KEY": 1, "DIFY_FALLBACK_KEY": 1}


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
    command = [sys.executable, "-W", "error::ResourceWarning", "-m", "examples.langchain.fastapi_stream"]
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
