# Generated from dify_integrations/_async/resources/pipelines.py by .ci/twin.py; edit that file and run `make twin`.
"""Knowledge pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..transport import Transport


class Pipelines:
    """Knowledge pipelines."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
