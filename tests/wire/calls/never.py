"""Requests that no client makes: they were recorded to see what a server says to them."""

from __future__ import annotations

from tests.wire.calls.base import Reason

ROOT = Reason("the address itself is no operation; it tells the server's version", answered=True)
NO_VERB = Reason("a verb that the address does not know, or that asks for nothing", answered=True)
NO_ADDRESS = Reason("no such address")

NOT_REACHABLE: list[tuple[str, str, Reason]] = [
    ("GET", "/v1/", ROOT),
    ("GET PUT OPTIONS", "/v1/chat-messages", NO_VERB),
    ("PUT", "/v1/completion-messages", NO_VERB),
    ("HEAD", "/v1/info", NO_VERB),
    ("GET", "/v1/nope", NO_ADDRESS),
    ("GET", "/v1/no-such-endpoint", NO_ADDRESS),
    ("POST", "/v1/datasets/{dataset_id}/document/create_by_text_v2", NO_ADDRESS),
]
"""Verbs, path, and why."""
