"""Calls with every argument they have: the rows of `app_calls.py` and `knowledge_calls.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dify_integrations.files import FileInput
from dify_integrations.operations.catalogue import OPERATIONS
from tests.wire.calls.base import Call

ID = "45701982-8118-4bc5-8e9b-64562b4555f2"
OTHER_ID = "9da23599-e713-473b-982c-4328d4f5c78a"
USER = "abc-123"
NOTE = FileInput.from_bytes(b"A note.", "note.txt")
METHODS = {endpoint.id: endpoint.call for endpoint in OPERATIONS}


@dataclass(frozen=True)
class Full:
    """A call that makes an operation."""

    operation: str
    call: Call

    @property
    def streams(self) -> bool:
        """Whether it asks for events."""
        return self.call.streams or self.call.follows or self.call.method.endswith((".stream", ".run_datasource_node"))


def full(operation: str, *args: Any, method: str = "", **kwargs: Any) -> Full:
    """A row: the operation's call of the catalogue, or another one of the client that makes it too."""
    return Full(operation, Call(method or METHODS[operation], args, kwargs))
