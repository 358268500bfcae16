"""A stop call that fails is not taken for a stop."""

from __future__ import annotations

import httpx
import pytest

from dify_integrations import Dify, ServerError

STREAM = b'data: {"event":"message","task_id":"t1","message_id":"m","conversation_id":"c","answer":"Hel"}\n\n'


def test_leaving_after_a_stop_that_failed_tries_again() -> None:
    """The error is raised, and the run is asked to stop once more when it is left."""
    stops: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/stop"):
            stops.append(request.url.path)
            return httpx.Response(500 if len(stops) == 1 else 200, json={"result": "success"})
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=STREAM)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    with Dify("app-x", base_url="http://127.0.0.1/v1", user="u", max_retries=0, http_client=client) as dify:
        with dify.chat.stream("hi") as run:
            iterator = iter(run)
            next(iterator)
            with pytest.raises(ServerError):
                run.stop()
    assert stops == ["/v1/chat-messages/t1/stop"] * 2
