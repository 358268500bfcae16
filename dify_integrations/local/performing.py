"""The loop that performs a script, and what has the same meaning in every mode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import Protocol

from .apps import Script
from .channel import Signal
from .happenings import Cut, Drop, Gate, Raw, Silence, UntilFollowed, Wait
from .run import Ended, Failed, Run, Stopped
from .says import Fail, Say


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
            await _speak(run, writer, script(run.turn))
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


async def _speak(run: Run, writer: Writer, script: Iterable[Say] | AsyncIterable[Say]) -> None:
    says = aiter(script) if isinstance(script, AsyncIterable) else iter(script)
    try:
        while (say := await _next(says, run)) is not None:
            await writer.say(say)
    finally:
        if isinstance(says, AsyncGenerator):
            await says.aclose()
        elif isinstance(says, Generator):
            says.close()


async def _next(says: Iterator[Say] | AsyncIterator[Say], run: Run) -> Say | None:
    """The next saying; generators are told what the form of their last pause was filled with."""
    filled, run.filled = run.filled, None
    try:
        say: Say
        if isinstance(says, AsyncGenerator):
            say = await says.asend(filled)
        elif isinstance(says, Generator):
            say = says.send(filled)
        else:
            say = await anext(says) if isinstance(says, AsyncIterator) else next(says)
    except (StopIteration, StopAsyncIteration):
        return None
    return say


async def mind(run: Run, say: Say) -> bool:
    """Do what has the same meaning in every mode: waits, gates, silence, cuts, raw bytes, failures.

    Returns:
        Whether the saying was one of those.
    """
    if isinstance(say, Wait):
        await run.pause(say.seconds)
    elif isinstance(say, Gate):
        await run.until(say.event.is_set)
    elif isinstance(say, UntilFollowed):
        await run.until(lambda: run.topic.listeners >= say.by, say.timeout_s)
    elif isinstance(say, Raw):
        await run.put(say.data)
    elif isinstance(say, Cut):
        await run.cut()
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
