"""What 0.15 writes otherwise: everything is said as today, and rewritten here on its way out.

Frames lose the fields that are younger, get those that have gone since, and are printed with spaces and ASCII escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .older_shapes import BODIES, OldFrames
from .state import State

_JSON = b"application/json"


class Older:
    """Rewrites the answers of a server of today into those of 0.15."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        rewrite = _body_of(scope.get("method", ""), scope.get("path", ""))
        await self._app(scope, receive, _Rewriter(send, rewrite, OldFrames(len(self._state.runs) + 1)))


def _body_of(method: str, path: str) -> Callable[[Any], Any] | None:
    called = f"{method} {path.removeprefix('/v1')}"
    return next((rewrite for pattern, rewrite in BODIES.items() if re.fullmatch(pattern, called)), None)


class _Rewriter:
    """One answer on its way out; JSON bodies are held back until they are whole."""

    def __init__(self, send: Send, rewrite: Callable[[Any], Any] | None, frames: OldFrames) -> None:
        self._send = send
        self._rewrite = rewrite
        self._frames = frames
        self._start: Message | None = None
        self._streams = False

    async def __call__(self, message: Message) -> None:
        """Pass one message of the answer on."""
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif self._start is not None:
            await self._body(message)
        elif self._streams and message.get("body"):
            body = self._frames.written(message["body"])
            await self._send({**message, "body": body})
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        kind = dict(message["headers"]).get(b"content-type", b"")
        self._streams = kind.startswith(b"text/event-stream")
        if kind.startswith(_JSON) and self._rewrite is not None and message["status"] < 400:
            self._start = message
        else:
            await self._send(message)

    async def _body(self, message: Message) -> None:
        start, self._start = self._start, None
        if start is None or self._rewrite is None:
            raise RuntimeError("A JSON body comes as one piece.")
        body = (json.dumps(self._rewrite(json.loads(message["body"]))) + "\n").encode()
        headers = [pair for pair in start["headers"] if pair[0] not in {b"content-length", b"content-type"}]
        length = str(len(body)).encode()
        await self._send({**start, "headers": [*headers, (b"content-type", _JSON), (b"content-length", length)]})
        await self._send({**message, "body": body})
