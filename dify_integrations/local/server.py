"""LocalDify: the server as a context manager, on a thread with an event loop of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.types import ASGIApp

from .application import build
from .apps import App
from .datasets import Dataset
from .demo import demo_apps, demo_datasets
from .knowledge.store import STEPS, Indexing
from .serving import Serving
from .state import RecordedRequest, RecordedStop, State, Timing
from .version import ServerVersion

if TYPE_CHECKING:
    from typing_extensions import Self

_START_S = 10.0


class LocalDify:
    """A Dify Service API server for demonstrations and tests, on the loopback interface.

    Use it with `with` or `async with`; it accepts connections inside and leaves neither thread nor socket behind.

    Args:
        apps: The apps it hosts; without any, one of every mode but `agent`.
        datasets: The datasets it hosts; those of the apps are added by themselves.
        port: The port, or 0 to let the system choose.
        host: A loopback address.
        version: The Dify release to behave like; `1.14.3` is the main branch after 1.14.2.
        pace_s: Seconds before every token.
        ping_interval_s: Seconds between pings.
        silence_s: Seconds a stream that says nothing more is kept open.
        dataset_api_key: The key of the knowledge routes.
        clock: Where times come from, in Unix seconds.
        indexing: The statuses a new or changed document goes through, one each time its status is asked for; or a function
            that tells them for a `Document`. The last one stays: `("waiting", "indexing")` never ends,
            `("parsing", "error: no such model")` fails. A document can be searched once it is `completed`.
    """

    def __init__(
        self,
        apps: Sequence[App] | None = None,
        datasets: Sequence[Dataset] | None = None,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        version: str = "1.14.2",
        pace_s: float = 0.0,
        ping_interval_s: float = 10.0,
        silence_s: float = 300.0,
        dataset_api_key: str = "dataset-local",
        clock: Callable[[], float] = time.time,
        indexing: Indexing = STEPS,
    ) -> None:
        if host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError(f"LocalDify serves the loopback interface only, not {host!r}.")
        shared = list(datasets) if datasets is not None else (demo_datasets() if apps is None else [])
        hosted = list(apps) if apps is not None else demo_apps(shared)
        if not ServerVersion(version).has_agents and any(app.mode == "agent" for app in hosted):
            raise ValueError(f"Dify {version} has no apps of mode 'agent'; use 1.14.3.")
        owned = [dataset for app in hosted for dataset in app.datasets]
        self._state = State(
            hosted,
            list({dataset.id: dataset for dataset in [*shared, *owned]}.values()),
            version=ServerVersion(version),
            timing=Timing(pace_s, ping_interval_s, silence_s),
            dataset_api_key=dataset_api_key,
            clock=clock,
        )
        self._state.knowledge.indexing = indexing
        self.asgi: ASGIApp = build(self._state)
        self._address = (host, port)
        self._thread: threading.Thread | None = None
        self._server: Serving | None = None

    # --- what is hosted ---------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """The address to give to a client, `/v1` included."""
        if self._server is None:
            raise RuntimeError("The server is not running; use it with `with` or `async with`.")
        host = f"[{self._address[0]}]" if ":" in self._address[0] else self._address[0]
        return f"http://{host}:{self._server.port}/v1"

    @property
    def dataset_api_key(self) -> str:
        """The key of the knowledge routes."""
        return self._state.dataset_api_key

    @property
    def apps(self) -> list[App]:
        """The hosted apps."""
        return list(self._state.apps.values())

    @property
    def datasets(self) -> list[Dataset]:
        """The hosted datasets."""
        return list(self._state.datasets.values())

    def app(self, name: str) -> App:
        """The app of that name.

        Raises:
            KeyError: There is none.
        """
        return {app.name: app for app in self.apps}[name]

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name.

        Raises:
            KeyError: There is none.
        """
        return {dataset.name: dataset for dataset in self.datasets}[name]

    # --- what was asked ---------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request so far, oldest first."""
        return self._state.copy(self._state.requests)

    @property
    def stops(self) -> list[RecordedStop]:
        """Every stop call so far."""
        return self._state.copy(self._state.stops)

    @property
    def disconnects(self) -> list[str]:
        """The task ids of the runs whose client left before the end."""
        return self._state.copy(self._state.disconnects)

    @property
    def script_errors(self) -> list[Exception]:
        """What scripts raised; on the wire it is an internal server error."""
        return self._state.copy(self._state.script_errors)

    @property
    def running(self) -> list[str]:
        """The task ids of the runs that go on right now; a paused one does not."""
        return [task_id for task_id, run in list(self._state.tasks.items()) if not run.paused]

    def wait_until(self, claim: Callable[[LocalDify], bool], timeout_s: float = 5.0) -> bool:
        """Block until a claim about the records above holds, such as `lambda server: server.stops`.

        Returns:
            Whether it held in time.
        """
        return self._state.wait_until(lambda: bool(claim(self)), timeout_s)

    # --- running ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Serve until `stop`; returns when connections are accepted."""
        if self._thread is not None:
            raise RuntimeError("This server was started before; make a new one.")
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        # asyncio switches Nagle's algorithm off only for sockets that say they are TCP; with it every answer takes 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self._address)
        except OSError:
            listener.close()
            raise
        self._server = server = Serving(self.asgi, self._state, listener)
        self._state.origin = self.base_url.removesuffix("/v1")
        self._thread = threading.Thread(target=server.serve_forever, name="local-dify", daemon=True)
        self._thread.start()
        if not server.ready.wait(_START_S):
            raise RuntimeError("The local server did not start in time.")

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._server is not None and self._thread is not None:
            self._server.ask_to_end()
            self._thread.join()
        self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(self.start)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)
