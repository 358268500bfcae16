"""The frames of agents: `agent-chat`, which shows its steps, and `agent`, which shows its answer only."""

from __future__ import annotations

import json
from typing import Any

from . import frames
from .easy import EasyWriter
from .run import Run
from .says import Fail, Say, Tool, Tools


class AgentWriter(EasyWriter):
    """`agent_message` frames between `agent_thought` frames that are re-sent with the same id as they fill."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._thought: dict[str, Any] | None = None

    async def say(self, say: Say) -> None:
        """Send the frames of one saying; tools are an agent's own."""
        if isinstance(say, Tool):
            await self._tools((say,))
        elif isinstance(say, Tools):
            await self._tools(tuple(say.calls))
        else:
            await super().say(say)

    async def send_token(self, text: str) -> None:
        """Send a piece of the answer, which is also the step's thought."""
        thought = await self._open_thought()
        thought["thought"] += text
        await self.run.send("agent_message", {"id": self.message.id, "answer": text})

    async def finish_text(self) -> None:
        """The last thought is sent once more, whole."""
        await self._send_thought(await self._open_thought())

    async def _open_thought(self) -> dict[str, Any]:
        if self._thought is None:
            self._thought = {
                "id": self.run.state.new_id("thought"),
                "position": len(self.message.thoughts) + 1,
                "thought": "",
                "observation": "",
                "tool": "",
                "tool_labels": {},
                "tool_input": "",
                "message_files": [],
            }
            self.message.thoughts.append(self._thought)
            await self._send_thought(self._thought)
        return self._thought

    async def _send_thought(self, thought: dict[str, Any]) -> None:
        await self.run.send("agent_thought", thought)

    async def _tools(self, calls: tuple[Tool, ...]) -> None:
        await self.run.pause(0)
        thought = await self._open_thought()
        thought["tool"] = ";".join(call.name for call in calls)
        thought["tool_labels"] = {call.name: {"en_US": call.name, "zh_Hans": call.name} for call in calls}
        thought["tool_input"] = json.dumps({call.name: dict(call.input) for call in calls})
        await self._send_thought(thought)
        for file in [file for call in calls for file in call.files]:
            thought["message_files"] = [*thought["message_files"], await self.file(file)]
        thought["observation"] = json.dumps({call.name: call.observation for call in calls})
        await self._send_thought(thought)
        self._thought = None


class AgentAppWriter(EasyWriter):
    """One `message` with the whole answer; what happens before it is not told, and nothing is counted."""

    error_fields = ("code", "message", "status")

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._text = ""

    async def say(self, say: Say) -> None:
        """Send the frames of one saying; tools work unseen."""
        if not isinstance(say, (Tool, Tools)):
            await super().say(say)

    async def send_token(self, text: str) -> None:
        """Keep a piece of the answer."""
        self._text += text

    async def finish_text(self) -> None:
        """The whole answer."""
        await super().send_token(self._text)

    def usage(self, *, stopped: bool) -> dict[str, Any]:  # noqa: ARG002 - the answer counts nothing either way
        """All zero but the time."""
        return {**frames.no_usage(), "latency": self.run.elapsed()}

    async def fail(self, fail: Fail) -> None:
        """Every failure looks the same."""
        await super().fail(Fail("Internal Server Error, please contact support.", "internal_server_error", 500))
        self.message.error = fail.message
