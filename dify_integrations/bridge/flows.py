"""Several calls to a server as one straight line, written once for both kinds of client.

A flow is a generator. It yields what to do with a client and is sent what came of it; a failure is thrown into it, and so is the cancellation
of its task, after which it may still make single calls for a few seconds. Calls of
which none waits for another are yielded together, as a tuple, and made at once, a few at a time. So the order of calls, and what follows from
their answers, stands in one place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final, TypeAlias, TypeVar

import anyio

from .._async.paging import AsyncPages
from .._sync.paging import Pages
from ..errors import DifyError

T = TypeVar("T")
_TO_LEAVE_S: Final = 5.0
AT_ONCE: Final = 4
"""Calls of one tuple that are under way together; the others wait."""
Call: TypeAlias = Callable[[Any], Any]
"""Asks something of the `datasets` of a `Dify` or an `AsyncDify`. A lazy list is read to its end."""
Flow: TypeAlias = Generator["Call | tuple[Call, ...]", Any, T]


def driven(flow: Flow[T], datasets: Any) -> T:
    """What a flow comes to, with a sync client's `datasets`."""
    try:
        call = next(flow)
        while True:
            try:
                answer = _together(call, datasets) if isinstance(call, tuple) else _answered(call, datasets)
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
                answer = await (_atogether(call, datasets) if isinstance(call, tuple) else _aanswered(call(datasets)))
            except DifyError as error:
                call = flow.throw(error)
            except BaseException as leaving:
                with anyio.move_on_after(_TO_LEAVE_S, shield=True):
                    await _left(flow, leaving, datasets)
                raise
            else:
                call = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        flow.close()


async def _left(flow: Flow[Any], leaving: BaseException, datasets: Any) -> None:
    """Tell a flow that it is cancelled, and make the calls by which it sets right what it has begun."""
    try:
        call = flow.throw(leaving)
        while not isinstance(call, tuple):
            try:
                answer = await _aanswered(call(datasets))
            except DifyError as error:
                call = flow.throw(error)
            else:
                call = flow.send(answer)
    except BaseException as error:
        if error is not leaving and not isinstance(error, StopIteration):
            raise


def _answered(call: Call, datasets: Any) -> Any:
    answer = call(datasets)
    return list(answer) if isinstance(answer, Pages) else answer


async def _aanswered(answer: Awaitable[Any] | AsyncPages[Any]) -> Any:
    return [entry async for entry in answer] if isinstance(answer, AsyncPages) else await answer


def _together(calls: tuple[Call, ...], datasets: Any) -> list[Any]:
    with ThreadPoolExecutor(min(len(calls), AT_ONCE)) as threads:
        # A context of its own for each thread: who is asking, and below which span, goes along.
        asked = [threads.submit(copy_context().run, _answered, call, datasets) for call in calls]
        try:
            return [answer.result() for answer in asked]
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # after a failure the others need not begin


async def _atogether(calls: tuple[Call, ...], datasets: Any) -> list[Any]:
    answers: dict[Call, Any] = {}
    errors: list[DifyError] = []
    limit = anyio.Semaphore(AT_ONCE)

    async def ask(call: Call) -> None:
        try:
            async with limit:
                answers[call] = await _aanswered(call(datasets))
        except DifyError as error:  # kept, or it would come out inside an exception group
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(ask, call)
    if errors:
        raise errors[0]
    return [answers[call] for call in calls]
