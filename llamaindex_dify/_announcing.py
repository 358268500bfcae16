"""Core's callback decorators around our methods: typed, and closing what they wrap.

Core's decorators wrap the generator of a stream in one of their own and leave the inner one to the garbage collector when
a reader leaves early. Handlers that keep the exception keep its traceback, and with it the inner generator: the connection
would stay open and the run go on. So the two are closed together here.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar, cast

from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

Method = TypeVar("Method", bound=Callable[..., Any])
Announce = Callable[[], Callable[..., Any]]


def announced_chat(method: Method) -> Method:
    """Start and end events of a chat; core's decorator is untyped, and users' calls must not become `Any`."""
    announced: Method = llm_chat_callback()(method)
    return announced


def announced_completion(method: Method) -> Method:
    """Start and end events of a completion."""
    announced: Method = llm_completion_callback()(method)
    return announced


def announced_chat_stream(method: Method) -> Method:
    """As `announced_chat`, for a method that returns a generator."""
    return cast("Method", _stream(llm_chat_callback, method))  # same arguments, same generator type


def announced_completion_stream(method: Method) -> Method:
    """As `announced_completion`, for a method that returns a generator."""
    return cast("Method", _stream(llm_completion_callback, method))  # same arguments, same generator type


def announced_chat_astream(method: Method) -> Method:
    """As `announced_chat`, for a coroutine that returns an asynchronous generator."""
    return cast("Method", _astream(llm_chat_callback, method))  # same arguments, same generator type


def announced_completion_astream(method: Method) -> Method:
    """As `announced_completion`, for a coroutine that returns an asynchronous generator."""
    return cast("Method", _astream(llm_completion_callback, method))  # same arguments, same generator type


def _stream(announce: Announce, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def opened(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        inner: list[Generator[Any, None, None]] = []

        def kept(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
            inner.append(method(*args, **kwargs))
            return inner[0]

        return _both(announce()(kept)(*args, **kwargs), inner[0])

    return opened


def _astream(announce: Announce, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def opened(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        inner: list[AsyncGenerator[Any, None]] = []

        async def kept(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            inner.append(await method(*args, **kwargs))
            return inner[0]

        return _aboth(await announce()(kept)(*args, **kwargs), inner[0])

    return opened


def _both(outer: Generator[Any, None, None], inner: Generator[Any, None, None]) -> Generator[Any, None, None]:
    try:
        yield from outer
    finally:
        inner.close()


async def _aboth(outer: AsyncGenerator[Any, None], inner: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    try:
        async for response in outer:
            yield response
    finally:
        try:
            await outer.aclose()
        finally:
            await inner.aclose()
