"""One running call of an app: its ids, its stop flag, its waits, and the loop that performs a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from . import frames
from .apps import App, Script, Turn
from .channel import Channel, Signal
from .says import Drop, Fail, Gate, Raw, Say, Silence, Wait
from .state import Conversation, Message, State

_GATE_LOOK_S = 0.003


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
        self.began = state.clock()
        self.channel = Channel()
        self.message = self._new_message()
        self._stop = asyncio.Event()

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
        """Seconds since the run began, on the server's clock."""
        return round(max(self.state.clock() - self.began, 0.0), 6)

    def ask_to_stop(self) -> None:
        """End the run at its next step."""
        self._stop.set()

    async def send(self, event: str, fields: Mapping[str, Any]) -> None:
        """Send one event frame."""
        await self.channel.put(frames.data({"event": event, **self.head, **fields}))

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


class Writer(Protocol):
    """Turns what a script says into the frames of a mode."""

    async def open(self) -> None:
        """Before the first thing is said."""

    async def say(self, say: Say) -> None:
        """One thing was said."""

    async def close(self) -> None:
        """The script ended well."""

    async def stop(self) -> None:
        """The user stopped the run."""

    async def fail(self, fail: Fail) -> None:
        """The run failed."""


async def perform(run: Run, writer: Writer, script: Script) -> None:
    """Let a script speak through a writer, and end the channel whatever happens."""
    run.state.tasks[run.task_id] = run
    signal = Signal.END
    try:
        try:
            await writer.open()
            async with aclosing(_spoken(script(run.turn))) as said:
                async for say in said:
                    await writer.say(say)
            await writer.close()
        except Stopped:
            await writer.stop()
        except Failed as failed:
            await writer.fail(failed.fail)
    except Ended as ended:
        signal = ended.signal
    except Exception as error:  # noqa: BLE001 - a script is the user's code: show its error as Dify shows a broken app.
        run.state.record(run.state.script_errors, error)
        message = "Internal Server Error, please contact support."
        await writer.fail(Fail(message, "internal_server_error", 500))
    finally:
        run.state.tasks.pop(run.task_id, None)
    await run.channel.put(signal)


async def _spoken(script: Iterable[Say] | AsyncIterable[Say]) -> AsyncGenerator[Say, None]:
    if isinstance(script, AsyncIterable):
        async for say in script:
            yield say
    else:
        for say in script:
            yield say


async def mind(run: Run, say: Say) -> bool:
    """Do what has the same meaning in every mode: waits, gates, silence, cuts, raw bytes, failures.

    Returns:
        Whether the saying was one of those.
    """
    if isinstance(say, Wait):
        await run.pause(say.seconds)
    elif isinstance(say, Gate):
        while not say.event.is_set():
            await run.pause(_GATE_LOOK_S)
    elif isinstance(say, Raw):
        await run.channel.put(say.data)
    elif isinstance(say, Silence):
        await run.channel.put(Signal.HUSH)
        await run.pause(run.state.timing.silence_s if say.seconds is None else say.seconds)
        raise Ended(Signal.END)
    elif isinstance(say, Drop):
        raise Ended(Signal.END if say.clean else Signal.CUT)
    elif isinstance(say, Fail):
        raise Failed(say)
    else:
        return False
    return True
