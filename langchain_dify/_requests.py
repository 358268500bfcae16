"""One turn with a chat app, from what LangChain hands over to what is remembered of it; the hooks only drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.bridge.conversation import Tips, plan

from ._binding import Binding
from ._mapping import Reading, Reply, message_of
from ._turns import parts_of
from .errors import model_errors

if TYPE_CHECKING:
    from dify_integrations import AsyncRun, Run

    from .chat_models import ChatDify

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
        app: Fingerprint of the app and user.

    Raises:
        InvalidArgument: Content or arguments that cannot be sent.
    """

    def __init__(
        self, model: ChatDify, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any], tips: Tips
    ) -> None:
        self._model = model
        self._kwargs = kwargs
        self._tips = tips
        self._stops = stop or model.stop or ()
        self._user = kwargs.get("user") or model.user
        self._binding = Binding(kwargs)
        self._parts = parts_of(messages)
        self._run: Run | AsyncRun | None = None
        self.app = app_fingerprint(model.clients.settings, self._user)

    def start(self, stream: Callable[..., RunT]) -> RunT:
        """The turn's run.

        Args:
            stream: The sync or async client's `chat.stream`.

        Raises:
            InvalidArgument: There is nothing to say, or the conversation must not be continued and the model refuses to
                begin another.
        """
        model, told = self._model, self._kwargs
        conversation_id = told.get("conversation_id") or ""
        planned = plan(self._parts, mode=model.conversation, app=self.app, tips=self._tips, conversation_id=conversation_id)
        options = {
            "auto_generate_name": model.auto_generate_name,
            **{name: told[name] for name in _PASSED_ON if name in told},
            "user": self._user,
            "inputs": {**model.inputs, **(told.get("inputs") or {})},
            "conversation_id": planned.conversation_id,
            "files": (*planned.turn.files, *(told.get("files") or ())),
            "split_thinking": model.split_thinking,
        }
        run = stream(self._binding.query(planned.turn.query), **options)
        self._run = run
        return run

    def reading(self) -> Reading:
        """How the answer's text is read; a fresh one at every call."""
        return Reading(self._stops, self._binding.parser())

    def reply(self, run: Run | AsyncRun) -> Reply:
        """Makes the run's items chunks."""
        return Reply(model=self._model.model, app=self.app, reading=self.reading(), result=lambda: run.result)

    def result(self, run: Run | AsyncRun) -> ChatResult:
        """The answer of a run that is over."""
        message = message_of(run.result, model=self._model.model, app=self.app, reading=self.reading())
        return ChatResult(generations=[ChatGeneration(message=message)])

    def end(self) -> None:
        """However the run ended, its conversation has moved on: a repeated turn must not be put behind this one."""
        result = self._run.result if self._run is not None else None
        if result is not None and result.conversation_id and result.message_id:
            self._tips.moved(result.conversation_id, result.message_id)


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
