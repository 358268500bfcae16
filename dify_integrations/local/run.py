"""One running call of an app: its ids, its stop flag, its waits, and whom its frames go to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import frames
from .apps import App, Turn
from .channel import Channel, Signal
from .following import Topic
from .pauses import Filled
from .says import Fail
from .state import Conversation, Message, State

_LOOK_S = 0.003


class Stopped(Exception):
    """The user asked the run to stop."""


class Failed(Exception):
    """The script said `Fail`."""

    def __init__(self, fail: Fail) -> None:
        super().__init__(fail.message)
        self.fail = fail


class Ended(Exception):
    """The stream ends here without a terminal event."""

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal.value)
        self.signal = signal


class Run:
    """The ids and the state of one call while it goes on.

    Args:
        state: The server's state.
        app: The app.
        user: The end user.
        query: The user's words.
        inputs: Validated form values.
        files: The files as the caller sent them.
        conversation: The thread, for chat apps.
    """

    def __init__(
        self,
        state: State,
        app: App,
        *,
        user: str,
        query: str,
        inputs: dict[str, Any],
        files: Sequence[Mapping[str, Any]],
        conversation: Conversation | None,
    ) -> None:
        self.state = state
        self.app = app
        self.user = user
        self.query = query
        self.inputs = inputs
        self.files = list(files)
        self.conversation = conversation
        self.task_id = state.new_id("task")
        self.run_id = state.new_id("run") if app.is_flow else ""
        self.created_at = state.now()
        self.begin()
        self.channel = Channel()
        self.topic = Topic()
        # Dify publishes no events of a blocking call before its first pause.
        self.publishes = True
        self.paused = self.resumed = False
        # What the script is told when it goes on after a pause.
        self.filled: Filled | tuple[Filled, ...] | None = None
        self.message = self._new_message()
        self._stop = asyncio.Event()

    def begin(self) -> None:
        """Start the clock; a resumed run starts it again."""
        self.began = self.state.clock()
        self.began_at = self.state.now()

    def _new_message(self) -> Message | None:
        if self.app.mode == "workflow":
            return None
        thread = self.conversation
        message = Message(
            id=self.state.new_id("message"),
            conversation_id=thread.id if thread else "",
            app=self.app,
            user=self.user,
            query=self.query,
            inputs=self.inputs,
            created_at=self.created_at,
        )
        self.state.messages[message.id] = message
        if thread:
            thread.messages.append(message)
            thread.updated_at = self.created_at
        return message

    @property
    def turn(self) -> Turn:
        """What the script is given."""
        earlier = self.conversation.messages[:-1] if self.conversation else []
        history = tuple((message.query, message.answer) for message in earlier)
        return Turn(self.query, dict(self.inputs), self.user, tuple(self.files), history, self.app)

    @property
    def head(self) -> dict[str, Any]:
        """The fields every frame of this run begins with, after `event`."""
        if self.message is None:
            return {"workflow_run_id": self.run_id, "task_id": self.task_id}
        thread = {"conversation_id": self.message.conversation_id} if self.conversation else {}
        return {
            **thread,
            "message_id": self.message.id,
            "created_at": self.created_at,
            "task_id": self.task_id,
        }

    def elapsed(self) -> float:
        """Seconds since the run began or was resumed, on the server's clock."""
        return round(max(self.state.clock() - self.began, 0.0), 6)

    def ask_to_stop(self) -> None:
        """End the run at its next step."""
        self._stop.set()

    async def send(self, event: str, fields: Mapping[str, Any]) -> None:
        """Send one event frame to the client and publish it to followers."""
        await self.put(frames.data({"event": event, **self.head, **fields}), event)

    async def put(self, frame: bytes, event: str = "") -> None:
        """Send and publish the bytes of a frame."""
        await self.channel.put(frame)
        if self.publishes:
            self.topic.publish(event, frame)

    async def cut(self) -> None:
        """Break off every connection that listens; the run itself goes on."""
        await self.channel.put(Signal.CUT)
        self.topic.cut()

    async def pause(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            Stopped: A stop was asked for, before or meanwhile.
        """
        if seconds > 0 and not self._stop.is_set():
            try:
                await asyncio.wait_for(self._stop.wait(), seconds)
            except asyncio.TimeoutError:
                return
        if self._stop.is_set():
            raise Stopped

    async def until(self, claim: Callable[[], bool], timeout_s: float = float("inf")) -> None:
        """Let time pass until something holds, or for some seconds at most.

        Raises:
            Stopped: A stop was asked for, before or meanwhile.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + timeout_s
        while not claim() and now() < deadline:
            await self.pause(_LOOK_S)
