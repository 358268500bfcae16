"""Events of a data source's node in a knowledge pipeline. They have no ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import fields
from .base import Event

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue


def _entries(value: JsonValue) -> list[JsonObject]:
    return [value] if isinstance(value, dict) else fields.as_objects(value)


class DatasourceProcessingEvent(Event):
    """The data source is at work; a crawler tells of its progress several times.

    Attributes:
        total: Pages to read, `None` or 0 where nobody knows.
        completed: Pages read.
    """

    __slots__ = ()
    name = "datasource_processing"
    total = fields.integer()
    completed = fields.integer()


class DatasourceCompletedEvent(Event):
    """The data source found something; there can be several of these.

    Attributes:
        data: What it found, by its kind: pages of a web site, workspaces with their documents, buckets with their files.
        total, completed: Pages, for a crawler.
        time_consuming: Seconds.
    """

    __slots__ = ()
    name = "datasource_completed"
    data = fields.Field(_entries)
    total = fields.integer()
    completed = fields.integer()
    time_consuming = fields.number()


class DatasourceErrorEvent(Event):
    """The data source failed; the HTTP status was 200 all the same.

    Attributes:
        error: Its text, or the server's.
    """

    __slots__ = ()
    name = "datasource_error"
    error = fields.text()
