"""What a graph says while it runs: text and thinking, each from the node it belongs to."""

from __future__ import annotations

from .ending import Said
from .nodes import OpenNode, SendData
from .run import Run


class Speech:
    """The text and reasoning frames of one run."""

    def __init__(self, run: Run, said: Said, send: SendData) -> None:
        self._run = run
        self._said = said
        self._send = send
        self._thinking = False

    async def text(self, text: str, node: OpenNode) -> None:
        """One piece of the answer; the first one after thinking ends the thinking."""
        if self._thinking:
            self._thinking = False
            await self._thought("", node, final=True)
        await self._run.pause(self._run.state.timing.pace_s)
        node.text += text
        self._said.answer += text
        selector = [node.node_id, "text"]
        if self._run.message is None:
            await self._send("text_chunk", {"text": text, "from_variable_selector": selector})
        elif not self._said.repeated:
            await self._message(text, selector)

    async def repeat(self) -> None:
        """Say a chatflow's whole text once more; what follows is not said any more."""
        if self._run.message and self._said.answer:
            self._said.repeated = self._said.answer
            await self._message(self._said.repeated, ["answer", "answer"])

    async def reasoning(self, text: str, node: OpenNode) -> None:
        """One piece of thinking."""
        await self._run.pause(self._run.state.timing.pace_s)
        self._thinking = True
        node.reasoning += text
        await self._thought(text, node, final=False)

    async def _message(self, text: str, selector: list[str]) -> None:
        message_id = self._run.message.id if self._run.message else None
        await self._run.send("message", {"id": message_id, "answer": text, "from_variable_selector": selector})

    async def _thought(self, text: str, node: OpenNode, *, final: bool) -> None:
        message_id = self._run.message.id if self._run.message else None
        chunk = {"message_id": message_id, "reasoning": text, "node_id": node.node_id, "is_final": final}
        await self._run.send("reasoning_chunk", {"data": chunk})
