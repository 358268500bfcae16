"""LlamaIndex' eight methods of an LLM, as thin drivers over one call."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.generic_utils import prompt_to_messages
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
)

from dify_integrations.errors import RunStopped

from ._announcing import (
    announced_chat,
    announced_chat_astream,
    announced_chat_stream,
    announced_completion,
    announced_completion_astream,
    announced_completion_stream,
)
from ._answers import acompletions, completion_of, completions
from ._base import DifyApp
from ._calls import Call
from ._demand import Demand
from ._leaving import left_with

if TYPE_CHECKING:
    from dify_integrations import AsyncDify, AsyncRun, Dify, Run
    from dify_integrations.bridge.clients import Clients

    from ._calls import Request


class DifyLLM(DifyApp):
    """A Dify app as an LLM; use `DifyChatLLM` or `DifyCompletionLLM`."""

    if TYPE_CHECKING:
        # As inherited: type checkers take the fields of a class without its own for its arguments.

        def __init__(self, client: Dify | None, async_client: AsyncDify | None, **fields: Any) -> None: ...

        # Each of the two classes has its own. Not @abstractmethod: LlamaIndex makes a span of every override of one.

        def _run(self, clients: Clients, request: Request) -> Run: ...

        async def _arun(self, clients: Clients, request: Request) -> AsyncRun: ...

    def _demand(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> Demand:
        return Demand(Call(self, messages, kwargs, self._tips), self.tool_retries)

    # -- whole answers; a stopped run is an answer that says so, every other failure is raised

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        demand = self._demand(messages, kwargs)
        while True:
            response = self._answered(demand.call)
            if not demand.again(response):
                return demand.joined(response)

    def _answered(self, call: Call) -> ChatResponse:
        with call.turn():
            call.ask()
            run = call.started(self._run)
            with call.tracer.of(run) as see, suppress(RunStopped), run:
                for item in run.items():
                    see(item)
                    call.answer.take(item)
        return call.answer.final(run.result)

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        demand = self._demand(messages, kwargs)
        while True:
            response = await self._aanswered(demand.call)
            if not demand.again(response):
                return demand.joined(response)

    async def _aanswered(self, call: Call) -> ChatResponse:
        with call.turn():
            await call.aask()
            run = await call.astarted(self._arun)
            with call.tracer.of(run) as see, suppress(RunStopped):
                async with run:
                    async for item in run.items():
                        see(item)
                        call.answer.take(item)
        return call.answer.final(run.result)

    # -- streams

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        demand = self._demand(messages, kwargs)
        demand.call.check()
        return self._demanded(demand) if demand.waits else self._chunks(demand.call)

    def _demanded(self, demand: Demand) -> ChatResponseGen:
        repeat = True
        while repeat:
            with closing(self._chunks(demand.call)) as chunks:
                for chunk in chunks:
                    yield from demand.shown(chunk)
            repeat = demand.unmet()

    def _chunks(self, call: Call) -> ChatResponseGen:
        with call.turn():
            call.ask()
            run = call.started(self._run)
            answer = call.answer
            with call.tracer.of(run) as see, suppress(RunStopped), run:
                for item in run.items():
                    see(item)
                    if answer.take(item):
                        yield answer.chunk()
        yield answer.final(run.result, streaming=True)

    async def _astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        demand = self._demand(messages, kwargs)
        demand.call.check()
        return self._ademanded(demand) if demand.waits else self._achunks(demand.call)

    async def _ademanded(self, demand: Demand) -> ChatResponseAsyncGen:
        repeat = True
        while repeat:
            async with left_with(self._achunks(demand.call)) as chunks:
                async for chunk in chunks:
                    for shown in demand.shown(chunk):
                        yield shown
            repeat = demand.unmet()

    async def _achunks(self, call: Call) -> ChatResponseAsyncGen:
        with call.turn():
            await call.aask()
            run = await call.astarted(self._arun)
            answer = call.answer
            with call.tracer.of(run) as see, suppress(RunStopped):
                async with run:
                    async for item in run.items():
                        see(item)
                        if answer.take(item):
                            yield answer.chunk()
        yield answer.final(run.result, streaming=True)

    # -- LlamaIndex' eight; core adds the span to each, the decorator the events

    @announced_chat
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The whole answer to a history.

        Args:
            messages: Oldest first.
            kwargs: Of this call: `inputs`, `user`, `conversation_id`, `files`, `timeout`, `cancel` (a `DifyCancelToken`), and
                for chatflows `workflow_id` and `resume`.

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
