"""What every event has, and the event nobody knows yet.

An event is one frame of a stream. Its class says which; `raw` is the JSON object as the server sent it, unknown fields
included. Nothing in here says what an event means: that is the fold's business (`dify_integrations.runs.fold`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from . import fields

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject


class Event:
    """One frame of a stream.

    Attributes:
        name: The wire name, such as `message`.
        raw: The JSON object as sent. Treat it as read-only.
        task_id: What a stop call takes; `""` on `error` events.
        conversation_id: `""` outside chat apps.
        message_id: `""` in workflow apps.
        workflow_run_id: `""` outside workflows and chatflows, and before `workflow_started`.
        created_at: Unix seconds; the message's creation, constant in a stream; `None` in workflow apps.
    """

    __slots__ = ("raw",)

    name: ClassVar[str] = ""

    def __init__(self, raw: JsonObject) -> None:
        self.raw = raw

    task_id = fields.text()
    conversation_id = fields.text()
    message_id = fields.text()
    workflow_run_id = fields.text()
    created_at = fields.integer()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Event) and self.raw == other.raw

    __hash__ = None  # type: ignore[assignment]  # holds a mutable JSON object

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw!r})"


class UnknownEvent(Event):
    """A frame whose name this version does not know, or which has none; `name` and `raw` are kept."""

    __slots__ = ("name",)

    def __init__(self, raw: JsonObject, name: str = "") -> None:
        super().__init__(raw)
        self.name = name or fields.as_text(raw.get("event"))  # type: ignore[misc]  # per object here, per class elsewhere


class PingEvent(Event):
    """A ping that came as data. Servers send pings as `event: ping` without data, which gives no event at all."""

    __slots__ = ()
    name = "ping"


class ErrorEvent(Event):
    """The run failed; the HTTP status was 200 all the same.

    Attributes:
        code: Such as `completion_request_error`; `""` on the bare frame of a chatflow or workflow that was refused
            before it began (Dify main after 1.14.2), whose `status` 500 means nothing.
        message: The server's or the model provider's text.
        status: The HTTP status this would have been.
    """

    __slots__ = ()
    name = "error"
    code = fields.text()
    message = fields.text()
    status = fields.integer()
