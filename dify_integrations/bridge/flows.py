"""Several calls to a server as one straight line, written once for both kinds of client.

A flow is a generator. It yields what to do with a client and is sent what came of it; a failure is thrown into it. So the
order of calls, and what follows from their answers, stands in one place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeAlias, TypeVar

from .._async.paging import AsyncPages
from .._sync.paging import Pages
from ..errors import DifyError

T = TypeVar("T")
Call: TypeAlias = Callable[[Any], Any]
"""Asks something of the `datasets` of a `Dify` or an `AsyncDify`. A lazy list is read to its end."""
Flow: TypeAlias = Generator[Call, Any, T]


def driven(flow: Flow[T], datasets: Any) -> T:
    """What a flow comes to, with a sync client's `datasets`."""
    try:
        call = next(flow)
        while True:
            try:
                answer = call(datasets)
                answer = list(answer) if isinstance(answer, Pages) else answer
            except DifyError as error:
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


async def adriven(flow: Flow[T], datasets: Any) -> T:
    """What a flow comes to, with an async client's `datasets`."""
    try:
        call = next(flow)
        while True:
            try:
                answer = await _answered(call(datasets))
            except DifyError as error:
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


async def _answered(answer: Awaitable[Any] | AsyncPages[Any]) -> Any:
    return [entry async for entry in answer] if isinstance(answer, AsyncPages) else await answer
