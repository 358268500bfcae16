# Generated from dify_integrations/_async/resources/metadata.py by .ci/twin.py; edit that file and run `make twin`.
"""Metadata fields and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class Metadata:
    """Metadata fields and their values."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
