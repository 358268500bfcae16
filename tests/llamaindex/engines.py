"""Chat engines asked by each of their four methods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from dify_integrations.local import Say, Text, Turn
from llamaindex_dify import DifyChatEngine

Ask = Callable[[DifyChatEngine, str], Any]


def saying(*says: Say) -> Callable[[Turn], Iterable[Say]]:
    return lambda _: list(says)


def echo(turn: Turn) -> list[Say]:
    return [Text("You said "), Text(turn.query)]


async def read(engine: DifyChatEngine, message: str) -> Any:
    response = await engine.astream_chat(message)
    async for _ in response.async_response_gen():
        pass
    return response


def streamed(engine: DifyChatEngine, message: str) -> Any:
    response = engine.stream_chat(message)
    for _ in response.response_gen:
        pass
    return response


ASK: dict[str, Ask] = {
    "chat": lambda engine, message: engine.chat(message),
    "stream_chat": streamed,
    "achat": lambda engine, message: asyncio.run(engine.achat(message)),
    "astream_chat": lambda engine, message: asyncio.run(read(engine, message)),
}
each_way = pytest.mark.parametrize("way", ASK)


def engine_for(served: Any, **options: Any) -> DifyChatEngine:
    return DifyChatEngine.from_defaults(served.llm(), **options)


def said(engine: DifyChatEngine) -> list[tuple[str, str | None]]:
    return [(message.role.value, message.content) for message in engine.chat_history]


def asked(served: Any) -> list[tuple[str, str]]:
    return [(sent["query"], sent.get("conversation_id") or "") for sent in served.sent]
