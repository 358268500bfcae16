"""Core's callback and span decorators around our methods: typed, closing what they wrap, telling nothing that is not for telling.

Core's decorators wrap the generator of a stream in one of their own and leave the inner one to the garbage collector when
a reader leaves early. Handlers that keep the exception keep its traceback, and with it the inner generator: the connection
would stay open and the run go on. So the two are closed together here.

And they tell the arguments of a call to every handler, which may store or send them: a file's content and a cancel token go past.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import DISPATCHER_SPAN_DECORATED_ATTR

from dify_integrations.errors import InvalidArgument
from dify_integrations.files import FileInput

from ._leaving import left_with

Method = TypeVar("Method", bound=Callable[..., Any])
Announce = Callable[[], Callable[..., Any]]
dispatcher = get_dispatcher(__name__)
_given: ContextVar[dict[str, Any]] = ContextVar("llamaindex_dify_given")


def announced_chat(method: Method) -> Method:
    """Start and end events of a chat; core's decorator is untyped, and users' calls must not become `Any`."""
    return cast("Method", _spanned(_whole(llm_chat_callback, method)))  # same arguments, same answer


def announced_completion(method: Method) -> Method:
    """Start and end events of a completion."""
    return cast("Method", _spanned(_whole(llm_completion_callback, method), asks="prompt"))  # same arguments, same answer


def announced_chat_stream(method: Method) -> Method:
    """As `announced_chat`, for a method that returns a generator."""
    return cast("Method", _spanned(_stream(llm_chat_callback, method)))  # same arguments, same generator type


def announced_completion_stream(method: Method) -> Method:
    """As `announced_completion`, for a method that returns a generator."""
    return cast("Method", _spanned(_stream(llm_completion_callback, method), asks="prompt"))  # same arguments, same generator type


def announced_chat_astream(method: Method) -> Method:
    """As `announced_chat`, for a coroutine that returns an asynchronous generator."""
    return cast("Method", _spanned(_astream(llm_chat_callback, method)))  # same arguments, same generator type


def announced_completion_astream(method: Method) -> Method:
    """As `announced_completion`, for a coroutine that returns an asynchronous generator."""
    return cast("Method", _spanned(_astream(llm_completion_callback, method), asks="prompt"))  # same arguments, same generator type


def _whole(announce: Announce, method: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def asked(*args: Any, **kwargs: Any) -> Any:
            async def told(*args: Any, **shown: Any) -> Any:
                return await method(*args, **_meant(shown, kwargs))

            return await announce()(told)(*args, **_shown(kwargs))

        return asked

    @functools.wraps(method)
    def answered(*args: Any, **kwargs: Any) -> Any:
        return announce()(lambda *args, **shown: method(*args, **_meant(shown, kwargs)))(*args, **_shown(kwargs))

    return answered


def _stream(announce: Announce, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def opened(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        inner: list[Generator[Any, None, None]] = []

        def kept(*args: Any, **shown: Any) -> Generator[Any, None, None]:
            inner.append(method(*args, **_meant(shown, kwargs)))
            return inner[0]

        return _both(announce()(kept)(*args, **_shown(kwargs)), inner[0])

    return opened


def _astream(announce: Announce, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def opened(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        inner: list[AsyncGenerator[Any, None]] = []

        async def kept(*args: Any, **shown: Any) -> AsyncGenerator[Any, None]:
            inner.append(await method(*args, **_meant(shown, kwargs)))
            return inner[0]

        return _aboth(await announce()(kept)(*args, **_shown(kwargs)), inner[0])

    return opened


def _spanned(method: Callable[..., Any], *, asks: str = "") -> Callable[..., Any]:
    """The method with core's span around it, which is told what handlers may see; core makes none of its own then.

    Args:
        method: With its events.
        asks: What must be given, in core's own way of refusing: the span would complain of Python's arguments.
    """
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def arestored(*args: Any, **shown: Any) -> Any:
            return await method(*args, **_meant(shown, _given.get()))

        aspanned: Any = dispatcher.span(arestored)

        @functools.wraps(method)
        async def acalled(self: Any, *args: Any, **kwargs: Any) -> Any:
            _check(asks, args, kwargs)
            before = _given.set(kwargs)
            try:
                return await aspanned.__get__(self, type(self))(*args, **_shown(kwargs))
            finally:
                _given.reset(before)

        setattr(acalled, DISPATCHER_SPAN_DECORATED_ATTR, True)
        return acalled

    @functools.wraps(method)
    def restored(*args: Any, **shown: Any) -> Any:
        return method(*args, **_meant(shown, _given.get()))

    spanned: Any = dispatcher.span(restored)

    @functools.wraps(method)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check(asks, args, kwargs)
        before = _given.set(kwargs)
        try:
            return spanned.__get__(self, type(self))(*args, **_shown(kwargs))
        finally:
            _given.reset(before)

    setattr(called, DISPATCHER_SPAN_DECORATED_ATTR, True)
    return called


def _check(asks: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if asks and not args and asks not in kwargs:
        raise InvalidArgument(f"there is no {asks}")


def _shown(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call as handlers may see them."""
    return {name: _plain(value) for name, value in kwargs.items() if name != "cancel"}


def _meant(shown: dict[str, Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What was given, for what came through core, which makes named messages and prompts positional ones."""
    return {name: value for name, value in kwargs.items() if name in shown or name == "cancel"}


def _plain(value: Any) -> Any:
    if isinstance(value, FileInput):
        return {name: told for name in ("type", "filename") if (told := getattr(value, name))}
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _both(outer: Generator[Any, None, None], inner: Generator[Any, None, None]) -> Generator[Any, None, None]:
    try:
        yield from outer
    finally:
        inner.close()


async def _aboth(outer: AsyncGenerator[Any, None], inner: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    async with left_with(inner), left_with(outer):
        async for response in outer:
            yield response
