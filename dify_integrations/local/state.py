"""All that a server remembers, in one place.

Only the server's own loop changes it; `requests`, `stops` and the other records may be read from any thread, and
`wait_until` lets a test wait for one of them without sleeping.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .annotations import Annotations
from .apps import App
from .datasets import NAMESPACE, Dataset
from .feedback import Feedback
from .knowledge.store import Knowledge
from .people import DEFAULT_USER, EndUser, People
from .variables import KeptVariable
from .version import ServerVersion

if TYPE_CHECKING:
    from .flow import FlowWriter
    from .forms import Form
    from .run import Run


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it arrived, without its key.

    Attributes:
        headers: Lower-case names; the value of `authorization` is left out.
        json: The JSON body, or `None`.
        form: The form fields of an upload; a file is shown as name, type and size.
        user: The end user named in body, form or query.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    json: Any
    form: dict[str, Any]
    user: str | None


@dataclass(frozen=True)
class RecordedStop:
    """One stop call; `applied` says whether it reached a running task it was allowed to stop."""

    path: str
    task_id: str
    user: str
    applied: bool


@dataclass
class Message:
    """One turn kept in a conversation."""

    id: str
    conversation_id: str
    app: App
    user: str
    query: str
    inputs: dict[str, Any]
    created_at: int
    answer: str = ""
    status: str = "normal"
    error: str | None = None
    sources: list[dict[str, Any]] = field(default_factory=list)
    thoughts: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Conversation:
    """A thread of messages of one user with one app."""

    id: str
    app: App
    user: str
    name: str
    inputs: dict[str, Any]
    created_at: int
    updated_at: int
    messages: list[Message] = field(default_factory=list)
    variables: list[KeptVariable] = field(default_factory=list)


@dataclass(frozen=True)
class Upload:
    """A stored file."""

    id: str
    user: str
    name: str
    mime_type: str
    content: bytes
    created_at: int


@dataclass
class RunDetail:
    """What `GET /workflows/run/{id}` knows of a run."""

    id: str
    app: App
    inputs: dict[str, Any]
    created_at: int
    status: str = "running"
    outputs: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    total_steps: int = 0
    total_tokens: int = 0
    finished_at: int | None = None
    elapsed_time: float = 0.0
    exceptions_count: int = 0

    def forget_end(self) -> None:
        """Say `running` for ever, as every recorded server does of a stopped run."""
        self.status, self.outputs, self.error, self.finished_at = "running", {}, None, None
        self.total_steps = self.total_tokens = self.exceptions_count = 0
        self.elapsed_time = 0.0

    @property
    def logged(self) -> bool:
        """Whether the logs list it: only runs of workflow apps, when they ended or paused."""
        return self.app.mode == "workflow" and self.status != "running"


@dataclass(frozen=True)
class Timing:
    """The clocks of a server, all in seconds.

    Attributes:
        pace_s: Before every token.
        ping_interval_s: Between pings.
        silence_s: How long a stream that says nothing more is kept open.
    """

    pace_s: float = 0.0
    ping_interval_s: float = 10.0
    silence_s: float = 300.0


class State:
    """Apps, datasets, conversations, runs, files and the records of what was asked."""

    def __init__(
        self,
        apps: Sequence[App],
        datasets: Sequence[Dataset],
        *,
        version: ServerVersion,
        timing: Timing,
        dataset_api_key: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.apps = {app.api_key: app for app in apps}
        self.datasets = {dataset.id: dataset for dataset in datasets}
        self.version = version
        self.timing = timing
        self.dataset_api_key = dataset_api_key
        self.clock = clock
        self.created_at = int(clock())
        self.conversations: dict[str, Conversation] = {}
        self.messages: dict[str, Message] = {}
        self.runs: dict[str, RunDetail] = {}
        self.flows: dict[str, FlowWriter] = {}
        self.forms: dict[str, Form] = {}
        self.tasks: dict[str, Run] = {}
        self.uploads: dict[str, Upload] = {}
        # Which apps used an upload in a message, by the id of the upload.
        self.uses: dict[str, set[str]] = {}
        self.feedbacks: list[Feedback] = []
        self.annotations = {app.id: Annotations() for app in apps}
        self.people = People()
        self.knowledge = Knowledge()
        self.requests: list[RecordedRequest] = []
        self.stops: list[RecordedStop] = []
        self.disconnects: list[str] = []
        self.script_errors: list[Exception] = []
        self.closing = False
        # Where the server listens; addresses of files begin with it.
        self.origin = ""
        # Set by the server that owns the connections; closes the one of a client address.
        self.hang_up: Callable[[Any], None] | None = None
        self._changed = threading.Condition()
        self._counter = 0
        self._background: set[asyncio.Task[None]] = set()

    def new_id(self, kind: str) -> str:
        """The next id: a valid UUID, the same in every fresh server."""
        self._counter += 1
        return str(uuid.uuid5(NAMESPACE, f"{kind}/{self._counter}"))

    def id_of(self, what: str) -> str:
        """The id of something that has a name: always the same."""
        return str(uuid.uuid5(NAMESPACE, what))

    def user_id(self, user: str) -> str:
        """The end-user id of a user name."""
        return self.id_of(f"user/{user}")

    def meet(self, app: App, user: str | None) -> None:
        """Remember who calls an app; a call without a user is made by the default one."""
        name = user or DEFAULT_USER
        self.people.meet(app.id, EndUser(self.user_id(name), name, self.now()))

    def now(self) -> int:
        """The time in Unix seconds."""
        return int(self.clock())

    def record(self, log: list[Any], entry: Any) -> None:
        """Append to one of the records and wake whoever waits for it."""
        with self._changed:
            log.append(entry)
            self._changed.notify_all()

    def copy(self, log: list[Any]) -> list[Any]:
        """A snapshot of one of the records."""
        with self._changed:
            return list(log)

    def wait_until(self, claim: Callable[[], bool], timeout_s: float) -> bool:
        """Wait, from another thread, until a claim about the records holds."""
        with self._changed:
            return self._changed.wait_for(claim, timeout_s)

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that may outlive its request; it is cancelled when the server stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def close(self) -> None:
        """Cancel everything that still runs."""
        self.closing = True
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
