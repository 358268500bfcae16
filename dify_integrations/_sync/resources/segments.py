# Generated from dify_integrations/_async/resources/segments.py by .ci/twin.py; edit that file and run `make twin`.
"""Chunks of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class Segments:
    """Chunks of documents."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
