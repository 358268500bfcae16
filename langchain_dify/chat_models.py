"""A Dify chat, agent or chatflow app as a LangChain chat model: arguments in, a loop over items, chunks out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, AsyncCallbackManagerForLLMRun, CallbackManager, CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self, override

from dify_integrations import InvalidArgument
from dify_integrations.bridge.conversation import ConversationMode, OnFork, Tips

from ._cancelling import with_token
from ._demand import Demand, aanswered, answered, astreamed, streamed
from ._mapping import Form, OnReplace
from ._prompted import PromptedChatModel
from ._requests import ChatTurn, chat_turn
from ._scopes import CallScope
from ._tracing import AsyncChildRuns, ManagerT, SyncChildRuns, manager_below


class ChatDify(PromptedChatModel):
    """A chat model whose answers are a Dify app's.

    Setup:
        `pip install "dify-integrations[langchain]"`; set `DIFY_API_KEY`, `DIFY_BASE_URL` and `DIFY_USER`, or pass them.

    Instantiate:
        `model = ChatDify(api_key="app-…", base_url="https://…/v1", user="ann")`

    Invoke and stream:
        `model.invoke("Hi").text`, `for chunk in model.stream("Hi"): …`, and their async twins.

    Per call:
        `model.invoke(…, inputs={…}, user="bob", files=[FileInput…], conversation_id="…")`; `user` and `conversation_id`
        also as `config={"configurable": {"dify_user": …, "dify_conversation_id": …}}`. A `DifyCancelToken` given as `cancel`, or
        as `dify_cancel` in the config, ends the call from outside: its answer has `finish_reason` `stopped`.

    Tool calling:
        `model.bind_tools([…])` works by prompt, for a Dify app takes no tools: whether the model in the app obeys is up to
        it. A demanded call that does not come is asked for once more. Tools of a Dify agent run on the server and are told
        in `additional_kwargs["dify"]["thoughts"]`.

    Structured output:
        `model.with_structured_output(Schema)` works by prompt too, checks the answer, and complains of it once.

    Several apps:
        `ChatDify(…, apps={"shop": "app-…"})` knows another app, which `model.invoke(…, model="shop")` asks.
        `ChatDify.from_app(…)` asks the app for its name and file settings, for `model` and `profile`.

    Content blocks:
        `content` is a `str`; `message.content_blocks` has everything in its order: reasoning, text with citations, what an
        agent of the app did, tool calls, files. With `output_version="v1"` these are the content.

    Metadata:
        `response_metadata["dify"]` holds `conversation_id`, `message_id` and the other ids, `usage` with prices,
        `retriever_resources`, `files`, `outputs` and, when the app waits for a person, `pause`.

    Not promised:
        Streamed text cannot be unsaid: when moderation replaces an answer, the stream keeps its words and the last chunk
        has `finish_reason` `content_filter` and `replaced_answer`; `invoke` returns the replacement. `on_replace="raise"`
        raises `DifyRefusalError` in both, `"buffer"` streams nothing before the end. Model settings such as temperature
        are the app's. A run that somebody else stopped is an answer with `finish_reason` `stopped`.
    """

    conversation: ConversationMode = Field(
        default="auto", description="Continue the Dify conversation of the last answer, or render the history; see the guide."
    )
    streaming: bool = Field(default=False, description="Stream inside `invoke` too.")
    split_thinking: bool = Field(default=False, description="Take `<think>…</think>` in the text for reasoning.")
    on_replace: OnReplace = Field(
        default="annotate", description="What a stream does when the app withdraws what was said: annotate it, raise, or buffer."
    )
    stream_usage: bool = Field(default=True, description="Tell token counts in streams; `False` leaves them out.")
    resume: bool = Field(default=False, description="Follow a chatflow's run by its id when its stream breaks (Dify ≥ 1.14).")
    include_audio: bool = Field(default=False, description="Wait for the speech of apps that speak, and give it along as MP3.")
    auto_generate_name: bool | None = Field(default=None, description="`False` saves Dify a call that titles conversations.")

    conversation_id: str | None = Field(default=None, description="Conversation of histories without an answer of this app.")
    on_fork: OnFork = Field(
        default="stateless", description="An edited or repeated turn: say the history in a new conversation, or `raise`."
    )
    verify_tip: bool | None = Field(
        default=None,
        description="Ask Dify before continuing whether the history is complete: always, never, or when this process cannot tell.",
    )
    system_input_key: str | None = Field(default=None, description="App variable that takes the system messages.")
    history_input_key: str | None = Field(default=None, description="App variable that takes what was said before.")

    _tips: Tips | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _one_way_to_converse(self) -> Self:
        if self.conversation == "stateful" or self.conversation_id:
            if self.cache:
                raise InvalidArgument("a model that continues a conversation cannot be cached: a cached answer never reaches it")
            self.cache = False
        if self.conversation == "stateless" and self.conversation_id:
            raise InvalidArgument('conversation="stateless" continues no conversation_id; leave one of the two out')
        keys = [key for key in (self.system_input_key, self.history_input_key, self.tools_input_key) if key]
        if len(keys) > len(set(keys)):
            raise InvalidArgument("system_input_key, history_input_key and tools_input_key are three variables")
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
            **self.lc_attributes,
            "inputs": self.inputs,
            "conversation": self.conversation,
            "system_input_key": self.system_input_key,
            "history_input_key": self.history_input_key,
            "stop": self.stop,
            "on_replace": self.on_replace,
        }

    # -- the four hooks

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return answered(Demand(self, messages, with_token(kwargs)), lambda said, told: self._turn(said, stop, told, run_manager))

    def _turn(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        run_manager: CallbackManagerForLLMRun | None,
    ) -> ChatResult:
        with chat_turn(self, messages, stop, kwargs, self._known_tips()) as turn:
            turn.ask()
            run = turn.start(turn.clients.sync.chat.stream)
            reply, children = turn.reply(run), SyncChildRuns(self._root(run_manager, CallbackManager))
            with children, run:
                for item in run.items():
                    if type(item) in children.wants:
                        children.tell(item)
                    reply.hear(item)
                    if reply.cut:
                        break
        return turn.result(run, reply)

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await aanswered(
            Demand(self, messages, with_token(kwargs)), lambda said, told: self._aturn(said, stop, told, run_manager)
        )

    async def _aturn(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        run_manager: AsyncCallbackManagerForLLMRun | None,
    ) -> ChatResult:
        with chat_turn(self, messages, stop, kwargs, self._known_tips()) as turn:
            await turn.aask()
            run = await turn.astart(turn.clients.asynchronous.chat.stream)
            reply, children = turn.reply(run), AsyncChildRuns(self._root(run_manager, AsyncCallbackManager))
            async with children, run:
                async for item in run.items():
                    if type(item) in children.wants:
                        await children.tell(item)
                    reply.hear(item)
                    if reply.cut:
                        break
        return turn.result(run, reply)

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
        form: Form = "text" if run_manager is None else "events"
        kwargs = with_token(kwargs)
        demand = Demand(self, messages, kwargs)
        chunks: Iterator[ChatGenerationChunk]
        if not demand.waits:
            chunks = self._chunks(chat_turn(self, messages, stop, kwargs, self._known_tips()), run_manager, root, form)
        else:
            chunks = streamed(
                demand,
                lambda said, told: self._chunks(chat_turn(self, said, stop, told, self._known_tips()), None, root, form),
                run_manager,
            )
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
        form: Form = "text" if run_manager is None else "events"
        kwargs = with_token(kwargs)
        demand = Demand(self, messages, kwargs)
        chunks: AsyncIterator[ChatGenerationChunk]
        if not demand.waits:
            chunks = self._achunks(chat_turn(self, messages, stop, kwargs, self._known_tips()), run_manager, root, form)
        else:
            chunks = astreamed(
                demand,
                lambda said, told: self._achunks(chat_turn(self, said, stop, told, self._known_tips()), None, root, form),
                run_manager,
            )
        return scope.adopt(chunks) if scope is not None else chunks

    def _chunks(
        self,
        planned: AbstractContextManager[ChatTurn],
        run_manager: CallbackManagerForLLMRun | None,
        root: CallbackManager | None,
        form: Form,
    ) -> Generator[ChatGenerationChunk, None, None]:
        with planned as turn:
            turn.ask()
            run = turn.start(turn.clients.sync.chat.stream)
            reply, children = turn.reply(run, form), SyncChildRuns(root)
            with children, run:
                for item in run.items():
                    if type(item) in children.wants:
                        children.tell(item)
                    for chunk in reply.chunks(item):
                        if run_manager is not None:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                    if reply.cut:
                        break
        for chunk in reply.rest(run.result):
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _achunks(
        self,
        planned: AbstractContextManager[ChatTurn],
        run_manager: AsyncCallbackManagerForLLMRun | None,
        root: AsyncCallbackManager | None,
        form: Form,
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        with planned as turn:
            await turn.aask()
            run = await turn.astart(turn.clients.asynchronous.chat.stream)
            reply, children = turn.reply(run, form), AsyncChildRuns(root)
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
        for chunk in reply.rest(run.result):
            if run_manager is not None:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _known_tips(self) -> Tips:
        if self._tips is None:
            self._tips = Tips.at(self.clients.settings.base_url)
        return self._tips

    def _root(self, told: Any, kind: type[ManagerT]) -> ManagerT | None:
        return manager_below(told, kind) if self.trace_nodes else None
