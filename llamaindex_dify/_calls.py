"""One call of an LLM: planned where it was called, sent where it is read, remembered however it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dify_integrations.bridge.arguments import user_text
from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.bridge.conversation import Policy, Tips
from dify_integrations.bridge.tool_calls import UNCALLED
from dify_integrations.bridge.turn import Message, render, without_system
from dify_integrations.bridge.turn_taking import TurnTaking, astarted, started
from dify_integrations.errors import InvalidArgument

from ._answers import Answer
from ._function_calling import NO_TOOLS
from ._tracing import StepTracer
from ._turns import Options, bridge_messages, options_of, told_digest, with_edits, with_files, with_offer
from ._watching import watcher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse

    from dify_integrations import AsyncRun, Run
    from dify_integrations.bridge.clients import Clients
    from dify_integrations.bridge.conversation import Plan
    from dify_integrations.files import FileInput

    from ._base import DifyApp

RunT = TypeVar("RunT", bound="Run | AsyncRun")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    query: str
    files: tuple[FileInput, ...]
    inputs: Mapping[str, Any]
    user: str
    conversation_id: str
    passed_on: Mapping[str, Any]


class Call:
    """One turn with the app. Make it in the frame of the call, where the caller's span is; nothing is sent for it.

    Args:
        llm: Whose settings count.
        messages: The history.
        kwargs: Of the call.
        tips: What is known of conversations.

    Attributes:
        clients: To ask by.
        tracer: Follows the run.
        answer: What it says, from when it started.
        demanding: Whether the answer must call a tool.

    Raises:
        InvalidArgument: Content or arguments that cannot be sent.
    """

    def __init__(self, llm: DifyApp, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any], tips: Tips) -> None:
        self._options: Options = options_of(kwargs)
        offer = self._options.offer
        if offer is not None and not llm.metadata.is_function_calling_model:
            raise InvalidArgument(NO_TOOLS)
        user = self._options.user
        if user is None:  # an empty one is a mistake, not another user
            user = user_text(llm.user()) if callable(llm.user) else llm.user
        self._llm = llm
        self._tips = tips
        self._user = llm.clients.settings.user_for(user_text(user) if user is not None else None)
        self._app = app_fingerprint(llm.clients.settings, self._user)
        self._inputs = {**llm.inputs, **self._options.inputs}
        self.clients = llm.clients.timed(self._options.timeout)
        self.tracer = StepTracer(llm.trace_payloads, llm.callback_manager)
        self._shown = watcher()
        self.demanding = offer is not None and offer.demanding
        self._messages = tuple(messages)
        self._say(self._parts(messages))

    def _parts(self, messages: Sequence[ChatMessage]) -> list[Message]:
        parts = with_edits(bridge_messages(messages, emulated=self._options.offer is not None), messages)
        if self._llm.system_prompt_variable:
            system, parts = without_system(parts)
            self._inputs |= {self._llm.system_prompt_variable: system} if system else {}
        return with_files(with_offer(parts, self._options.offer), self._options.files)

    def _say(self, parts: list[Message]) -> None:
        self._said = parts
        self._run: Run | AsyncRun | None = None
        self._turn = TurnTaking(
            parts,
            policy=Policy(mode=self._llm.conversation, on_fork=self._llm.on_fork, home=self._llm.conversation_id or ""),
            app=self._app,
            tips=self._tips,
            conversation_id=self._options.conversation_id,
            verify=self._llm.verify_tip,
        )

    def check(self) -> None:
        """Raise now, not when the answer is read, that there is nothing to say."""
        render(self._said)

    # -- the turn

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The time in which no other turn goes into the same conversation."""
        try:
            yield
        finally:
            self._turn.end(self._run.result if self._run is not None else None)

    def ask(self) -> None:
        """Ask Dify whether the history ends where its conversation does, if only Dify can tell."""
        self._turn.ask(self.clients.sync, self._user)

    async def aask(self) -> None:
        """As `ask`, without blocking."""
        await self._turn.aask(self.clients.asynchronous, self._user)

    def started(self, start: Callable[[Clients, Request], Run]) -> Run:
        """The call's run, which ends when the call is cancelled; enter it with `with`."""
        return started(self._turn, lambda planned: self._sent(start(self.clients, self._request(planned))))

    async def astarted(self, start: Callable[[Clients, Request], Awaitable[AsyncRun]]) -> AsyncRun:
        """As `started`, without blocking."""

        async def sent(planned: Plan) -> AsyncRun:
            return self._sent(await start(self.clients, self._request(planned)))

        return await astarted(self._turn, sent)

    def _request(self, planned: Plan) -> Request:
        told = {"app": self._app, "system_digest": planned.system, "conversation_lost": self._turn.lost}
        offer = self._options.offer
        self.answer = Answer(
            {name: value for name, value in told.items() if value},
            offer.parser if offer is not None else None,
            on_replace=self._llm.on_replace,
            citations=self._llm.citations,
            # Of a conversation that the call names only its caller knows what was said there before.
            told=partial(told_digest, self._messages) if not self._options.conversation_id else None,
        )
        return Request(
            query=planned.turn.query or " ",  # of files alone: Dify refuses an empty query, also next to files
            files=planned.turn.files,
            inputs=self._inputs,
            user=self._user,
            conversation_id=planned.conversation_id,
            passed_on=self._options.passed_on,
        )

    def _sent(self, run: RunT) -> RunT:
        self._run = self._shown(run)
        return self._options.cancel.watch(run) if self._options.cancel is not None else run

    def complain(self, response: ChatResponse) -> None:
        """Make this the turn behind an answer that called no tool: in its own conversation only the complaint goes out."""
        (answer,) = bridge_messages([response.message])
        self._say([*self._said, answer, Message("user", UNCALLED)])
