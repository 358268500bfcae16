# Generated from dify_integrations/_async/resources/tags.py by .ci/twin.py; edit that file and run `make twin`.
"""Tags of knowledge bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class Tags:
    """Tags of knowledge bases."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
