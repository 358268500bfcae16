"""Chat engines asked by each of their four methods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llama_index.core.chat_engine.types import BaseChatEngine

from dify_integrations.local import Say, Text, Turn
from llamaindex_dify import DifyChatEngine

Ask = Callable[[Any, Any], Any]


def saying(*says: Say) -> Callable[[Turn], Iterable[Say]]:
    return lambda _: list(says)


def echo(turn: Turn) -> list[Say]:
    return [Text("You said "), Text(turn.query)]


def streamed(engine: BaseChatEngine, message: Any) -> tuple[Any, list[str]]:
    response = engine.stream_chat(message)
    return response, list(response.response_gen)


async def astreamed(engine: BaseChatEngine, message: Any) -> tuple[Any, list[str]]:
    response = await engine.astream_chat(message)
    return response, [text async for text in response.async_response_gen()]


HEAR: dict[str, Callable[[Any, Any], tuple[Any, list[str]]]] = {
    "stream_chat": streamed,
    "astream_chat": lambda engine, message: asyncio.run(astreamed(engine, message)),
}
"""A streamed answer and its pieces."""
ASK: dict[str, Ask] = {
    "chat": lambda engine, message: engine.chat(message),
    "stream_chat": lambda engine, message: HEAR["stream_chat"](engine, message)[0],
    "achat": lambda engine, message: asyncio.run(engine.achat(message)),
    "astream_chat": lambda engine, message: HEAR["astream_chat"](engine, message)[0],
}
each_way = pytest.mark.parametrize("way", ASK)


def engine_for(served: Any, **options: Any) -> DifyChatEngine:
    return DifyChatEngine.from_defaults(served.llm(), **options)


def said(engine: BaseChatEngine) -> list[tuple[str, str | None]]:
    return [(message.role.value, message.content) for message in engine.chat_history]


def asked(served: Any) -> list[tuple[str, str]]:
    return [(sent["query"], sent.get("conversation_id") or "") for sent in served.sent]
