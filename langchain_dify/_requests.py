"""One turn with a chat app, from what LangChain hands over to what is remembered of it; the hooks only drive it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from dify_integrations.bridge.arguments import conversation_text, files_in, merged_inputs
from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.bridge.conversation import Plan, Policy, Tips
from dify_integrations.bridge.reading import Reading
from dify_integrations.bridge.turn import without_system
from dify_integrations.bridge.turn_taking import TurnTaking, astarted, started

from ._binding import Binding, told_digest
from ._cancelling import cancelled_by
from ._mapping import Form, Reply
from ._turns import parts_of
from .errors import model_errors

if TYPE_CHECKING:
    from dify_integrations import AsyncRun, Run

    from .chat_models import ChatDify

log = logging.getLogger("langchain_dify")
_PASSED_ON = ("workflow_id", "trace_id", "auto_generate_name")
RunT = TypeVar("RunT", bound="Run | AsyncRun")


class ChatTurn:
    """One turn: planned, started, read, remembered. Made by `chat_turn`, for one run.

    Args:
        model: Whose fields and conversations count.
        messages: The history, this turn's words last.
        stop: Sequences to stop at, instead of the model's.
        kwargs: The call's.

    Attributes:
        clients: Of the app that is asked.

    Raises:
        InvalidArgument: Content or arguments that cannot be sent.
    """

    def __init__(
        self, model: ChatDify, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any], tips: Tips
    ) -> None:
        self._model = model
        self._kwargs = kwargs
        self._stops = stop or model.stop or ()
        self._user = kwargs.get("user")
        self._name, self.clients = model.app_named(kwargs.get("model"))
        self._app = app_fingerprint(self.clients.settings, self._user)
        self._binding = Binding(kwargs, model.tools_input_key, off=model.tool_calling == "off")
        self._messages = messages
        parts = parts_of(messages)
        self._system = ""
        if model.system_input_key:
            self._system, parts = without_system(parts)
        policy = Policy(
            mode=model.conversation,
            on_fork=model.on_fork,
            history_apart=bool(model.history_input_key),
            home=(model.conversation_id or "") if self.clients is model.clients else "",  # a conversation is one app's
        )
        conversation_id = conversation_text(kwargs.get("conversation_id"))
        self._turn = TurnTaking(
            parts, policy=policy, app=self._app, tips=tips, conversation_id=conversation_id, verify=model.verify_tip
        )
        self.clients = self.clients.timed(kwargs.get("timeout"))
        self._run: Run | AsyncRun | None = None

    def ask(self) -> None:
        """Ask Dify whether the history ends where its conversation does, if only Dify can tell."""
        self._turn.ask(self.clients.sync, self._user)

    async def aask(self) -> None:
        """As `ask`, without blocking."""
        await self._turn.aask(self.clients.asynchronous, self._user)

    def start(self, stream: Callable[..., Run]) -> Run:
        """The turn's run.

        Args:
            stream: The client's `chat.stream`.

        Returns:
            The run; enter it with `with`.

        Raises:
            InvalidArgument: There is nothing to say, or the conversation must not be continued and the model refuses to
                begin another.
        """
        return started(self._turn, lambda planned: self._sent(stream, planned))

    async def astart(self, stream: Callable[..., AsyncRun]) -> AsyncRun:
        """As `start`, without blocking."""

        async def sent(planned: Plan) -> AsyncRun:
            return self._sent(stream, planned)

        return await astarted(self._turn, sent)

    def _sent(self, stream: Callable[..., RunT], planned: Plan) -> RunT:
        model, told = self._model, self._kwargs
        if planned.forked is not None:
            log.info("conversation %s has moved on: the history begins a new one", planned.forked.conversation_id)
        # A complaint goes where everything else was said; only where it begins anew all is said again.
        again = bool(told.get("repairing") and planned.conversation_id)
        files = [] if again else files_in(told.get("files"))
        options = {
            "auto_generate_name": model.auto_generate_name,
            **{name: told[name] for name in _PASSED_ON if name in told},
            "user": self._user,
            "inputs": self._inputs(planned),
            "conversation_id": planned.conversation_id,
            "files": (*planned.turn.files, *files),
            "split_thinking": model.split_thinking,
            "resume": bool(told.get("resume", model.resume)),
            "audio": model.include_audio,
        }
        tools = told_digest(self._messages, planned.conversation_id)
        query = self._binding.query(planned.turn.query, tools, again=again) or " "  # Dify refuses an empty one, also next to files
        self._run = run = cancelled_by(told, stream(query, **options))
        return run

    def _inputs(self, planned: Plan) -> dict[str, Any]:
        """The app's variables. Dify takes them anew with every turn, so these of the history go along every time."""
        model = self._model
        texts = {model.system_input_key: self._system, model.history_input_key: planned.history}
        said = {name: text for name, text in texts.items() if name and text}
        return {**merged_inputs(model.inputs, self._kwargs.get("inputs")), **said, **self._binding.inputs()}

    def reading(self) -> Reading:
        """How the answer's text is read; a fresh one at every call."""
        return Reading(self._stops, self._binding.parser())

    def reply(self, run: Run | AsyncRun, form: Form = "text") -> Reply:
        """Makes the run's items chunks of a form, or a message."""
        model = self._model
        usage = self._kwargs.get("stream_usage")
        return Reply(
            model=self._name,
            stamp=self._stamp(),
            reading=self.reading,
            result=lambda: run.result,
            on_replace=model.on_replace,
            usage=model.stream_usage if usage is None else bool(usage),
            audio=model.include_audio,
            form="blocks" if form == "text" and model.output_version == "v1" else form,
        )

    def result(self, run: Run | AsyncRun, reply: Reply) -> ChatResult:
        """The answer of a run that is over, its items heard by `reply`."""
        return ChatResult(generations=[ChatGeneration(message=reply.message(run.result))])

    def end(self) -> None:
        """However the run ended, its conversation has moved on."""
        self._turn.end(self._run.result if self._run is not None else None)

    def _stamp(self) -> dict[str, str]:
        """What a later turn must know of this one, wherever its history is kept meanwhile."""
        known = {"system_digest": self._turn.system, "tools_digest": self._binding.digest, "conversation_lost": self._turn.lost}
        return {"app": self._app, **{name: told for name, told in known.items() if told}}


@contextmanager
def chat_turn(
    model: ChatDify, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any], tips: Tips
) -> Iterator[ChatTurn]:
    """A turn whose errors are LangChain's, and whose end is remembered in `tips`; arguments as for `ChatTurn`."""
    turn = ChatTurn(model, messages, stop, kwargs, tips)
    try:
        with model_errors():
            yield turn
    finally:
        turn.end()
