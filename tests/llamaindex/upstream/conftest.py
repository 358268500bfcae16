"""Core's own test scenarios, in our words, against apps of LocalDify: acceptance check 20."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

from tests.llamaindex.upstream.adapter import ResponseGenerator, Upstream

StartUpstream = Callable[..., Upstream]


@pytest.fixture
def upstream(serve: Callable[..., Any]) -> StartUpstream:
    """Start an app that answers as a response generator, or a list of messages, says."""

    def start(
        answers: ResponseGenerator | Sequence[ChatMessage] = (), *, mode: str = "chat", size: int = 7, **options: Any
    ) -> Upstream:
        made = Upstream(answers, size)
        made.connect = serve(made.script, mode, **options).llm
        return made

    return start
