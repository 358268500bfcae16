"""A turn that an annotation answers instead of the model."""

from __future__ import annotations

from typing import Any

from . import frames
from .annotations import Annotation
from .apps import Script
from .channel import Signal
from .easy import EasyWriter
from .run import Ended, Run
from .says import Text


class PreparedWriter(EasyWriter):
    """The answer letter by letter, in chatflows at once, and a `message_end` that costs nothing."""

    def __init__(self, run: Run, annotation: Annotation) -> None:
        super().__init__(run)
        self.annotation = annotation

    def script(self) -> Script:
        """What is said."""
        answer = self.annotation.answer
        return lambda _: [Text(piece) for piece in ([answer] if self.run.app.is_flow else answer)]

    async def open(self) -> None:
        """The first ping of the relay."""
        if self.run.app.is_flow and self.run.state.version.relays:
            await self.run.channel.put(frames.PING)

    async def finish_text(self) -> None:
        """Nothing follows the last letter."""

    async def close(self) -> None:
        """The end; the relay goes on waiting for a run that never began."""
        await super().close()
        run = self.run
        if run.app.is_flow and run.state.version.relays and run.publishes:
            await run.channel.put(Signal.HUSH)
            await run.pause(run.state.timing.silence_s)
            raise Ended(Signal.END)

    def usage(self, *, stopped: bool) -> dict[str, Any]:  # noqa: ARG002 - a stopped one costs nothing either
        """All zero but the time."""
        if self.run.app.is_flow:
            return {**frames.no_usage(), "time_to_first_token": 0.0, "time_to_generate": 0.0}
        return {**frames.no_usage(), "latency": self.run.elapsed()}

    def metadata_with(self, usage: dict[str, Any]) -> dict[str, Any]:
        """Which annotation it was; chatflows leave that out."""
        told = {"retriever_resources": [], "usage": usage}
        if self.run.app.is_flow:
            return told
        account = {"id": self.run.state.id_of("account"), "name": "LocalDify"}
        return {"annotation_reply": {"id": self.annotation.id, "account": account}, **told}

    def end_files(self) -> list[dict[str, Any]] | None:
        """Chatflows have an empty list where the others have null."""
        return [] if self.run.app.is_flow else super().end_files()
