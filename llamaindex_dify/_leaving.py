"""Leaving an asynchronous generator that another one reads, also when the event loop ends under both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import TracebackType

GeneratorT = TypeVar("GeneratorT", bound="AsyncGenerator[Any, None]")


class left_with(Generic[GeneratorT]):  # noqa: N801  # used like contextlib.aclosing
    """As `contextlib.aclosing`, for a generator that is read inside another one.

    An event loop that ends closes all generators at once, and logs an error for each that is just being closed by another.
    So this one is left to the loop then.
    """

    def __init__(self, generator: GeneratorT) -> None:
        self._generator = generator

    async def __aenter__(self) -> GeneratorT:
        return self._generator

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not _loop_closes_all():
            await self._generator.aclose()


def _loop_closes_all() -> bool:
    """Whether the event loop is in `shutdown_asyncgens`; it tells nobody, so this asks where asyncio keeps it."""
    try:
        return bool(getattr(asyncio.get_running_loop(), "_asyncgens_shutdown_called", False))
    except RuntimeError:
        return False
