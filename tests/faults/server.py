"""A scripted HTTP server on plain sockets, for everything that can go wrong between a client and a server.

Every connection has a thread; every request takes the next script (the last one serves all that follow) and the script's
acts are done in order: bytes are sent, numbers are waited, functions do the rest. Stop calls are answered by themselves,
whatever the script, and are only recorded. Knows nothing of the package under test.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

STOPPED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"result":"success"}'


class Left(Exception):
    """The client closed the connection."""


class Over(Exception):
    """The script closed the connection."""


@dataclass(frozen=True)
class Received:
    """A request as it came; `connection` counts the accepted connections from 0."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    at: float


class Connection:
    """One accepted connection, as acts see it."""

    def __init__(self, server: FaultServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        self._buffer = b""

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Left from error

    def wait(self, seconds: float | None) -> None:
        """Let time pass, `None` for ever; ends with `Left` as soon as the client leaves."""
        readable, _, _ = select.select([self.sock], [], [], seconds)
        if readable and not self._receive():
            raise Left

    def reset(self) -> None:
        """Break the connection with a reset instead of an orderly end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Over

    def read_request(self) -> Received:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = self._body(headers)
        return Received(method, path, headers, body, self.number, time.monotonic())

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            while not (b"\r\n" + self._buffer).endswith(b"\r\n0\r\n\r\n"):
                self._more()
            body, self._buffer = self._buffer, b""
            return body
        size = int(headers.get("content-length", 0))
        while len(self._buffer) < size:
            self._more()
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _more(self) -> None:
        if not self._receive():
            raise Left

    def _receive(self) -> bytes:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return b""
        self._buffer += data
        return data


Act: TypeAlias = "bytes | float | Callable[[Connection], None]"
Script: TypeAlias = Sequence[Act]


def keep(_: Connection) -> None:
    """As the last act: go on with the next request on this connection."""


def hold(connection: Connection) -> None:
    """Say nothing more until the client leaves."""
    while True:
        connection.wait(None)


def reset(connection: Connection) -> None:
    """Break the connection."""
    connection.reset()


def repeat(data: bytes, every_s: float) -> Callable[[Connection], None]:
    """Send `data` again and again until the client leaves."""

    def act(connection: Connection) -> None:
        while True:
            connection.send(data)
            connection.wait(every_s)

    return act


class FaultServer:
    """Serves scripts on a loopback port that the system chooses; use it with `with`.

    Args:
        scripts: One per request, stop calls not counted; the last one serves all that follow.
        tls: Serve TLS.
        on_accept: Done instead of reading a request, for the first connections; the others are served.

    Attributes:
        requests: Without stop calls.
        stops: Stop calls.
        accepted: Connections so far.
        left: Times at which a client was seen leaving.
        last: The newest request of every connection.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, on_accept: Sequence[Script] = ()) -> None:
        self._scripts = list(scripts)
        self._on_accept = list(on_accept)
        self._tls = tls
        self._news = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._ending = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.requests: list[Received] = []
        self.stops: list[Received] = []
        self.left: list[float] = []
        self.last: dict[int, Received] = {}
        self.accepted = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    def listen_later(self) -> None:
        """Keep the port but refuse connections until entered."""
        port = self.port
        self._listener.close()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))

    def wait_until(self, claim: Callable[[], object], timeout_s: float = 2.0) -> bool:
        """Whether a claim about the records comes true in time."""
        with self._news:
            return bool(self._news.wait_for(claim, timeout_s))

    def __enter__(self) -> Self:
        self._listener.listen(64)
        accepting = threading.Thread(target=self._accept, name="faults", daemon=True)
        self._threads.append(accepting)
        accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending = True
        with socket.create_connection(("127.0.0.1", self.port)):  # wakes the accepting thread
            self._threads[0].join()
        self._listener.close()
        with self._news:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._ending:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock, self.accepted), name="faults", daemon=True)
            with self._news:
                self.accepted += 1
                self._open.add(sock)
                self._threads.append(thread)
                self._news.notify_all()
            thread.start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        sock: socket.socket = plain
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(plain, server_side=True)
                with self._news:
                    self._open = (self._open - {plain}) | {sock}
            connection = Connection(self, sock, number)
            if number < len(self._on_accept):
                self._do(connection, self._on_accept[number])
            while self._answer(connection):
                pass
        except Left:
            self._note(self.left, time.monotonic())
        except (Over, OSError):
            pass
        finally:
            with self._news:
                self._open.discard(sock)
            sock.close()

    def _answer(self, connection: Connection) -> bool:
        request = connection.read_request()
        if request.path.endswith("/stop"):
            self._note(self.stops, request)
            connection.send(STOPPED)
            return True
        with self._news:
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        self.last[connection.number] = request
        self._note(self.requests, request)
        self._do(connection, script)
        return script[-1] is keep

    def _do(self, connection: Connection, script: Script) -> None:
        for act in script:
            if isinstance(act, bytes):
                connection.send(act)
            elif callable(act):
                act(connection)
            else:
                connection.wait(act)

    def _note(self, records: list[Received] | list[float], entry: Received | float) -> None:
        with self._news:
            records.append(entry)  # type: ignore[arg-type]  # one list or the other, each with its own kind
            self._news.notify_all()
