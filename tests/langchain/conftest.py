"""Servers and models for the tests of the LangChain adapter, and a handler that writes everything down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, message_chunk_to_message
from langchain_core.messages.ai import add_ai_message_chunks

from dify_integrations.local import App, LocalDify, Say, Turn
from langchain_dify import ChatDify, DifyLLM, DifyRetriever, DifyWorkflowTool
from langchain_dify._base import Connection

ConnectionT = TypeVar("ConnectionT", bound=Connection)
Serve = Callable[..., "Served"]


class Served:
    """A running server and models of its apps."""

    def __init__(self, server: LocalDify) -> None:
        self.server = server
        self._made: list[Connection] = []

    def keep(self, made: ConnectionT) -> ConnectionT:
        """Close its connections at the end of the test."""
        self._made.append(made)
        return made

    def close(self) -> None:
        for made in self._made:
            made.clients.sync.close()

    def connection(self, app: str | None = None) -> dict[str, Any]:
        """Fields of any class of the package."""
        hosted = self.server.app(app) if app else self.server.apps[0]
        return {"api_key": hosted.api_key, "base_url": self.server.base_url, "user": "ann"}

    def chat(self, app: str | None = None, **fields: Any) -> ChatDify:
        return self.keep(ChatDify(**{**self.connection(app), **fields}))

    def llm(self, app: str | None = None, **fields: Any) -> DifyLLM:
        return self.keep(DifyLLM(**{**self.connection(app), **fields}))

    def retriever(self, **fields: Any) -> DifyRetriever:
        """For the first dataset."""
        key, dataset = self.server.dataset_api_key, self.server.datasets[0]
        known = {"dataset_id": dataset.id, "dataset_api_key": key, "base_url": self.server.base_url}
        return self.keep(DifyRetriever(**{**known, **fields}))

    def tool(self, app: str | None = None, **fields: Any) -> DifyWorkflowTool:
        return self.keep(DifyWorkflowTool.from_app(**{**self.connection(app), **fields}))

    def bodies(self, path: str = "/chat-messages") -> list[Any]:
        """The JSON bodies sent to a path."""
        return [request.json for request in self.server.requests if request.path.endswith(path) and request.method == "POST"]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers; without apps one of every mode. A script may be given instead of an app."""
    with ExitStack() as stack:

        def start(*apps: App | Sequence[Say], mode: str = "chat", **options: Any) -> Served:
            hosted = [app if isinstance(app, App) else saying(*app, mode=mode) for app in apps]
            served = Served(stack.enter_context(LocalDify(hosted or None, **options)))
            stack.callback(served.close)
            return served

        yield start


def saying(*says: Say, mode: str = "chat", name: str = "app", **options: Any) -> App:
    """An app that says the same in every turn."""
    return App(name, mode, lambda turn: says, **options)


def answering(answer: Callable[[Turn], Sequence[Say]], mode: str = "chat", name: str = "app") -> App:
    """An app whose answer depends on the turn."""
    return App(name, mode, answer)


Ask = Callable[[ChatDify, Sequence[BaseMessage]], Awaitable[AIMessage]]


async def invoke(model: ChatDify, messages: Sequence[BaseMessage]) -> AIMessage:
    return model.invoke([*messages])


async def ainvoke(model: ChatDify, messages: Sequence[BaseMessage]) -> AIMessage:
    return await model.ainvoke([*messages])


async def stream(model: ChatDify, messages: Sequence[BaseMessage]) -> AIMessage:
    first, *more = model.stream([*messages])
    return cast("AIMessage", message_chunk_to_message(add_ai_message_chunks(first, *more)))


async def astream(model: ChatDify, messages: Sequence[BaseMessage]) -> AIMessage:
    first, *more = [chunk async for chunk in model.astream([*messages])]
    return cast("AIMessage", message_chunk_to_message(add_ai_message_chunks(first, *more)))


every_way = pytest.mark.parametrize("ask", [invoke, ainvoke, stream, astream])
ONE, TWO, THREE = (HumanMessage(f"{number}?") for number in ("One", "Two", "Three"))


def conversation_of(answer: AIMessage) -> str:
    return str(answer.response_metadata["dify"]["conversation_id"])


class Recorder(BaseCallbackHandler):
    """Every callback: tokens in order, and the tree of runs."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.names: dict[UUID, str] = {}
        self.parents: dict[UUID, UUID | None] = {}
        self.kinds: dict[UUID, str] = {}
        self.ended: list[UUID] = []
        self.failed: list[UUID] = []
        self.events: list[tuple[str, Any]] = []
        self.seen: list[Any] = []
        self.documents: list[Any] = []

    def _started(self, kind: str, serialized: Any, inputs: Any, run_id: UUID, parent_run_id: UUID | None, kwargs: Any) -> None:
        assert run_id not in self.names
        self.names[run_id] = kwargs.get("name") or (serialized or {}).get("name") or kind
        self.parents[run_id], self.kinds[run_id] = parent_run_id, kind
        self.seen.append((serialized, inputs, kwargs))

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> None:
        self._started("model", serialized, messages, run_id, parent_run_id, {**kwargs, "name": "model"})

    def on_llm_start(
        self, serialized: Any, prompts: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> None:
        self._started("model", serialized, prompts, run_id, parent_run_id, {**kwargs, "name": "model"})

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> None:
        self._started("chain", serialized, inputs, run_id, parent_run_id, kwargs)

    def on_tool_start(
        self, serialized: Any, input_str: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> None:
        self._started("tool", serialized, input_str, run_id, parent_run_id, kwargs)

    def on_retriever_start(
        self, serialized: Any, query: Any, *, run_id: UUID, parent_run_id: UUID | None = None, **kwargs: Any
    ) -> None:
        self._started("retriever", serialized, query, run_id, parent_run_id, kwargs)

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        assert isinstance(token, str)
        self.tokens.append(token)

    def _end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        assert run_id not in self.ended + self.failed
        # Children end before their parents.
        assert not [child for child, parent in self.parents.items() if parent == run_id and child in self.open]
        self.ended.append(run_id)
        self.seen.append(output)

    def _fail(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        assert run_id not in self.ended + self.failed
        assert not [child for child, parent in self.parents.items() if parent == run_id and child in self.open]
        self.failed.append(run_id)
        self.seen.append(error)

    on_tool_end = _end
    on_llm_error = on_chain_error = on_tool_error = on_retriever_error = _fail

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._end(response, run_id=run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._end(outputs, run_id=run_id)

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._end(documents, run_id=run_id)
        self.documents.append(documents)

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **kwargs: Any) -> None:
        assert run_id in self.names
        self.events.append((name, data))

    @property
    def open(self) -> list[UUID]:
        """Runs without an end."""
        return [run for run in self.names if run not in self.ended and run not in self.failed]

    def tree(self) -> list[str]:
        """Every run as the path of its names from the model or tool down, in order of start."""
        return [self._path(run) for run in self.names]

    def _path(self, run: UUID) -> str:
        parent = self.parents[run]
        own = f"{self.kinds[run]} {self.names[run]}"
        return f"{self._path(parent)} > {own}" if parent is not None and parent in self.names else own


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
