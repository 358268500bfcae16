"""When things arrive: gates, pings, stops, cuts, silence and leaving clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from dify_integrations.local import App, Drop, Fail, Gate, Node, Raw, Say, Silence, Text, Turn, Wait, tokens
from tests.local import wire
from tests.local.conftest import Serve, script

MODES = ["completion", "chat", "agent-chat", "advanced-chat", "workflow"]


def read_until(chunks: Iterator[bytes], text: bytes) -> bytes:
    """Read a stream up to a chunk that contains a text."""
    seen = b""
    for chunk in chunks:
        seen += chunk
        if text in chunk:
            return seen
    raise AssertionError(f"{text!r} never came: {seen!r}")


@pytest.mark.parametrize("mode", MODES)
def test_the_first_token_arrives_while_a_gate_holds_the_second(serve: Serve, mode: str) -> None:
    gate = threading.Event()
    served = serve(App("app", mode, script(Text("first"), Gate(gate), Text("second"))))
    with served.stream() as response:
        chunks = response.iter_raw()
        assert b"second" not in read_until(chunks, b"first")
        gate.set()
        read_until(chunks, b"second")


def test_one_event_is_one_chunk(serve: Serve) -> None:
    gates = [threading.Event() for _ in range(3)]
    says = [say for gate in gates for say in (Text("token"), Gate(gate))]
    with serve(App("app", script=script(*says))).stream() as response:
        chunks = response.iter_raw()
        for gate in gates:
            chunk = next(chunks)
            assert chunk.startswith(b"data: {")
            assert chunk.endswith(b"}\n\n")
            assert chunk.count(b"\n\n") == 1
            gate.set()


@pytest.mark.parametrize("mode", MODES)
def test_pings_come_on_a_grid_while_nothing_is_said(serve: Serve, mode: str) -> None:
    gate = threading.Event()
    served = serve(App("app", mode, script(Text("a"), Gate(gate), Text("b"))), ping_interval_s=0.02)
    with served.stream() as response:
        chunks = response.iter_raw()
        read_until(chunks, b'"a"')
        silence = read_until(chunks, b"event: ping\n\n") + read_until(chunks, b"event: ping\n\n")
        assert silence.count(b"event: ping\n\n") == 2
        assert b'"b"' not in silence
        gate.set()
        assert b'"b"' in read_until(chunks, b'"b"')


def test_pings_fall_between_flowing_tokens(serve: Serve) -> None:
    served = serve(App("app", script=script(*tokens("word " * 30))), ping_interval_s=0.01, pace_s=0.002)
    names = [frame["event"] for frame in wire.events(served.generate().content)]
    middle = names[names.index("message") : len(names) - names[::-1].index("message")]
    assert "ping" in middle
    assert middle.count("message") == 31


def test_a_stop_ends_a_chat_with_an_empty_usage(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a "), Text("b "), Gate(threading.Event()))))
    with served.stream() as response:
        chunks = response.iter_raw()
        seen = read_until(chunks, b'"b "')
        first = wire.events(seen)[0]
        began = time.monotonic()
        stopped = served.call("POST", f"/chat-messages/{first['task_id']}/stop", app="app", json={"user": "ann"})
        rest = b"".join(chunks)
        assert time.monotonic() - began < 1
    assert stopped.json() == {"result": "success"}
    wire.assert_same_shape(seen + rest, wire.recorded("chat_stop"))
    usage = wire.events(rest)[-1]["metadata"]["usage"]
    assert (usage["total_tokens"], usage["total_price"], usage["time_to_first_token"]) == (0, "0E-7", None)
    kept = served.call("GET", f"/messages?user=ann&conversation_id={first['conversation_id']}", app="app").json()
    assert kept["data"][0]["answer"] == "a b"
    assert [(stop.task_id, stop.user, stop.applied) for stop in served.server.stops] == [(first["task_id"], "ann", True)]


@pytest.mark.parametrize(
    ("mode", "path", "recording"),
    [
        ("completion", "/completion-messages/{}/stop", "completion_stop"),
        ("advanced-chat", "/chat-messages/{}/stop", "chatflow_plain_stop.1"),
        ("workflow", "/workflows/tasks/{}/stop", "workflow_stop"),
    ],
)
def test_a_stopped_run_has_the_shape_of_its_recording(serve: Serve, mode: str, path: str, recording: str) -> None:
    served = serve(App("app", mode, script(Text("a"), Gate(threading.Event()))))
    with served.stream() as response:
        chunks = response.iter_raw()
        seen = read_until(chunks, b'"a"')
        task_id = wire.events(seen)[-1]["task_id"]
        served.call("POST", path.format(task_id), app="app", json={"user": "ann"})
        seen += b"".join(chunks)
    wire.assert_same_shape(seen, wire.recorded(recording))


@pytest.mark.parametrize(
    ("mode", "path", "applied"),
    [
        ("completion", "/completion-messages/{}/stop", False),
        ("chat", "/chat-messages/{}/stop", False),
        ("agent-chat", "/chat-messages/{}/stop", False),
        ("advanced-chat", "/chat-messages/{}/stop", True),
        ("workflow", "/workflows/tasks/{}/stop", True),
    ],
)
def test_somebody_elses_stop_reaches_only_a_graph(serve: Serve, mode: str, path: str, applied: bool) -> None:
    gate = threading.Event()
    served = serve(App("app", mode, script(Text("a"), Gate(gate), Text("later"))))
    with served.stream() as response:
        chunks = response.iter_raw()
        task_id = wire.events(read_until(chunks, b'"a"'))[-1]["task_id"]
        reply = served.call("POST", path.format(task_id), app="app", json={"user": "bob"})
        gate.set()
        rest = b"".join(chunks)
    assert reply.json() == {"result": "success"}
    assert (b"later" in rest) is not applied
    assert served.server.stops[0].applied is applied


@pytest.mark.parametrize("task_id", ["not-a-uuid", "00000000-0000-4000-8000-00000000dead"])
def test_stopping_an_unknown_task_is_a_success(serve: Serve, task_id: str) -> None:
    served = serve()
    reply = served.call("POST", f"/chat-messages/{task_id}/stop", app="chat", json={"user": "ann"})
    assert reply.json() == {"result": "success"}
    assert served.server.stops[0].applied is False


def test_a_leaving_client_is_noticed_and_its_chat_answer_is_lost(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"), Gate(threading.Event()))))
    with served.stream() as response:
        first = wire.events(read_until(response.iter_raw(), b'"a"'))[0]
    assert served.server.wait_until(lambda server: server.disconnects == [first["task_id"]])
    assert served.server.wait_until(lambda server: not server.running) or not served.server.running
    kept = served.call("GET", f"/messages?user=ann&conversation_id={first['conversation_id']}", app="app").json()
    assert (kept["data"][0]["answer"], kept["data"][0]["status"]) == ("", "normal")


@pytest.mark.parametrize(("version", "answer"), [("1.14.2", "ab"), ("1.12.1", "")])
def test_a_graph_goes_on_without_its_client(serve: Serve, version: str, answer: str) -> None:
    gate, done = threading.Event(), threading.Event()

    def said(turn: Turn) -> Iterator[Say]:
        yield from (Text("a"), Gate(gate), Text("b"), Node("answer", "Answer"))
        done.set()

    served = serve(App("app", "advanced-chat", said), version=version)
    with served.stream() as response:
        first = wire.events(read_until(response.iter_raw(), b'"a"'))[-1]
    assert served.server.wait_until(lambda server: bool(server.disconnects))
    gate.set()
    assert done.wait(5)
    run_id = next(iter(served.server._state.runs))
    while (detail := served.call("GET", f"/workflows/run/{run_id}", app="app").json())["status"] == "running":
        pass
    assert detail["status"] == "succeeded"
    kept = served.call("GET", f"/messages?user=ann&conversation_id={first['conversation_id']}", app="app").json()
    assert kept["data"][0]["answer"] == answer


def test_a_drop_breaks_the_connection_off(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"), Drop())))
    with pytest.raises(httpx.RemoteProtocolError):
        served.generate()


def test_a_clean_drop_ends_the_body_without_a_terminal_event(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"), Drop(clean=True))))
    assert wire.pattern(wire.events(served.generate().content)) == ["message"]


def test_a_drop_of_a_blocking_call_leaves_it_without_an_answer(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"), Drop())))
    with pytest.raises(httpx.RemoteProtocolError):
        served.generate(streaming=False)


def test_silence_sends_nothing_until_its_time_is_over(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"), Silence(0.05))), ping_interval_s=0.01)
    assert wire.pattern(wire.events(served.generate().content)) == ["message"]


def test_silence_is_bounded_by_the_server(serve: Serve) -> None:
    served = serve(App("app", "workflow", script(Text("a"), Silence())), silence_s=0.02)
    assert wire.events(served.generate().content)[-1]["event"] == "text_chunk"


def test_raw_bytes_go_out_as_they_are(serve: Serve) -> None:
    served = serve(App("app", script=script(Raw(b": a comment\n\n"), Text("a"))))
    assert served.generate().content.startswith(b": a comment\n\ndata: {")


def test_a_wait_lets_time_pass(serve: Serve) -> None:
    served = serve(App("app", script=script(Wait(0.03), Text("a"))))
    began = time.monotonic()
    served.generate()
    assert time.monotonic() - began >= 0.03


def test_a_node_takes_its_time(serve: Serve) -> None:
    served = serve(App("app", "workflow", script(Node("code", "Slow", duration_s=0.03, outputs={"x": 1}))))
    frames = wire.events(served.generate().content)
    node = next(f["data"] for f in frames if f["event"] == "node_finished" and f["data"]["node_type"] == "code")
    assert node["elapsed_time"] >= 0.02


def test_a_client_may_leave_a_blocking_call(serve: Serve) -> None:
    served = serve(App("app", script=script(Gate(threading.Event()))))
    with pytest.raises(httpx.ReadTimeout):
        served.call("POST", "/chat-messages", app="app", json={"query": "x", "inputs": {}, "user": "ann"}, timeout=0.05)
    assert served.server.wait_until(lambda server: len(server.disconnects) == 1)


def test_several_streams_do_not_wait_for_each_other(serve: Serve) -> None:
    gate = threading.Event()
    served = serve(App("held", script=script(Text("a"), Gate(gate))), App("free", script=script(Text("b"))))
    with served.stream("held") as response:
        chunks = response.iter_raw()
        read_until(chunks, b'"a"')
        assert b"message_end" in served.generate("free").content
        gate.set()
        read_until(chunks, b"message_end")


def test_a_long_answer_arrives_whole(serve: Serve) -> None:
    text = "word " * 2000
    served = serve(App("app", script=script(*tokens(text))))
    frames = wire.events(served.generate().content)
    assert "".join(frame.get("answer", "") for frame in frames) == text


def test_a_failure_before_the_first_token_is_an_error_frame(serve: Serve) -> None:
    served = serve(App("app", script=script(Fail("No key.", "provider_not_initialize"))))
    frames = wire.events(served.generate().content)
    assert [(frame["event"], frame["code"], frame["message"]) for frame in frames] == [
        ("error", "provider_not_initialize", "No key.")
    ]
    assert "task_id" not in frames[0]
