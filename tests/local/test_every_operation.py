"""LocalDify has every operation of the Service API, and on older releases those that they had."""

from __future__ import annotations

import re

import httpx
import pytest

from dify_integrations import OPERATIONS, Endpoint
from dify_integrations.local import LocalDify

ID = "11111111-1111-4111-8111-111111111111"
WORDS = {"action": "enable", "model_type": "llm"}


def ask(server: LocalDify, endpoint: Endpoint) -> httpx.Response:
    """The operation on things that do not exist, with the right kind of key."""
    path = re.sub(r"\{(\w+)\}", lambda match: WORDS.get(match[1], ID), endpoint.path)
    key = server.dataset_api_key if endpoint.key == "dataset" else server.apps[0].api_key
    body = {} if endpoint.method == "GET" else {"json": {"user": "ann"}}
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.request(endpoint.method, server.base_url + path, headers=headers, params={"user": "ann"}, **body)  # type: ignore[arg-type]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@pytest.mark.parametrize("version", ["0.15.3", "1.12.1", "1.14.2", "1.14.3"])
def test_every_operation_has_a_route(version: str) -> None:
    """What the release has is answered as JSON, a file or a stream; what it has not is the framework's page or 405."""
    wrong = []
    with LocalDify(version=version) as server:
        for endpoint in OPERATIONS:
            answer = ask(server, endpoint)
            known = answer.status_code != 405 and "html" not in answer.headers.get("content-type", "")
            if known != (numbers(version) >= numbers(endpoint.since or "0.15.0")):
                wrong.append((endpoint.id, answer.status_code, answer.text[:80]))
    assert wrong == []
