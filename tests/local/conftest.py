"""Servers and plain HTTP for the tests of LocalDify; nothing of our own client is used here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from dify_integrations.local import App, LocalDify, Say, Turn

Serve = Callable[..., "Served"]


class Served:
    """A running server and a client that knows its keys."""

    def __init__(self, server: LocalDify, http: httpx.Client) -> None:
        self.server = server
        self.http = http

    def call(self, method: str, path: str, *, app: str | None = None, key: str | None = None, **options: Any) -> httpx.Response:
        """One request with the key of an app, or the dataset key."""
        return self.http.request(method, self.server.base_url + path, headers=self.headers(app, key), **options)

    def headers(self, app: str | None, key: str | None = None) -> dict[str, str]:
        """The authorization header."""
        default = self.server.app(app).api_key if app else self.server.dataset_api_key
        return {"Authorization": f"Bearer {key or default}"}

    def generate(self, app: str | None = None, *, streaming: bool = True, **body: Any) -> httpx.Response:
        """One generation of an app, read to its end."""
        path, payload = self._generation(app, streaming, body)
        return self.call("POST", path, app=app or self.server.apps[0].name, json=payload)

    @contextmanager
    def stream(self, app: str | None = None, **body: Any) -> Iterator[httpx.Response]:
        """One streamed generation, open."""
        path, payload = self._generation(app, True, body)
        headers = self.headers(app or self.server.apps[0].name)
        with self.http.stream("POST", self.server.base_url + path, json=payload, headers=headers) as response:
            yield response

    def _generation(self, app: str | None, streaming: bool, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        mode = (self.server.app(app) if app else self.server.apps[0]).mode
        path = {"completion": "/completion-messages", "workflow": "/workflows/run"}.get(mode, "/chat-messages")
        query = {"query": "Hi"} if path == "/chat-messages" else {}
        mode_name = "streaming" if streaming else "blocking"
        return path, {"inputs": {}, **query, "user": "ann", "response_mode": mode_name, **body}


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers; the arguments are those of LocalDify."""
    with ExitStack() as stack:

        def start(*apps: App, **options: Any) -> Served:
            server = stack.enter_context(LocalDify(list(apps) or None, **options))
            http = stack.enter_context(httpx.Client(timeout=10, trust_env=False))
            return Served(server, http)

        yield start


def script(*says: Say) -> Callable[[Turn], tuple[Say, ...]]:
    """A script that says the same in every turn."""
    return lambda turn: says
