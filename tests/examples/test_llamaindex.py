"""The LlamaIndex examples that the docs quote, each run as a user runs it: settings in the environment, real HTTP to LocalDify."""

from __future__ import annotations

import threading

import pytest

from dify_integrations.local import Gate, LocalDify, Node, Outputs, Text, tokens
from tests.examples.acting import TOPIC, Cast, calls, main_of, printed_live, reviewed, submitted, two_tools
from tests.llamaindex.conftest import AGENTS_LOOK

pytestmark = pytest.mark.filterwarnings(AGENTS_LOOK)


def sent(server: LocalDify, path: str) -> list[dict[str, str]]:
    """What was posted there."""
    return [request.json for request in server.requests if request.method == "POST" and request.path.endswith(path)]


def test_rag_names_its_sources(demo: LocalDify, capsys: pytest.CaptureFixture[str]) -> None:
    """The citation engine numbers the passages it asks about, the app with knowledge gives its own; each is asked once."""
    main_of("llamaindex.rag_with_citations")()
    out = capsys.readouterr().out
    assert out.count("Visitors pay nine euros for an hour at the bench, tools included.\n") == 2
    assert "  [1] workshop.txt: Source 1: Members repair their boats free of charge." in out
    assert "  [1] workshop.txt: Members repair their boats free of charge." in out
    assert len(sent(demo, "/retrieve")) == 1
    numbered, plain = [body["query"] for body in sent(demo, "/chat-messages")]
    assert "Source 3:" in numbered
    assert plain == "What does an hour at the workshop bench cost?"


def test_conversation_goes_on_and_is_read_again(demo: LocalDify, capsys: pytest.CaptureFixture[str]) -> None:
    """Each turn sends its question only, with the id of the first; the other object reads it from Dify and deletes it."""
    main_of("llamaindex.chat_engine")()
    out = capsys.readouterr().out
    assert "> How long can I return an order?\nOrders can be returned within 30 days of delivery.\n  from refunds.txt\n" in out
    assert "> And what does express shipping cost?\nExpress shipping costs 12 euros" in out
    assert "4 messages so far\n" in out
    assert "  from workshop.txt\n" in out
    first, *rest = sent(demo, "/chat-messages")
    assert "conversation_id" not in first
    assert [body["query"] for body in rest] == ["And what does express shipping cost?", "When is the workshop open?"]
    (deleted,) = [request.path for request in demo.requests if request.method == "DELETE"]
    assert {body["conversation_id"] for body in rest} == {deleted.rpartition("/")[2]}


def test_conversation_prints_words_while_the_app_still_writes() -> None:
    """The app writes its second word only when the first was printed."""
    printed = threading.Event()
    cast = Cast()
    cast.play("DIFY_CHATFLOW_KEY", lambda turn: (Text("Thirty "), Gate(printed), Text("days.")))
    assert "\nThirty days.\n" in printed_live("llamaindex.chat_engine", cast, printed, "Thirty ")
    assert [len(turn.history) for turn in cast.turns["DIFY_CHATFLOW_KEY"]] == [0, 1, 2]


def test_agent_shows_nodes_while_they_run_and_runs_each_app_once() -> None:
    """The workflow ends only when its node was shown; the agent's app reads the results of both tools."""
    shown = threading.Event()
    cast = Cast()
    two_tools(cast, lambda turn: [Node("llm", "Write", inside=[Gate(shown)]), Outputs({"text": f"About {turn.inputs['topic']}."})])
    out = printed_live("llamaindex.agent_with_workflow_tools", cast, shown, "copywriter is at Write")
    assert "calls copywriter {'topic': 'kayaks'}\n" in out
    assert "calls look_up {'query': 'Shipping?'}\n" in out
    assert out.index("copywriter is at Write") < out.index("gets About kayaks.\n")
    assert "gets Twelve euros.\n" in out
    assert out.endswith("Both are done.\n")
    assert "tool_calls>" not in out
    assert cast.counts == {"DIFY_API_KEY": 2, "DIFY_WORKFLOW_KEY": 1, "DIFY_CHATFLOW_KEY": 1}


def test_agents_hand_over(demo: LocalDify, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One agent searches and hands over, the other has a text written; each sees its own tools, and both the facts."""
    monkeypatch.setenv("DIFY_API_KEY", demo.app("team").api_key)
    main_of("llamaindex.agent_handoff")()
    librarian, _, writer = capsys.readouterr().out.partition("[writer]\n")
    assert librarian.startswith(
        "[librarian]\nsearch_knowledge {'query': 'When is the workshop open?'} gives 'document_name: workshop.txt"
    )
    assert "handoff {'to_agent': 'writer'" in librarian
    assert writer.startswith("copywriter {'topic': 'evenings in the workshop'} gives 'Calm water")
    assert writer.endswith(
        "\nHere it is: Calm water, a light boat and a long day: that is what evenings in the workshop are made for.\n"
    )
    assert (len(sent(demo, "/retrieve")), len(sent(demo, "/workflows/run"))) == (1, 1)
    asked = [body["query"] for body in sent(demo, "/chat-messages")]
    offered = [[f'{{"name": "{tool}", "description"' in query for tool in ("search_knowledge", "copywriter")] for query in asked]
    assert offered == [[True, False], [True, False], [False, True], [False, True]]
    assert "open on Tuesdays and Saturdays" in asked[2]


def test_documents_come_and_go(demo: LocalDify, capsys: pytest.CaptureFixture[str]) -> None:
    """Two documents with a chunk per section are found by a filter, and in the end the knowledge base is as before."""
    before = [document.name for document in demo.dataset("Handbook").documents]
    main_of("llamaindex.ingestion")()
    assert capsys.readouterr().out.splitlines() == [
        "2 documents, 4 chunks",
        "tours-harbour: # Winter Tours start at noon. There are none in storms.",
    ]
    assert [body["name"] for body in sent(demo, "/document/create-by-text")] == ["tours-harbour", "tours-lake"]
    assert [document.name for document in demo.dataset("Handbook").documents] == before


def test_person_is_asked_and_the_workflow_starts_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The agent waits at the form and goes on with the answer, in the same run of the workflow."""
    wanted = calls({"name": "newsletter", "arguments": {"topic": "kayaks"}})
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: tokens("It is out." if "sent: Greetings from Ann." in turn.query else wanted))
    about = {"name": "newsletter", "description": "Sends a newsletter"}
    cast.play("DIFY_REVIEWED_WORKFLOW_KEY", reviewed, "workflow", inputs_form=[TOPIC], **about)
    with cast.on_stage() as server:
        main_of("llamaindex.human_input")()
    assert capsys.readouterr().out == "Send it? ['Send', 'Discard']\nIt is out.\n"
    assert len(cast.turns["DIFY_REVIEWED_WORKFLOW_KEY"]) == 1
    assert submitted(server) == [("send", {"remark": "Greetings from Ann."})]
