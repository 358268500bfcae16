"""What the two LLM classes share: fields, connections, and the eight methods as thin drivers over one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from llama_index.core.base.llms.generic_utils import prompt_to_messages
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.bridge.pydantic import Field, PrivateAttr, SecretStr

from dify_integrations.bridge.clients import Clients, app_fingerprint
from dify_integrations.bridge.conversation import ConversationMode, Policy, Tips, plan
from dify_integrations.bridge.turn import without_system
from dify_integrations.errors import InvalidArgument, RunStopped
from dify_integrations.settings import Timeouts

from ._announcing import (
    announced_chat,
    announced_chat_astream,
    announced_chat_stream,
    announced_completion,
    announced_completion_astream,
    announced_completion_stream,
)
from ._function_calling import PromptedFunctionCalling
from ._mapping import Answer, acompletions, completion_of, completions
from ._tracing import StepTracer
from ._turns import bridge_messages, options_of
from ._watching import watcher

if TYPE_CHECKING:
    from dify_integrations import AsyncDify, AsyncRun, Dify, Run
    from dify_integrations.files import FileInput
    from dify_integrations.runs.result import RunResult

ToolCalling = Literal["off", "prompt"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before it is sent."""

    query: str
    files: tuple[FileInput, ...]
    inputs: Mapping[str, Any]
    user: str
    conversation_id: str
    system: str
    answer: Answer
    tracer: StepTracer
    shown: Callable[[Any], Any]


