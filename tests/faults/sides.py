"""The client in the flavours people use it, behind one face, so that a test body is written once.

A test body is a coroutine function that takes an `AsyncDify`. On the sync side it gets a `Dify` behind a thin veil that
makes awaitables of its methods; everything else is the real thing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import anyio

from dify_integrations import AsyncDify, Dify, DifyError, Run
from dify_integrations._sync.paging import Pages
from dify_integrations.core.retry import RetryPolicy
from dify_integrations.settings import Timeouts

T = TypeVar("T")
KEY = "app-CANARYcanaryCANARYcanary"
QUICK = RetryPolicy(base_s=0.001)
"""Retries as usual, without waiting for them."""
CLOCKS = Timeouts(connect_s=2.0, write_s=2.0, pool_s=2.0, read_s=2.0, idle_s=2.0)


class Side:
    """One flavour: `sync`, `asyncio` or `trio`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def run(self, body: Callable[[AsyncDify], Awaitable[T]], url: str, **options: Any) -> T:
        """Run a test body with a fresh client, closed afterwards."""
        options = {"api_key": KEY, "user": "ann", "retry": QUICK, "timeout": CLOCKS, "trust_env": False, **options}

        async def main() -> T:
            if self.name == "sync":
                with Dify(base_url=url, **options) as dify:
                    return await body(cast("AsyncDify", Veil(dify)))
            async with AsyncDify(base_url=url, **options) as dify:
                return await body(dify)

        backend = "asyncio" if self.name == "sync" else self.name
        return anyio.run(main, backend=backend)

    def error(self, call: Callable[[AsyncDify], Awaitable[Any]], url: str, **options: Any) -> DifyError:
        """The error a call ends with; anything else fails the test."""

        async def body(dify: AsyncDify) -> DifyError:
            try:
                got = await call(dify)
            except DifyError as error:
                return error
            raise AssertionError(f"no error but {got!r}")

        return self.run(body, url, **options)


class Veil:
    """A sync object that looks async: its methods give awaitables, its runs can be used with `async`."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._plain, "close" if name == "aclose" else name)
        if (isinstance(self._plain, Run) and name in ("items", "text")) or (isinstance(self._plain, Pages) and name == "pages"):
            return lambda: _pulled(value())
        if name in ("stream", "resume", "with_options") or name.startswith(("iterate", "stream_")):  # plain functions on both sides
            return lambda *args, **named: Veil(value(*args, **named))
        if callable(value):
            return _later(value)
        return Veil(value) if type(value).__module__.startswith("dify_integrations._sync") else value

    def __await__(self) -> Any:
        return _later(lambda: Veil(self._plain.open()))().__await__()

    def __aiter__(self) -> AsyncIterator[Any]:
        return _pulled(iter(self._plain))

    async def __aenter__(self) -> Veil:
        self._plain.__enter__()
        return self

    async def __aexit__(self, *about: Any) -> None:
        self._plain.__exit__(*about)


def _later(call: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    async def wrapped(*args: Any, **named: Any) -> T:
        return call(*args, **named)

    return wrapped


async def _pulled(plain: Iterator[T]) -> AsyncIterator[T]:
    for entry in plain:
        yield entry
