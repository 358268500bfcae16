"""Models whose server sends a recording, byte for byte, and what LangChain says of the blocks they give."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import anyio
from langchain_core.messages import AIMessage
from langchain_core.messages.content import KNOWN_BLOCK_TYPES, Annotation, ContentBlock
from pydantic import TypeAdapter

from langchain_dify import ChatDify, DifyLLM
from tests.wire.played import Documented, clients_of
from tests.wire.recordings import Recording

_BLOCK: TypeAdapter[Any] = TypeAdapter(ContentBlock)
_ANNOTATION: TypeAdapter[Any] = TypeAdapter(Annotation)


class Played:
    """Models of a server that answers every request with the recording."""

    def __init__(self, recording: Recording | Documented) -> None:
        self._recording = recording
        self._clients = clients_of(recording)

    def chat(self, **fields: Any) -> ChatDify:
        return ChatDify(**self._clients, **fields)

    def llm(self, **fields: Any) -> DifyLLM:
        mode: Any = "chat" if "chat" in self._recording.route else "completion"
        return DifyLLM(**self._clients, mode=mode, prompt_key="query", **fields)


def unnumbered(blocks: Iterable[Any]) -> list[Any]:
    """Blocks without the numbers that tell a stream's apart, each checked against core's types."""
    plain = [{name: value for name, value in block.items() if name != "index"} for block in blocks]
    for block in plain:
        assert block["type"] in KNOWN_BLOCK_TYPES - {"non_standard", "tool_call_chunk"}
        assert _BLOCK.validate_python(block) == block
        for annotation in block.get("annotations", ()):
            assert _ANNOTATION.validate_python(annotation) == annotation
    return plain


def told_by(message: AIMessage) -> dict[str, Any]:
    """Everything a message says beside its content, its id, and what form the content has."""
    metadata = {name: value for name, value in message.response_metadata.items() if name != "output_version"}
    return {
        "metadata": metadata,
        "extra": message.additional_kwargs,
        "calls": message.tool_calls,
        "invalid": message.invalid_tool_calls,
        "usage": message.usage_metadata,
    }


class InSync:
    """The ways into a model, each to its end."""

    @staticmethod
    def invoke(model: Any, **kwargs: Any) -> Any:
        return model.invoke("Hi", **kwargs)

    @staticmethod
    def stream(model: Any, **kwargs: Any) -> list[Any]:
        return list(model.stream("Hi", **kwargs))

    @staticmethod
    def events(model: Any, **kwargs: Any) -> tuple[list[Any], AIMessage]:
        """Events of version 3, and the message they make."""
        stream = model.stream_events("Hi", version="v3", **kwargs)
        return list(stream), stream.output


class InAsync(InSync):
    """The same in an event loop of their own."""

    @staticmethod
    def invoke(model: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            return await model.ainvoke("Hi", **kwargs)

        return anyio.run(main)

    @staticmethod
    def stream(model: Any, **kwargs: Any) -> list[Any]:
        async def main() -> list[Any]:
            return [chunk async for chunk in model.astream("Hi", **kwargs)]

        return anyio.run(main)

    @staticmethod
    def events(model: Any, **kwargs: Any) -> tuple[list[Any], AIMessage]:
        async def main() -> tuple[list[Any], AIMessage]:
            stream = await model.astream_events("Hi", version="v3", **kwargs)
            try:
                return [event async for event in stream], await stream.output
            finally:  # core ends the run in a task of its own
                await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

        return anyio.run(main)


SIDES = [InSync, InAsync]
