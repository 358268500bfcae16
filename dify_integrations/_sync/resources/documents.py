# Generated from dify_integrations/_async/resources/documents.py by .ci/twin.py; edit that file and run `make twin`.
"""Documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class Documents:
    """Documents."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