class DifyLLM(PromptedFunctionCalling):
    """A Dify app as an LLM; use `DifyChatLLM` or `DifyCompletionLLM`."""

    api_key: SecretStr | None = Field(default=None, exclude=True, description="App key; never serialised.")
    base_url: str | None = Field(default=None, description="Address of the API, /v1 included.")
    user: str | None = Field(default=None, description="Your identifier of the end user.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="The app's variables, for every call.")
    model: str = Field(description="What to call the app in traces.")
    context_window: int = Field(default=32_768, gt=0, description="Tokens; Dify does not tell, set your app's model's.")
    num_output: int = Field(default=1_024, description="Tokens of an answer; set your app's model's.")
    conversation: ConversationMode = Field(default="stateless", description="Whether histories continue a conversation.")
    system_prompt_variable: str | None = Field(default=None, description="App variable that takes system messages.")
    tool_calling: ToolCalling = Field(default="off", description="`prompt` emulates function calling by words.")
    split_thinking: bool = Field(default=True, description="Take <think> inside answers for thinking.")
    timeout: float | None = Field(default=None, description="Seconds without a sign of life; None is Dify's default.")
    max_retries: int = Field(default=2, ge=0, description="For calls that surely did not start.")

    _clients: Clients = PrivateAttr()
    _tips: Tips = PrivateAttr()

    def __init__(self, client: Dify | None, async_client: AsyncDify | None, **fields: Any) -> None:
        unknown = sorted(set(fields) - set(type(self).model_fields))
        if unknown:
            raise InvalidArgument(f"{type(self).__name__} has no {', '.join(unknown)}; the model is chosen inside the Dify app")
        super().__init__(**{name: value for name, value in fields.items() if value is not None})
        self._tips = Tips()
        self._clients = Clients(
            client,
            async_client,
            api_key=self.api_key,
            base_url=self.base_url,
            user=self.user,
            timeout=Timeouts() if self.timeout is None else self.timeout,
            max_retries=self.max_retries,
        )
        settings = self._clients.settings  # a wrong address is told here, not at the first call
        if client is not None or async_client is not None:
            self.api_key = SecretStr(settings.api_key.reveal()) if settings.api_key else None
            self.base_url = settings.base_url
            self.user = self.user or settings.user

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex asks of every LLM; nothing is sent for it."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.num_output,
            is_chat_model=True,
            is_function_calling_model=self.tool_calling == "prompt",
            model_name=f"dify/{self.model}",
        )

    def to_payload(self) -> dict[str, Any]:
        """What tracers are told of this object: no key, no user, no inputs."""
        metadata = self.metadata
        return {
            "class_name": self.class_name(),
            "model": metadata.model_name,
            **metadata.model_dump(),
            "dify_host": urlsplit(self._clients.settings.base_url).hostname,
        }

    def __getstate__(self) -> dict[str, Any]:
        # A key is never pickled: the other process has its own, and it must be for the same app.
        state = super().__getstate__()
        fields = {**state["__dict__"], "api_key": None}
        return {**state, "__dict__": fields, "__pydantic_private__": None, "app": app_fingerprint(self._clients.settings, "-")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if app_fingerprint(self._clients.settings, "-") != state["app"]:
            raise InvalidArgument("a Dify LLM is pickled without its key: set DIFY_API_KEY to it in the process that loads it")

    # -- one call

    def _call(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Call:
        """Everything about a call that needs no network; made in the frame of the call, where the caller's span is."""
        options = options_of(kwargs)
        user = self._clients.settings.user_for(options.user or self.user)
        app = app_fingerprint(self._clients.settings, user)
        turned, inputs = bridge_messages(messages, options.offer), {**self.inputs, **options.inputs}
        if self.system_prompt_variable:
            system, turned = without_system(turned)
            inputs |= {self.system_prompt_variable: system} if system else {}
        policy = Policy(mode=self.conversation)
        planned = plan(turned, policy=policy, app=app, tips=self._tips, conversation_id=options.conversation_id)
        files = (*planned.turn.files, *options.files)
        return Call(
            query=planned.turn.query or (" " if files else ""),  # Dify refuses an empty query, also next to files
            files=files,
            inputs=inputs,
            user=user,
            conversation_id=planned.conversation_id,
            system=planned.system,
            answer=Answer(app, options.offer.parser if options.offer else None),
            tracer=StepTracer(),
            shown=watcher(),
        )

    if TYPE_CHECKING:
        # Each of the two classes has its own. Not @abstractmethod: LlamaIndex makes a span of every override of one.

        def _run(self, call: Call) -> Run: ...

        async def _arun(self, call: Call) -> AsyncRun: ...

    def _final(self, call: Call, result: RunResult, *, streaming: bool = False) -> ChatResponse:
        if result.conversation_id:
            self._tips.moved(result.conversation_id, result.message_id, call.system)
        return call.answer.final(result, streaming=streaming)

    # -- the four drivers; a stopped run is an answer that says so, every other failure is raised

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        call = self._call(messages, kwargs)
        run: Run = call.shown(self._run(call))
        with call.tracer as see, suppress(RunStopped), run:
            for item in run.items():
                see(item)
                call.answer.take(item)
        return self._final(call, run.result)

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        return self._chunks(self._call(messages, kwargs))

    def _chunks(self, call: Call) -> ChatResponseGen:
        answer = call.answer
        run: Run = call.shown(self._run(call))
        with call.tracer as see, suppress(RunStopped), run:
            for item in run.items():
                see(item)
                if answer.take(item):
                    yield answer.chunk()
        yield self._final(call, run.result, streaming=True)

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        call = self._call(messages, kwargs)
        run: AsyncRun = call.shown(await self._arun(call))
        with call.tracer as see, suppress(RunStopped):
            async with run:
                async for item in run.items():
                    see(item)
                    call.answer.take(item)
        return self._final(call, run.result)

    async def _astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        return self._achunks(self._call(messages, kwargs))

    async def _achunks(self, call: Call) -> ChatResponseAsyncGen:
        answer = call.answer
        run: AsyncRun = call.shown(await self._arun(call))
        with call.tracer as see, suppress(RunStopped):
            async with run:
                async for item in run.items():
                    see(item)
                    if answer.take(item):
                        yield answer.chunk()
        yield self._final(call, run.result, streaming=True)

    # -- LlamaIndex' eight; core adds the span to each, the decorator the events

    @announced_chat
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole answer to a history.

        Args:
            messages: Oldest first.
            kwargs: `inputs`, `user`, `conversation_id` and `files` of this call.

        Raises:
            InvalidArgument: Nothing to send, or nothing that can be sent.
            DifyError: Everything `dify_integrations.errors` draws; `.partial` holds what had arrived.
        """
        return self._chat(messages, **kwargs)

    @announced_chat_stream
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The answer while it is written; the last chunk is the whole of it, with usage. Arguments as for `chat`."""
        return self._stream_chat(messages, **kwargs)

    @announced_chat
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """As `chat`, without blocking."""
        return await self._achat(messages, **kwargs)

    @announced_chat_astream
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """As `stream_chat`, without blocking."""
        return await self._astream_chat(messages, **kwargs)

    @announced_completion
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002  # core's signature
        """The whole answer to a prompt, sent word for word. Arguments as for `chat`."""
        return completion_of(self._chat(prompt_to_messages(prompt), **kwargs))

    @announced_completion_stream
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:  # noqa: ARG002  # core's signature
        """As `complete`, while it is written."""
        return completions(self._stream_chat(prompt_to_messages(prompt), **kwargs))

    @announced_completion
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:  # noqa: ARG002  # core's signature
        """As `complete`, without blocking."""
        return completion_of(await self._achat(prompt_to_messages(prompt), **kwargs))

    @announced_completion_astream
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:  # noqa: ARG002  # core's signature
        """As `stream_complete`, without blocking."""
        return acompletions(await self._astream_chat(prompt_to_messages(prompt), **kwargs))
