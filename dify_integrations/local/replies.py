"""Answers that are not streams: JSON as Dify prints it, its error envelopes, its HTML 404, and blocking runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .channel import Channel, Signal, cut, gone
from .state import State

_NOT_FOUND_PAGE = """<!doctype html>
<html lang=en>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>
"""


class ApiError(Exception):
    """A refusal with Dify's envelope."""

    def __init__(self, status: int, code: str, message: str, *, argument: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        # The argument that is wrong and what 0.15 says about it.
        self.argument = argument

    def response(self, *, old: bool = False) -> Response:
        """The envelope as a response; 0.15 (`old`) tells no status of a crash and asks for no scheme."""
        body = {"code": self.code, "message": self.message, "status": self.status}
        if old and self.code == "unknown":
            del body["status"]
        if old and self.argument is not None:
            body = {"code": self.code, "message": self.argument[1], "params": self.argument[0]}
        headers = {"WWW-Authenticate": 'Bearer realm="api"'} if self.status == 401 and not old else None
        return answer(body, status=self.status, headers=headers)


def invalid(message: str) -> ApiError:
    """400 `invalid_param`, Dify's answer to most wrong values."""
    return ApiError(400, "invalid_param", message)


def not_found(message: str) -> ApiError:
    """404 with an envelope."""
    return ApiError(404, "not_found", message)


def no_part() -> ApiError:
    """400 for a form without the part that is asked for by name."""
    return ApiError(400, "bad_request_key_error", "The browser (or proxy) sent a request that this server could not understand.")


def crash() -> ApiError:
    """What an uncaught exception of the server looks like."""
    return ApiError(500, "unknown", "Internal Server Error")


def schema_error(model: str, problems: list[tuple[str, str, str, Any]], *, parsed: bool = True) -> ApiError:
    """400 with the text pydantic gives: (field, sentence, error type, input) for every problem.

    On 0.15 it is an argument parser (`parsed`) that tells of the first one, but for what was a schema already.
    """
    lines = [f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} for {model}"]
    for field, sentence, kind, value in problems:
        shown = repr(value)
        shown = shown if len(shown) <= 50 else f"{shown[:25]}...{shown[-24:]}"
        lines += [field, f"  {sentence} [type={kind}, input_value={shown}, input_type={type(value).__name__}]"]
        lines.append(f"    For further information visit https://errors.pydantic.dev/2.12/v/{kind}")
    field, sentence, kind, value = problems[0]
    argument = (field, _old_sentence(sentence, kind, value)) if parsed else None
    return ApiError(400, "invalid_param", "\n".join(lines), argument=argument)


def _old_sentence(sentence: str, kind: str, value: Any) -> str:
    """What the argument parser of 0.15 says of a problem."""
    if kind == "missing":
        return "Missing required parameter in the JSON body"
    if kind in {"less_than_equal", "greater_than_equal"}:
        return f"Invalid argument: {value}. argument must be within the range 1 - 100"
    if kind == "value_error":
        return f"{value} is not a valid uuid."
    return f"{value} is not a valid choice" if kind == "literal_error" else sentence


def answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON as Dify's framework prints it: ASCII-escaped, spaced, with a final newline."""
    return Response(json.dumps(body) + "\n", status, headers, "application/json")


def generated(body: Any) -> Response:
    """JSON as blocking generation prints it: no final newline, a charset."""
    return Response(json.dumps(body), 200, {"content-type": "application/json; charset=utf-8"})


def no_such_page() -> Response:
    """The HTML 404 of an unknown path."""
    return Response(_NOT_FOUND_PAGE, 404, media_type="text/html")


class Blocking:
    """The response of a blocking call: runs the producer, throws its frames away and shows the result.

    A client that leaves ends the waiting, not the run; a producer that cuts its channel cuts the connection.
    """

    def __init__(
        self,
        state: State,
        channel: Channel,
        producer: Callable[[], Coroutine[Any, Any, None]],
        result: Callable[[], Response],
        task_id: str,
    ) -> None:
        self._state = state
        self._channel = channel
        self._producer = producer
        self._result = result
        self._task_id = task_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self._state.in_background(self._producer())
        left = asyncio.ensure_future(gone(receive))
        drained = asyncio.ensure_future(self._drain())
        try:
            await asyncio.wait({drained, left}, return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                if not self._state.closing:
                    self._state.record(self._state.disconnects, self._task_id)
                return
            if drained.result() is Signal.CUT:
                await cut(self._state, scope, left)
                return
            # The work itself may go on: a paused run waits for a person.
            await self._result()(scope, receive, send)
        finally:
            left.cancel()
            drained.cancel()
            self._channel.leave()

    async def _drain(self) -> Signal:
        hushed = False
        while True:
            item = await self._channel.get()
            if item is Signal.HUSH:
                hushed = True
            elif isinstance(item, Signal):
                # A blocking call that fell silent has nothing to answer with.
                return Signal.CUT if hushed else item
