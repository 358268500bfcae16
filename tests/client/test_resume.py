"""Runs that are followed by their id: `resume=True` behind a break, and `workflows.resume`, on recorded bytes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
import yaml

from dify_integrations import AsyncDify, Dify, Paused, RunResult, StreamInterrupted, TextDelta, Timeouts
from tests.wire.recordings import CURATED, frames

HOME = CURATED / "1.14.2"
OPTIONS: dict[str, Any] = {"api_key": "app-test", "base_url": "http://127.0.0.1:9/v1", "user": "ann", "max_retries": 0}
GONE = "the page of an unknown route"


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection breaks at its end."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Server:
    """Answers requests in order; a stop call is always a success."""

    def __init__(self, *answers: httpx.Response | bytes | Broken | str) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.endswith("/stop"):
            return httpx.Response(200, json={"result": "success"})
        answer = self._answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, str):
            return httpx.Response(404, headers={"content-type": "text/html"}, content=b"<title>404 Not Found</title>")
        stream: Any = answer if isinstance(answer, Broken) else httpx.ByteStream(answer)
        return httpx.Response(200, headers={"content-type": "text/event-stream", "x-version": "1.14.2"}, stream=stream)

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path.removeprefix('/v1')}" for request in self.requests]


Body = Callable[[AsyncDify], Any]


@pytest.fixture(params=["sync", "async"])
def play(request: pytest.FixtureRequest) -> Callable[[Server, str, Any], RunResult]:
    """Run `chat.send` or `workflows.run` on either side."""

    def sync(server: Server, area: str, argument: Any, **options: Any) -> RunResult:
        with httpx.Client(transport=httpx.MockTransport(server)) as http:
            dify = Dify(**OPTIONS, http_client=http)
            send = dify.chat.send if area == "chat" else dify.workflows.run
            return send(argument, resume=True, **options)

    def asynchronous(server: Server, area: str, argument: Any, **options: Any) -> RunResult:
        async def main() -> RunResult:
            async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
                dify = AsyncDify(**OPTIONS, http_client=http)
                send = dify.chat.send if area == "chat" else dify.workflows.run
                return await send(argument, resume=True, **options)

        return anyio.run(main)

    return sync if request.param == "sync" else asynchronous


def raw(name: str) -> bytes:
    return (HOME / f"{name}.sse").read_bytes()


def last_answer(name: str) -> bytes:
    """The body of a cassette's last exchange."""
    loaded = yaml.load((HOME / f"{name}.yaml").read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    body = loaded["interactions"][-1]["response"]["body"]["string"]
    return body if isinstance(body, bytes) else str(body).encode()


def page(body: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, content=body)


@pytest.mark.parametrize("name", ["chatflow_close_then_resume", "chatflow_close_then_resume_snapshot"])
def test_a_recorded_chatflow_that_broke_off(play: Any, name: str) -> None:
    """The text is that of the stored message, though 30 tokens were never sent to anybody."""
    server = Server(Broken(raw(f"{name}.1")), raw(f"{name}.2"), GONE, page(last_answer(name)))
    result = play(server, "chat", "hi")
    stored = json.loads(last_answer(name))["data"][-1]
    assert (result.text, result.message_id) == (stored["answer"], stored["id"])
    assert (result.status, result.usage is not None) == ("succeeded", True)
    run = result.workflow_run_id
    assert server.asked == [
        "POST /chat-messages",
        f"GET /workflow/{run}/events",
        f"GET /workflows/run/{run}",
        "GET /messages",
    ]
    assert dict(server.requests[1].url.params) == {"user": "ann", "include_state_snapshot": "true"}


def test_a_recorded_workflow_that_ended_meanwhile(play: Any) -> None:
    """Its events are one frame, the end; the whole text is known from it."""
    name = "workflow_close_then_resume_late"
    result = play(Server(Broken(raw(f"{name}.1")), raw(f"{name}.2"), GONE), "workflow", {})
    assert result.text.rstrip() == frames(raw(f"{name}.2"))[0]["data"]["outputs"]["text"].rstrip()
    assert result.text.startswith("tok1 tok2 ")


def test_a_recorded_workflow_that_broke_off(play: Any) -> None:
    """Its outputs are those of the run's detail, and the text is what they were streamed as."""
    name = "workflow_close_then_resume"
    detail = last_answer(name)
    server = Server(Broken(raw(f"{name}.1")), raw(f"{name}.2"), page(detail))
    result = play(server, "workflow", {})
    known = json.loads(detail)
    assert result.outputs == known["outputs"]
    assert result.text.rstrip() == known["outputs"]["text"].rstrip()
    assert (result.status, result.total_tokens) == ("succeeded", known["total_tokens"])


def test_an_end_of_body_is_a_break_too(play: Any) -> None:
    """Relays close a stream in good order when nothing was said for 300 s."""
    name = "chatflow_close_then_resume"
    result = play(Server(raw(f"{name}.1"), raw(f"{name}.2"), GONE, page(last_answer(name))), "chat", "hi")
    assert result.text == json.loads(last_answer(name))["data"][-1]["answer"]


def test_it_breaks_again(play: Any) -> None:
    """Each time the run is followed anew; three times at most."""
    name = "chatflow_close_then_resume"
    again = raw(f"{name}.2")
    server = Server(Broken(raw(f"{name}.1")), Broken(again[:3000]), Broken(b""), again, GONE, page(last_answer(name)))
    assert play(server, "chat", "hi").text == json.loads(last_answer(name))["data"][-1]["answer"]
    server = Server(Broken(raw(f"{name}.1")), Broken(again[:3000]), Broken(b""), Broken(again[:500]))
    with pytest.raises(StreamInterrupted) as caught:
        play(server, "chat", "hi")
    assert server.asked.count(f"GET /workflow/{caught.value.ids['workflow_run_id']}/events") == 3
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(f"tok{number} " for number in range(1, 7))


def test_the_detail_tells_where_the_events_do_not(play: Any) -> None:
    """A server that knows the run, but not the route."""
    name = "workflow_close_then_resume"
    server = Server(Broken(raw(f"{name}.1")), GONE, page(last_answer(name)))
    result = play(server, "workflow", {})
    assert result.outputs == json.loads(last_answer(name))["outputs"]
    assert result.text.rstrip() == result.outputs["text"].rstrip()


def test_a_run_that_cannot_be_followed(play: Any) -> None:
    """Neither its events nor its detail: the break is raised, with what led to it."""
    server = Server(Broken(raw("workflow_close_then_resume.1")), GONE, GONE)
    with pytest.raises(StreamInterrupted) as caught:
        play(server, "workflow", {})
    assert caught.value.__cause__ is not None
    assert "since Dify 1.14.0" in str(caught.value.__cause__)


def test_a_break_before_the_run_has_an_id(play: Any) -> None:
    server = Server(Broken(b"event: ping\n\n"))
    with pytest.raises(StreamInterrupted):
        play(server, "chat", "hi")
    assert server.asked == ["POST /chat-messages"]


def test_a_hole_that_cannot_be_filled(play: Any) -> None:
    """The outputs do not hold the text that was streamed: no short answer is passed off."""
    name = "workflow_close_then_resume"
    detail = json.loads(last_answer(name)) | {"outputs": {"number": 5}}
    with pytest.raises(StreamInterrupted, match="cannot be told from its outputs") as caught:
        play(Server(Broken(raw(f"{name}.1")), raw(f"{name}.2"), page(json.dumps(detail).encode())), "workflow", {})
    assert caught.value.partial is not None
    assert (caught.value.partial.outputs, caught.value.partial.status) == ({"number": 5}, "succeeded")


def test_a_chatflow_whose_history_cannot_be_read(play: Any) -> None:
    """Its outputs may hold what moderation took back: nothing is taken from them that was not sent."""
    name = "chatflow_close_then_resume"
    with pytest.raises(StreamInterrupted, match="cannot be told") as caught:
        play(Server(Broken(raw(f"{name}.1")), raw(f"{name}.2"), GONE, GONE), "chat", "hi")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(f"tok{number} " for number in range(1, 7))


def test_without_resume_nothing_is_followed() -> None:
    server = Server(Broken(raw("chatflow_close_then_resume.1")))
    with httpx.Client(transport=httpx.MockTransport(server)) as http, pytest.raises(StreamInterrupted):
        Dify(**OPTIONS, http_client=http).chat.send("hi")
    assert server.asked == ["POST /chat-messages"]


def test_leaving_a_followed_run_stops_it() -> None:
    """It is the caller's own run, also behind a break."""
    name = "chatflow_close_then_resume"
    server = Server(Broken(raw(f"{name}.1")), raw(f"{name}.2"))
    with httpx.Client(transport=httpx.MockTransport(server)) as http:
        dify = Dify(**OPTIONS, http_client=http)
        with dify.chat.stream("hi", resume=True) as run:
            for event in run:
                if event.name == "node_finished" and server.asked[-1].endswith("/events"):
                    break
        assert server.asked[-1] == f"POST /chat-messages/{run.result.task_id}/stop"


# -- workflows.resume


def follow(server: Server, **options: Any) -> tuple[RunResult, list[Any]]:
    with httpx.Client(transport=httpx.MockTransport(server)) as http:
        dify = Dify(**OPTIONS, http_client=http, timeout=Timeouts())
        with dify.workflows.resume("11111111-1111-4111-8111-111111111111", **options) as run:
            items = list(run.items())
        return run.result, items


def test_a_finished_run() -> None:
    """One frame; a chatflow's answer is in its outputs."""
    for number in range(1, 8):
        body = raw(f"workflow_events_finished.{number}")
        ends = [frame["data"] for frame in frames(body) if frame["event"] == "workflow_finished"]
        if ends and ends[-1]["status"] == "succeeded":
            result, _ = follow(Server(body))
            assert (result.status, result.outputs) == ("succeeded", ends[-1]["outputs"])
            if "answer" in result.outputs:
                assert result.text == result.outputs["answer"]


@pytest.mark.parametrize("number", [2, 3])
def test_a_resumed_chatflow_tells_the_whole_answer(number: int) -> None:
    """Also when the stream holds only what was said behind the form."""
    body = raw(f"human_input_chatflow_approve.{number}")
    result, items = follow(Server(body), include_state_snapshot=False)
    assert result.text == frames(body)[-1]["data"]["outputs"]["answer"]
    assert any(isinstance(item, TextDelta) for item in items)


def test_a_paused_run_and_its_forms() -> None:
    body = raw("human_input_snapshot_paused.2")
    result, items = follow(Server(body))
    assert result.status == "paused"
    assert result.pause is not None
    assert [form.form_id for form in result.pause.forms] == [
        frame["data"]["form_id"] for frame in frames(body) if frame["event"] == "human_input_required"
    ]
    assert isinstance(items[-2], Paused)


def test_continuing_over_a_pause() -> None:
    """The pause is told, and the run read to its end."""
    server = Server(raw("human_input_snapshot_continue_on_pause.2"))
    result, items = follow(server, continue_on_pause=True)
    assert dict(server.requests[0].url.params) == {"user": "ann", "include_state_snapshot": "true", "continue_on_pause": "true"}
    assert result.status == "succeeded"
    assert [type(item) for item in items].count(Paused) == 1


def test_going_on_behind_the_form_that_was_answered() -> None:
    """The old pause, still shown by the server, is read through."""
    body = raw("human_input_snapshot_continue_on_pause.2")
    answered = [frame["data"]["form_token"] for frame in frames(body) if frame["event"] == "human_input_required"]
    server = Server(body)
    result, _ = follow(server, answered=answered)
    assert server.requests[0].url.params["continue_on_pause"] == "true"
    assert (result.status, result.pause) == ("succeeded", None)


@pytest.mark.parametrize("name", ["human_input_twice.2", "human_input_parallel.2"])
def test_a_new_pause_behind_the_answered_form_is_an_end(name: str) -> None:
    """Another form, or the other one of two: nobody answered it yet."""
    result, _ = follow(Server(raw(name)), answered=["the-first-form"])
    assert result.status == "paused"
    assert result.pause is not None
    assert len(result.pause.forms) == 1


def test_leaving_a_run_that_was_only_followed() -> None:
    """Whoever looks on does not stop the run; `stop` does, by the call of its kind."""
    server = Server(raw("chatflow_close_then_resume.2"))
    with httpx.Client(transport=httpx.MockTransport(server)) as http:
        dify = Dify(**OPTIONS, http_client=http)
        with dify.workflows.resume("11111111-1111-4111-8111-111111111111") as run:
            next(iter(run))
        assert len(server.requests) == 1
        run.stop()
        assert server.asked[-1] == f"POST /chat-messages/{run.result.task_id}/stop"
