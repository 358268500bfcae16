# Generated from dify_integrations/_async/resources/child_chunks.py by .ci/twin.py; edit that file and run `make twin`.
"""Pieces of parent chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class ChildChunks:
    """Pieces of parent chunks."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
