"""The same scenario against LocalDify and against the recording of a real server has the same shape."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dify_integrations.local import (
    App,
    Dataset,
    Fail,
    File,
    Iteration,
    Node,
    Pause,
    Reasoning,
    Replace,
    Retry,
    Say,
    Sources,
    Text,
    Tool,
    Tools,
    Turn,
    tokens,
)
from tests.local import wire
from tests.local.conftest import Serve, script

WORDS = tokens("An answer of some words.")
TWO_TOOLS = Tools([Tool("current_time", {}, "noon"), Tool("weekday", {"year": 2026}, "Wednesday")])
PARTIAL = [
    Node("start", "Start"),
    Node("code", "Default value", outputs={"result": "x"}, status="exception", id="code_dv"),
    Node("code", "Fail branch", inside=[Retry(), Retry(), *WORDS], status="exception", id="code_fb"),
    Node("end", "End failed"),
]
REVIEW = [
    Node("start", "Start"),
    Node("llm", "Draft", outputs={"text": "A draft"}),
    Pause(
        "Please review.",
        inputs=[
            {
                "output_variable_name": "comment",
                "type": "paragraph",
                "default": {"type": "constant", "selector": [], "value": "ok"},
            }
        ],
    ),
]


@pytest.mark.parametrize(
    ("recording", "mode", "says"),
    [
        ("chat_plain_streaming", "chat", WORDS),
        ("completion_streaming", "completion", WORDS),
        ("chatflow_plain_multi_turn.1", "advanced-chat", WORDS),
        ("workflow_llm_streaming", "workflow", WORDS),
        ("agent_streaming_no_tool", "agent-chat", WORDS),
        ("agent_streaming_two_tools", "agent-chat", [Text("I will call. "), TWO_TOOLS, *WORDS]),
        (
            "agent_image_file",
            "agent-chat",
            [Text("Wait. "), Tool("draw", {}, "ok", [File("http://x/cat.png")]), *WORDS],
        ),
        ("chat_error_mid_stream", "chat", [*WORDS, Fail("The model failed.")]),
        ("completion_error_mid_stream", "completion", [*WORDS, Fail("The model failed.")]),
        ("workflow_llm_error", "workflow", [*WORDS, Fail("The model failed.")]),
        ("workflow_partial_streaming", "workflow", PARTIAL),
        ("human_input_pause", "workflow", REVIEW),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_scripted_run_has_the_shape_of_its_recording(serve: Serve, recording: str, mode: str, says: Sequence[Say]) -> None:
    served = serve(App("app", mode, script(*says)))
    response = served.generate()
    wire.assert_same_shape(response.content, wire.recorded(recording))


def test_a_chat_answer_from_a_dataset_cites_it_in_the_recorded_shape(serve: Serve) -> None:
    served = serve(App("app", datasets=[Dataset("Docs", {"a.txt": "Apples are red.", "b.txt": "Pears and apples."})]))
    response = served.generate(query="What about apples?")
    wire.assert_same_shape(response.content, wire.recorded("chat_rag_streaming"))
    assert len(wire.events(response.content)[-1]["metadata"]["retriever_resources"]) == 2


def test_the_default_chatflow_has_recorded_frames_and_retrieval_nodes(serve: Serve) -> None:
    served = serve()
    mine = wire.events(served.generate("chatflow", query="How long is the warranty?").content)
    real = wire.events(wire.recorded("chatflow_multi_turn"))
    wire.assert_known_frames(mine, real)
    found = [frame for frame in mine if frame.get("data", {}).get("node_type") == "knowledge-retrieval"]
    recorded = [frame for frame in real if frame.get("data", {}).get("node_type") == "knowledge-retrieval"]
    assert list(found[1]["data"]["process_data"]["usage"]) == list(recorded[1]["data"]["process_data"]["usage"])
    mine_entry, real_entry = (frames[1]["data"]["outputs"]["result"][0] for frames in (found, recorded))
    assert list(mine_entry) == list(real_entry)
    assert list(mine_entry["metadata"]) == list(real_entry["metadata"])


def test_an_llm_node_shows_what_a_recorded_one_shows(serve: Serve) -> None:
    served = serve(App("app", "workflow", script(*WORDS)))
    mine, real = (
        next(
            frame["data"]
            for frame in wire.events(stream)
            if frame["event"] == "node_finished" and frame["data"]["node_type"] == "llm"
        )
        for stream in (served.generate().content, wire.recorded("workflow_llm_streaming"))
    )
    for part in ("inputs", "outputs", "process_data", "execution_metadata"):
        assert list(mine[part]) == list(real[part])
    assert list(mine["outputs"]["usage"]) == list(real["outputs"]["usage"])


def test_iteration_frames_have_the_recorded_keys_and_ids(serve: Serve) -> None:
    items = [
        [Node("llm", "Item", outputs={"text": "one"}, id="it")],
        [Node("llm", "Item", outputs={"text": "two"}, id="it")],
    ]
    served = serve(App("app", "workflow", script(Iteration("Iteration", items), Text("done"))))
    mine = wire.events(served.generate().content)
    real = wire.events(wire.recorded("workflow_iteration_streaming"))
    wire.assert_known_frames(mine, real)
    inner = [frame["data"] for frame in mine if frame.get("data", {}).get("node_id") == "it"]
    assert {data["iteration_id"] for data in inner} == {"iteration"}
    assert [data["execution_metadata"]["iteration_index"] for data in inner if "status" in data] == [0, 1]
    completed = next(frame["data"] for frame in mine if frame["event"] == "iteration_completed")
    assert completed["id"] == completed["node_id"] == "iteration"
    assert completed["outputs"] == {"output": ["one", "two"]}


def test_replaced_text_of_a_chatflow_comes_as_recorded(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(*WORDS, Node("answer", "Answer"), Replace("Blocked."))))
    response = served.generate()
    wire.assert_same_shape(response.content, wire.recorded("chatflow_moderation_output_replace"))


def test_replaced_text_of_a_chat_ends_its_deltas(serve: Serve) -> None:
    served = serve(App("app", "chat", script(Text("a"), Replace("Blocked."), Text("b"))))
    frames = wire.events(served.generate().content)
    assert wire.pattern(frames) == ["message", "message_replace", "message_end"]
    assert frames[-2]["reason"] == ""
    answer = served.call("GET", f"/messages?user=ann&conversation_id={frames[0]['conversation_id']}", app="app").json()
    assert answer["data"][0]["answer"] == "Blocked."


def test_a_failed_chatflow_ends_with_a_failed_workflow(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(Text("a"), Fail("Broken."))))
    mine = wire.events(served.generate().content)
    real = wire.events(wire.recorded("chatflow_plain_error_mid_stream.1"))
    assert wire.pattern(mine) == wire.pattern(real)
    wire.assert_known_frames(mine, real)
    assert mine[-1]["data"]["status"] == "failed"
    assert mine[-1]["data"]["error"] == "Broken."


@pytest.mark.parametrize(("mode", "node_id"), [("advanced-chat", "llm"), ("workflow", "llm")])
def test_reasoning_of_a_flow_is_a_chunk_that_ends_before_the_text(serve: Serve, mode: str, node_id: str) -> None:
    served = serve(App("app", mode, script(Reasoning("hm "), Reasoning("yes"), Text("42"))))
    chunks = [f["data"] for f in wire.events(served.generate().content) if f["event"] == "reasoning_chunk"]
    assert [(chunk["reasoning"], chunk["is_final"]) for chunk in chunks] == [("hm ", False), ("yes", False), ("", True)]
    assert {chunk["node_id"] for chunk in chunks} == {node_id}
    assert all((chunk["message_id"] is None) == (mode == "workflow") for chunk in chunks)


def test_reasoning_of_a_chat_is_inline(serve: Serve) -> None:
    served = serve(App("app", "chat", script(Reasoning("hm"), Text("42"))))
    frames = wire.events(served.generate().content)
    assert "".join(frame.get("answer", "") for frame in frames) == "<think>\nhm\n</think>\n42"


def test_a_tool_of_a_flow_is_a_node(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(Tool("clock", {"zone": "UTC"}, "noon"), *WORDS)))
    frames = wire.events(served.generate().content)
    node = next(f["data"] for f in frames if f["event"] == "node_finished" and f["data"]["node_type"] == "tool")
    assert (node["title"], node["inputs"], node["outputs"]["text"]) == ("clock", {"zone": "UTC"}, "noon")


def test_sources_may_be_written_by_hand(serve: Serve) -> None:
    served = serve(App("app", "chat", script(Sources([{"document_name": "a"}, {"document_name": "b"}]), Text("x"))))
    resources = wire.events(served.generate().content)[-1]["metadata"]["retriever_resources"]
    assert resources == [{"position": 1, "document_name": "a"}, {"position": 2, "document_name": "b"}]


def test_the_headers_of_a_stream_are_those_of_a_real_server(serve: Serve) -> None:
    response = serve(App("app", script=script(*WORDS))).generate()
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["x-version"] == "1.14.2"
    assert "content-length" not in response.headers


def test_text_is_raw_utf8_on_the_stream_and_escaped_in_json(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("你好 🌍"))))
    assert "你好 🌍".encode() in served.generate().content
    blocking = served.generate(streaming=False)
    assert b"\\u4f60\\u597d" in blocking.content
    assert blocking.headers["content-type"] == "application/json; charset=utf-8"


def test_a_script_may_be_asynchronous(serve: Serve) -> None:
    async def said(turn: Turn):  # type: ignore[no-untyped-def]
        yield Text(turn.query)

    frames = wire.events(serve(App("app", script=said)).generate(query="echo").content)
    assert frames[0]["answer"] == "echo"


def test_an_error_of_a_script_is_an_internal_error_and_is_kept(serve: Serve) -> None:
    def broken(turn: Turn) -> list[Say]:
        raise ZeroDivisionError(turn.query)

    served = serve(App("app", script=broken))
    frames = wire.events(served.generate().content)
    assert (frames[-1]["code"], frames[-1]["status"]) == ("internal_server_error", 500)
    assert [type(error) for error in served.server.script_errors] == [ZeroDivisionError]


def test_something_a_mode_cannot_say_is_an_error(serve: Serve) -> None:
    served = serve(App("app", "chat", script(Pause())))
    assert wire.events(served.generate().content)[-1]["event"] == "error"
    assert "cannot be said" in str(served.server.script_errors[0])
