"""Core's own test scenarios, in our words, against apps of LocalDify: acceptance check 20."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

from dify_integrations.local import App
from tests.llamaindex.library import Library
from tests.llamaindex.upstream.adapter import ResponseGenerator, Upstream

StartUpstream = Callable[..., Upstream]
Stocked = Callable[..., tuple[Upstream, Library]]


@pytest.fixture
def conversation(request: pytest.FixtureRequest) -> str:
    """How LLMs tell their history; whole files are run both ways with `BOTH_WAYS`."""
    return str(getattr(request, "param", "stateless"))


@pytest.fixture
def upstream(serve: Callable[..., Any], conversation: str) -> StartUpstream:
    """Start an app that answers as a response generator, or a list of messages, says."""

    def start(
        answers: ResponseGenerator | Sequence[ChatMessage] = (), *, mode: str = "chat", size: int = 7, **options: Any
    ) -> Upstream:
        made = Upstream(answers, size)
        made.connect = partial(serve(made.script, mode, **options).llm, conversation=conversation)
        return made

    return start


@pytest.fixture
def stocked() -> Iterator[Stocked]:
    """Start such an app on a server that has knowledge bases too."""
    with ExitStack() as stack:

        def start(answers: ResponseGenerator | Sequence[ChatMessage] = ()) -> tuple[Upstream, Library]:
            made = Upstream(answers)
            library = stack.enter_context(Library(app=App("app", "chat", made.script)))
            made.connect = library.llm
            return made, library

        yield start
