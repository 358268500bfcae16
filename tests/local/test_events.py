"""Following a run again: broken connections, missed frames, snapshots, the end, refusals."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest

from dify_integrations.local import App, Cut, Drop, Fail, Gate, Node, Outputs, Text, UntilFollowed
from tests.local import wire
from tests.local.conftest import Serve, Served, script
from tests.local.flows import cut_off, detail, followed, following, generated, named, run_id, said, settled
from tests.local.recorded import exchanges

NOBODY = "00000000-0000-4000-8000-00000000dead"
BROKEN = (Text("a"), Cut(), Text("b"), UntilFollowed(), Text("c"))
MODES = ["advanced-chat", "workflow"]
SNAPSHOT = {"include_state_snapshot": "true"}
CONTINUE = {"continue_on_pause": "true"}


def flow(mode: str, *says: Any) -> App:
    return App("app", mode, script(*says))


@pytest.mark.parametrize(("mode", "recording"), [("advanced-chat", "chatflow"), ("workflow", "workflow")])
def test_a_broken_run_goes_on_and_tells_whoever_follows_it(serve: Serve, mode: str, recording: str) -> None:
    served = serve(flow(mode, *BROKEN))
    before = cut_off(served)
    after = followed(served, run_id(before))
    assert (said(before), said(after)) == ("a", "c")
    assert after[0] == {"event": "ping"}
    assert {frame["task_id"] for frame in [*before[1:], *after[1:]]} == {before[1]["task_id"]}
    real = wire.events(wire.recorded(f"{recording}_close_then_resume.2"))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real)


@pytest.mark.parametrize("mode", MODES)
def test_the_outputs_hold_what_nobody_heard(serve: Serve, mode: str) -> None:
    served = serve(flow(mode, *BROKEN))
    run = run_id(cut_off(served))
    assert detail(served, run)["status"] == "running"
    assert detail(served, run)["outputs"] == {}
    last = followed(served, run)[-1]["data"]
    assert (last["status"], last["outputs"].get("answer") or last["outputs"].get("text")) == ("succeeded", "abc")
    ended = settled(served, run)
    assert (ended["status"], ended["outputs"]) == ("succeeded", last["outputs"])


@pytest.mark.parametrize(
    ("mode", "recording", "version"),
    [("advanced-chat", "chatflow", "1.14.2"), ("advanced-chat", "chatflow", "1.14"), ("workflow", "workflow", "1.14")],
)
def test_a_snapshot_of_a_running_run_has_no_text_and_no_details(serve: Serve, mode: str, recording: str, version: str) -> None:
    served = serve(flow(mode, *BROKEN))
    after = followed(served, run_id(cut_off(served)), **SNAPSHOT)
    real = wire.events(wire.recorded(f"{recording}_close_then_resume_snapshot.2", version))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real, version=version)
    assert [frame["answer"] for frame in after if frame["event"] == "message_replace"] == ([""] if recording == "chatflow" else [])
    assert [node["index"] for node in named(after, "node_started")][:2] == [1, 2]


def test_everybody_who_follows_hears_everything(serve: Serve) -> None:
    gate = threading.Event()
    served = serve(flow("workflow", Text("a"), Cut(), Gate(gate), Text("b")))
    run = run_id(cut_off(served))
    with following(served, run) as one, following(served, run) as two:
        gate.set()
        assert one.read() == two.read()
        assert said(wire.events(one.content)) == "b"


def test_a_second_break_is_a_break_of_the_follower(serve: Serve) -> None:
    served = serve(flow("workflow", *BROKEN, Cut(), UntilFollowed(), Text("d")))
    run = run_id(cut_off(served))
    with following(served, run) as response, pytest.raises(httpx.RemoteProtocolError):
        response.read()
    assert said(followed(served, run)) == "d"
    assert settled(served, run)["outputs"] == {"text": "abcd"}


def test_a_client_that_leaves_can_come_back(serve: Serve) -> None:
    gate = threading.Event()
    served = serve(flow("workflow", Text("a"), Gate(gate), Text("b")))
    with served.stream() as response:
        seen, chunks = b"", response.iter_raw()
        while b'"a"' not in seen:
            seen += next(chunks)
    run = run_id(wire.events(seen))
    assert served.server.wait_until(lambda server: len(server.disconnects) == 1)
    with following(served, run) as response:
        gate.set()
        assert said(wire.events(response.read())) == "b"


def test_a_follower_that_leaves_is_noticed_and_the_run_goes_on(serve: Serve) -> None:
    gate = threading.Event()
    served = serve(flow("workflow", Text("a"), Cut(), Gate(gate), Text("b")))
    before = cut_off(served)
    with following(served, run_id(before)) as response:
        assert next(response.iter_raw()) == b"event: ping\n\n"
    assert served.server.wait_until(lambda server: server.disconnects == [before[1]["task_id"]])
    gate.set()
    assert settled(served, run_id(before))["status"] == "succeeded"


def test_a_run_does_not_wait_for_ever_to_be_followed(serve: Serve) -> None:
    served = serve(flow("workflow", Text("a"), UntilFollowed(timeout_s=0.02), Text("b")))
    assert said(generated(served)) == "ab"


def test_a_followed_run_can_be_stopped(serve: Serve) -> None:
    served = serve(flow("workflow", Text("a"), Cut(), Gate(threading.Event())))
    before = cut_off(served)
    with following(served, run_id(before)) as response:
        served.call("POST", f"/workflows/tasks/{before[1]['task_id']}/stop", app="app", json={"user": "ann"})
        last = wire.events(response.read())[-1]
    assert (last["event"], last["data"]["status"]) == ("workflow_finished", "stopped")
    # As recorded (`workflow_stop`): the run's detail never learns of the stop.
    assert detail(served, run_id(before))["status"] == "running"


def test_a_break_of_a_blocking_call_leaves_the_run_to_itself(serve: Serve) -> None:
    served = serve(flow("workflow", Text("a"), Cut(), Text("b")))
    with pytest.raises(httpx.RemoteProtocolError):
        served.generate(streaming=False)
    assert settled(served, next(iter(served.server._state.runs)))["outputs"] == {"text": "ab"}


@pytest.mark.parametrize("mode", ["completion", "chat", "agent-chat"])
def test_a_break_ends_a_run_that_nobody_can_follow(serve: Serve, mode: str) -> None:
    served = serve(flow(mode, Text("a"), Cut(), Gate(threading.Event())))
    assert said(cut_off(served)).startswith("a")
    assert served.server.wait_until(lambda server: not server.running) or not served.server.running


def test_a_dead_worker_leaves_its_run_running_and_its_followers_with_pings(serve: Serve) -> None:
    served = serve(flow("workflow", Text("a"), Drop()), ping_interval_s=0.01, silence_s=0.05)
    run = run_id(cut_off(served))
    assert {frame["event"] for frame in followed(served, run)} == {"ping"}
    assert followed(served, run, **SNAPSHOT)[1]["task_id"] == run
    assert detail(served, run)["status"] == "running"


# --- runs that have ended ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [{}, SNAPSHOT, SNAPSHOT | CONTINUE, CONTINUE])
@pytest.mark.parametrize("mode", MODES)
def test_a_finished_run_is_one_frame(serve: Serve, mode: str, query: dict[str, str]) -> None:
    served = serve(flow(mode, Text("猫")))
    done = generated(served)
    with following(served, run_id(done), **query) as response:
        body = response.read()
    assert response.headers["cache-control"] == "no-cache"
    (only,) = wire.events(body)
    wire.assert_same_shape(body, wire.recorded("workflow_events_finished.4"))
    assert body.isascii()
    assert b'{"event": "workflow_finished", "task_id": "' in body
    assert only["task_id"] == only["workflow_run_id"] == run_id(done)
    assert only["data"] == done[-1]["data"]


@pytest.mark.parametrize(
    ("says", "status", "recording"),
    [
        ([Fail("Broken.")], "failed", "workflow_events_finished.4"),
        ([Node("code", status="exception", error="x"), Outputs({})], "partial-succeeded", "workflow_events_finished.5"),
    ],
)
def test_the_frame_tells_how_the_run_ended(serve: Serve, says: list[Any], status: str, recording: str) -> None:
    served = serve(flow("workflow", *says))
    (only,) = followed(served, run_id(generated(served)))
    assert only["data"]["status"] == status
    wire.assert_same_keys(only, wire.events(wire.recorded(recording))[0])


def test_nothing_is_told_of_a_blocking_run(serve: Serve) -> None:
    gate = threading.Event()
    served = serve(flow("workflow", Text("a"), Gate(gate), Text("b")), ping_interval_s=0.01, silence_s=0.05)
    bodies: list[Any] = []
    caller = threading.Thread(target=lambda: bodies.append(served.generate(streaming=False).json()))
    caller.start()
    while not (runs := dict(served.server._state.runs)):
        pass
    with following(served, next(iter(runs))) as response:
        gate.set()
        frames = wire.events(response.read())
    caller.join()
    assert {frame["event"] for frame in frames} == {"ping"}
    assert bodies[0]["data"]["outputs"] == {"text": "ab"}


def test_continuing_on_a_pause_without_a_snapshot_never_ends(serve: Serve) -> None:
    """Dify's set of last events is empty then: the stream idles after `workflow_finished`."""
    served = serve(flow("workflow", *BROKEN), ping_interval_s=0.02, silence_s=0.1)
    events = [frame["event"] for frame in followed(served, run_id(cut_off(served)), **CONTINUE)]
    assert events[-1] == "ping"
    assert "workflow_finished" in events
    real = [frame["event"] for frame in wire.events(wire.recorded("human_input_continue_on_pause_no_snapshot.2"))]
    assert real[-2:] == ["ping", "ping"]


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def refusing(serve: Serve) -> Served:
    return serve(flow("workflow", Text("a")), App("other", "workflow"), App("chat", "chat"), App("text", "completion"))


