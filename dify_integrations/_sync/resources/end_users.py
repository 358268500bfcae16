# Generated from dify_integrations/_async/resources/end_users.py by .ci/twin.py; edit that file and run `make twin`.
"""EndUsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class EndUsers:
    """EndUsers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
