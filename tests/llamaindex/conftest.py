"""LlamaIndex objects against LocalDify over real HTTP, and handlers that write down what instrumentation tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base import BaseEvent
from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span import SimpleSpan
from llama_index_instrumentation.span_handlers import SimpleSpanHandler
from pydantic import Field

from dify_integrations.local import App, LocalDify, Turn
from llamaindex_dify import DifyChatLLM
from tests.llamaindex.library import Library

HERE = Path(__file__).parent
# core 0.14.25: an agent looks at every attribute of itself to find its steps, pydantic's deprecated ones included.
AGENTS_LOOK = r"ignore:(The|Accessing the) \S+ attribute:pydantic.warnings.PydanticDeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(AGENTS_LOOK))


Script = Callable[[Turn], Iterable[Any]]


@dataclass
class Served:
    """A server with one app, and LLMs for it."""

    server: LocalDify
    app: App

    def llm(self, **options: Any) -> DifyChatLLM:
        return DifyChatLLM(api_key=self.app.api_key, base_url=self.server.base_url, **{"user": "ada", **options})

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [request.json for request in self.server.requests if request.method == "POST" and "stop" not in request.path]


Serve = Callable[..., Served]


@pytest.fixture
def loop_of_core() -> Iterator[None]:
    """For blocking code of core that runs coroutines: it makes an event loop where there is none, and never closes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with one scripted app."""
    with ExitStack() as stack:

        def start(script: Script | None = None, mode: str = "chat", **options: Any) -> Served:
            app = App("app", mode, script, **{"description": "Does it.", **options})
            server = stack.enter_context(LocalDify([app]))
            return Served(server, app)

        yield start


class Spans(SimpleSpanHandler):
    """Keeps also the arguments that spans were told."""

    arguments: list[Any] = Field(default_factory=list)

    def new_span(self, id_: str, bound_args: Any, *args: Any, **kwargs: Any) -> SimpleSpan:
        self.arguments.append(dict(bound_args.arguments))
        return super().new_span(id_, bound_args, *args, **kwargs)


@dataclass
class Told:
    """What instrumentation heard."""

    events: list[BaseEvent] = field(default_factory=list)
    spans: Spans = field(default_factory=Spans)

    def names(self) -> list[str]:
        return [event.class_name() for event in self.events]

    def of(self, name: str) -> list[Any]:
        return [event for event in self.events if event.class_name() == name]

    @property
    def ended(self) -> list[SimpleSpan]:
        return [*self.spans.completed_spans, *self.spans.dropped_spans]

    def tree(self) -> set[tuple[str, str]]:
        """Pairs of parent and child, without the random part of the ids."""
        return {(_plain(span.parent_id), _plain(span.id_)) for span in self.ended}


def _plain(span_id: str | None) -> str:
    return (span_id or "").split("-")[0]


class _Writer(BaseEventHandler):
    heard: list[Any]

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self.heard.append(event)


@pytest.fixture
def told() -> Iterator[Told]:
    """Listen to everything, for one test."""
    heard = Told(spans=Spans(open_spans={}, completed_spans=[], dropped_spans=[]))
    root = get_dispatcher()
    writer = _Writer(heard=[])
    heard.events = writer.heard
    events, spans = root.event_handlers, root.span_handlers
    root.event_handlers, root.span_handlers = [*events, writer], [*spans, heard.spans]
    yield heard
    root.event_handlers, root.span_handlers = events, spans


@pytest.fixture
def library() -> Iterator[Library]:
    """Knowledge bases."""
    with Library() as made:
        yield made