@pytest.mark.parametrize(
    ("app", "path", "number"),
    [
        ("app", "/workflow/{}/events", 1),
        ("app", "/workflow/{}/events?user=", 2),
        ("app", "/workflow/{}/events?user=bob", 3),
        ("app", f"/workflow/{NOBODY}/events?user=ann", 4),
        ("app", "/workflow/bogus/events?user=ann", 5),
        ("other", "/workflow/{}/events?user=ann", 6),
        ("chat", "/workflow/{}/events?user=ann", 7),
        ("text", "/workflow/{}/events?user=ann", 8),
    ],
)
def test_a_run_is_shown_to_nobody_else(refusing: Served, app: str, path: str, number: int) -> None:
    run = run_id(generated(refusing))
    reply = refusing.call("GET", path.format(run), app=app)
    real = exchanges("1.14/workflow_events_errors")[number]
    assert (reply.status_code, reply.json()) == (real.status, json.loads(real.answer))


def test_a_wrong_key_is_refused_first(refusing: Served) -> None:
    reply = refusing.call("GET", "/workflow/bogus/events", key="app-wrong")
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")


def test_older_servers_do_not_know_the_route(serve: Serve) -> None:
    served = serve(flow("workflow", Text("a")), version="1.13.3")
    reply = served.call("GET", f"/workflow/{NOBODY}/events?user=ann", app="app")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
