"""The thread's side of LocalDify: uvicorn without its polling, and an ending that leaves nothing open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from .state import State

_LOOK_S = 0.002
_LINGER_S = 1.0


class Serving(uvicorn.Server):
    """Uvicorn without its polling: it starts, waits to be told and closes at once."""

    def __init__(self, app: ASGIApp, state: State, listener: socket.socket) -> None:
        # `critical`: a connection that a script cuts is no news here.
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_keep_alive=60,
            )
        )
        self.port: int = listener.getsockname()[1]
        self.ready = threading.Event()
        self._state = state
        self._listener = listener
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: asyncio.Event | None = None
        state.hang_up = self._hang_up

    def _hang_up(self, client: Any) -> None:
        connections: list[Any] = list(self.server_state.connections)
        for connection in connections:
            if connection.client == client:
                connection.transport.close()

    def serve_forever(self) -> None:
        """The body of the thread."""
        asyncio.run(self.serve(sockets=[self._listener]))

    def ask_to_end(self) -> None:
        """End the thread, from another one."""
        if self._loop is not None and self._told is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Wait to be told to end, keeping the date header fresh."""
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self.ready.set()
        while not self._told.is_set():
            try:
                await asyncio.wait_for(self._told.wait(), 1.0)
            except asyncio.TimeoutError:
                await self.on_tick(0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Cancel every run, break every connection, and wait until nothing is left."""
        await self._state.close()
        loop = asyncio.get_running_loop()
        # Accepting ends before the server is closed: a connection that asyncio is just taking in would be lost and leak
        # its socket (cpython#109564).
        with contextlib.suppress(NotImplementedError):
            loop.remove_reader(self._listener)
        await self._break_connections(loop.time() + _LINGER_S)
        for server in self.servers:
            server.close()
            await server.wait_closed()
        self._listener.close()

    async def _break_connections(self, deadline: float) -> None:
        this = asyncio.current_task()
        while asyncio.get_running_loop().time() < deadline:
            connections: list[Any] = list(self.server_state.connections)
            for connection in connections:
                connection.transport.abort()
            # Connections being accepted and requests being served are tasks; uvicorn has no event for their end.
            if not connections and not asyncio.all_tasks() - {this}:
                return
            await asyncio.sleep(_LOOK_S)
