"""The way from a run to one listening client: frames in order, one chunk each, pings in between, nothing buffered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from enum import Enum
from typing import Any

from starlette.types import Receive, Scope, Send

from .frames import PING
from .state import State


class Signal(Enum):
    """What a run may tell the channel besides frames."""

    END = "the stream is over"
    CUT = "break the connection off"
    HUSH = "no pings from here on"


Item = bytes | Signal

_NEVER = float("inf")


class ConnectionCut(Exception):
    """Leaves the application when there is no connection of our own to break off."""


async def cut(state: State, scope: Scope, left: asyncio.Future[None]) -> None:
    """Break the connection off, after what was sent already has gone out."""
    if state.hang_up is None:
        raise ConnectionCut
    state.hang_up(scope["client"])
    await left


class Channel:
    """A queue of one place: the run waits until the client has been handed the frame before.

    Args:
        room: How many frames it holds; 0 for any number.
    """

    def __init__(self, room: int = 1) -> None:
        self.listened = True
        # Its end is in the queue already.
        self.closed = False
        self._items: asyncio.Queue[Item] = asyncio.Queue(maxsize=room)

    @property
    def open(self) -> bool:
        """Whether anything put into it now would be sent."""
        return self.listened and not self.closed

    async def put(self, item: Item) -> None:
        """Hand over a frame; it vanishes when nobody listens any more."""
        if self.listened:
            await self._items.put(item)
        else:
            await asyncio.sleep(0)

    def push(self, item: Item) -> None:
        """Hand over a frame without waiting; for channels that hold any number."""
        if self.open:
            self._items.put_nowait(item)

    async def get(self) -> Item:
        """The next item."""
        return await self._items.get()

    def leave(self) -> None:
        """The client is gone: let a waiting run go on."""
        self.listened = False
        while not self._items.empty():
            self._items.get_nowait()


async def gone(receive: Receive) -> None:
    """Return when the client has closed the connection; the body must have been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream:
    """The response of a streaming call: an ASGI application that runs a producer and sends what it puts in a channel.

    Args:
        state: The server's state.
        channel: What the producer fills.
        producer: The work; it ends with `Signal.END` or `Signal.CUT`. `None` when somebody else fills the channel.
        task_id: Named in `disconnects` when the client leaves early.
        outlives_client: Whether the work goes on without a listener.
        idle_s: Seconds without a frame (pings are none) after which the stream ends.
        headers: Headers besides the content type.
    """

    def __init__(
        self,
        state: State,
        channel: Channel,
        producer: Callable[[], Coroutine[Any, Any, None]] | None,
        *,
        task_id: str,
        outlives_client: bool = False,
        idle_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state
        self._channel = channel
        self._producer = producer
        self._task_id = task_id
        self._outlives_client = outlives_client
        self._idle_s = idle_s
        self._broken = False
        self._headers = {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        work = self._state.in_background(self._producer()) if self._producer else None
        left = asyncio.ensure_future(gone(receive))
        try:
            async with aclosing(self._chunks(left)) as chunks:
                async for chunk in chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if self._broken:
                await cut(self._state, scope, left)
            elif not left.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            left.cancel()
            self._channel.leave()
            if work and not self._outlives_client:
                work.cancel()

    async def _chunks(self, left: asyncio.Future[None]) -> AsyncGenerator[bytes, None]:
        now = asyncio.get_running_loop().time
        interval = self._state.timing.ping_interval_s
        next_ping, idle_at = now() + interval, self._idle_from(now())
        getter: asyncio.Future[Item] = asyncio.ensure_future(self._channel.get())
        try:
            while True:
                until = min(next_ping, idle_at)
                waiting: list[asyncio.Future[Any]] = [getter, left]
                timeout = None if until == _NEVER else max(0.0, until - now())
                await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if left.done():
                    self._note_leaving()
                    return
                # Pings keep a grid of their own and also fall between flowing tokens.
                if now() >= next_ping:
                    next_ping += interval * (1 + (now() - next_ping) // interval)
                    yield PING
                if not getter.done():
                    if now() >= idle_at:
                        return
                    continue
                item = getter.result()
                if isinstance(item, bytes):
                    yield item
                elif item is Signal.HUSH:
                    next_ping = _NEVER
                else:
                    self._broken = item is Signal.CUT
                    return
                idle_at = self._idle_from(now())
                getter = asyncio.ensure_future(self._channel.get())
        finally:
            getter.cancel()

    def _idle_from(self, now: float) -> float:
        return _NEVER if self._idle_s is None else now + self._idle_s

    def _note_leaving(self) -> None:
        if not self._state.closing:
            self._state.record(self._state.disconnects, self._task_id)
