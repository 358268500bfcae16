"""A Dify chat, agent or chatflow app as a LangChain chat model: arguments in, a loop over items, chunks out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, AsyncCallbackManagerForLLMRun, CallbackManager, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self, override

from dify_integrations import AsyncRun, InvalidArgument, Run, RunResult
from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.bridge.conversation import ConversationMode, Tips, plan

from ._base import App
from ._binding import Binding, schemas_of
from ._entries import ScopedChatModel
from ._mapping import Reading, Reply, message_of
from ._tracing import AsyncChildRuns, CallScope, ManagerT, SyncChildRuns, manager_below
from ._turns import parts_of
from .errors import model_errors

_PASSED_ON = ("workflow_id", "trace_id", "auto_generate_name")


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, made of everything LangChain handed over."""

    query: str
    options: dict[str, Any]
    app: str
    reading: Callable[[], Reading]


class ChatDify(App, ScopedChatModel):
    """A chat model whose answers are a Dify app's.

    Setup:
        `pip install "dify-integrations[langchain]"`; set `DIFY_API_KEY`, `DIFY_BASE_URL` and `DIFY_USER`, or pass them.

    Instantiate:
        `model = ChatDify(api_key="app-…", base_url="https://…/v1", user="ann")`

    Invoke and stream:
        `model.invoke("Hi").text`, `for chunk in model.stream("Hi"): …`, and their async twins.

    Per call:
        `model.invoke(…, inputs={…}, user="bob", files=[FileInput…], conversation_id="…")`; `user` and `conversation_id`
        also as `config={"configurable": {"dify_user": …, "dify_conversation_id": …}}`.

    Tool calling:
        `model.bind_tools([…])` works by prompt, for a Dify app takes no tools: whether the model in the app obeys is up to
        it. Tools of a Dify agent run on the server and are told in `additional_kwargs["dify"]["thoughts"]`.

    Metadata:
        `response_metadata["dify"]` holds `conversation_id`, `message_id` and the other ids, `usage` with prices,
        `retriever_resources`, `files`, `outputs` and, when the app waits for a person, `pause`.

    Not promised:
        Streamed text cannot be unsaid: when moderation replaces an answer, the stream keeps its words and the last chunk
        has `finish_reason` `content_filter` and `replaced_answer`; `invoke` returns the replacement. Model settings such
        as temperature are the app's. A run that somebody else stopped is an answer with `finish_reason` `stopped`.
    """

    conversation: ConversationMode = Field(
        default="auto", description="Continue the Dify conversation of the last answer, or render the history; see the guide."
    )
    streaming: bool = Field(default=False, description="Stream inside `invoke` too.")
    split_thinking: bool = Field(default=False, description="Take `<think>…</think>` in the text for reasoning.")
    auto_generate_name: bool | None = Field(default=None, description="`False` saves Dify a call that titles conversations.")

    _tips: Tips = PrivateAttr(default_factory=Tips)

    @model_validator(mode="after")
    def _no_cached_conversation(self) -> Self:
        if self.conversation == "stateful":
            if self.cache:
                raise InvalidArgument('conversation="stateful" cannot be cached: a cached answer never reaches the conversation')
            self.cache = False
        return self

    # -- what LangChain asks

    @property
    def _llm_type(self) -> str:
        return "dify-chat"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {
            "model_name": self.model,
            "app_fingerprint": self.app_fingerprint,
            "inputs": self.inputs,
            "conversation": self.conversation,
            "stop": self.stop,
        }

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools, told to it by prompt.

        Args:
            tools: In any form LangChain knows.
            tool_choice: `"auto"`, `"any"`, `"none"` or a tool's name.
            parallel_tool_calls: `False` for at most one call per answer.
            **kwargs: Of every call.
        """
        choice = {"tool_choice": tool_choice} if tool_choice is not None else {}
        parallel = {"parallel_tool_calls": parallel_tool_calls} if parallel_tool_calls is not None else {}
        return self.bind(tools=schemas_of(tools), **choice, **parallel, **kwargs)

    # -- the four hooks

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        run = self.clients.sync.chat.stream(call.query, **call.options)
        watched, children = call.reading(), SyncChildRuns(self._root(run_manager, CallbackManager))
        with self._ending(run), children, run:
            for item in run.items():
                if type(item) in children.wants:
                    children.tell(item)
                if watched.passes(item):
                    break
        return self._result(call, run.result)

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        run = self.clients.asynchronous.chat.stream(call.query, **call.options)
        watched, children = call.reading(), AsyncChildRuns(self._root(run_manager, AsyncCallbackManager))
        with self._ending(run):
            async with children, run:
                async for item in run.items():
                    if type(item) in children.wants:
                        await children.tell(item)
                    if watched.passes(item):
                        break
        return self._result(call, run.result)

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        scope = CallScope.take()
        root = self._root(run_manager or scope, CallbackManager)
        chunks = self._chunks(self._call(messages, stop, kwargs), run_manager, root)
        return scope.adopt(chunks) if scope is not None else chunks

    @override
    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        scope = CallScope.take()
        root = self._root(run_manager or scope, AsyncCallbackManager)
        chunks = self._achunks(self._call(messages, stop, kwargs), run_manager, root)
        return scope.adopt(chunks) if scope is not None else chunks

    def _chunks(
        self, call: _Call, run_manager: CallbackManagerForLLMRun | None, root: CallbackManager | None
    ) -> Iterator[ChatGenerationChunk]:
        run = self.clients.sync.chat.stream(call.query, **call.options)
        reply, children = self._reply(call, run), SyncChildRuns(root)
        with self._ending(run), children, run:
            for item in run.items():
                if type(item) in children.wants:
                    children.tell(item)
                for chunk in reply.chunks(item):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                if reply.cut:
                    break
        last = reply.last(run.result)
        if run_manager is not None:
            run_manager.on_llm_new_token(last.text, chunk=last)
        yield last

    async def _achunks(
        self, call: _Call, run_manager: AsyncCallbackManagerForLLMRun | None, root: AsyncCallbackManager | None
    ) -> AsyncIterator[ChatGenerationChunk]:
        run = self.clients.asynchronous.chat.stream(call.query, **call.options)
        reply, children = self._reply(call, run), AsyncChildRuns(root)
        with self._ending(run):
            async with children, run:
                async for item in run.items():
                    if type(item) in children.wants:
                        await children.tell(item)
                    for chunk in reply.chunks(item):
                        if run_manager is not None:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                    if reply.cut:
                        break
        last = reply.last(run.result)
        if run_manager is not None:
            await run_manager.on_llm_new_token(last.text, chunk=last)
        yield last

    # -- what the hooks share

    def _call(self, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any]) -> _Call:
        user = kwargs.get("user") or self.user
        app = app_fingerprint(self.clients.settings, user)
        binding = Binding(kwargs)
        conversation_id = kwargs.get("conversation_id") or ""
        planned = plan(parts_of(messages), mode=self.conversation, app=app, tips=self._tips, conversation_id=conversation_id)
        options = {
            "auto_generate_name": self.auto_generate_name,
            **{name: kwargs[name] for name in _PASSED_ON if name in kwargs},
            "user": user,
            "inputs": {**self.inputs, **(kwargs.get("inputs") or {})},
            "conversation_id": planned.conversation_id,
            "files": (*planned.turn.files, *(kwargs.get("files") or ())),
            "split_thinking": self.split_thinking,
        }
        stops = stop or self.stop or ()
        return _Call(binding.query(planned.turn.query), options, app, lambda: Reading(stops, binding.parser()))

    def _reply(self, call: _Call, run: Run | AsyncRun) -> Reply:
        return Reply(model=self.model, app=call.app, reading=call.reading(), result=lambda: run.result)

    def _result(self, call: _Call, result: RunResult) -> ChatResult:
        message = message_of(result, model=self.model, app=call.app, reading=call.reading())
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _root(self, told: Any, kind: type[ManagerT]) -> ManagerT | None:
        return manager_below(told, kind) if self.trace_nodes else None

    @contextmanager
    def _ending(self, run: Run | AsyncRun) -> Iterator[None]:
        """However the run ends, its conversation has moved on: a repeated turn must not be put behind this one."""
        try:
            with model_errors():
                yield
        finally:
            result = run.result
            if result.conversation_id and result.message_id:
                self._tips.moved(result.conversation_id, result.message_id)
