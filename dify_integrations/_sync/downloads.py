# Generated from dify_integrations/_async/downloads.py by .ci/twin.py; edit that file and run `make twin`.
"""Downloads: an open answer into memory, an open file or a new one, piece by piece."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .._saving import Saving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from ..core.operation import Answer, Operation
    from ..errors import DifyError
    from ..files import Download
    from .transport import Transport

_NO_FILE = ("application/json", "text/html")


def download(
    transport: Transport,
    operation: Operation[Answer],
    *,
    to: Path | BinaryIO | None = None,
    max_bytes: int | None = None,
    filename: str = "",
    refusal: Callable[[Answer], DifyError] | None = None,
) -> Download:
    """Send an operation made with `downloads=True`, and save what comes.

    Args:
        transport: Sends it.
        operation: Its reader is not used.
        to: A folder, the path of a file that does not exist, or an open binary file; `None` keeps the bytes in memory.
        max_bytes: Largest size, decoded; without it `max_body_bytes` in memory, and no limit with `to`.
        filename: For servers that give no name.
        refusal: For files that are never JSON or a page: the error that such an answer is, which comes with its body.

    Raises:
        InvalidArgument: The target exists or cannot be used.
        BodyTooLarge: More than the limit.
        ConnectionDropped: The connection broke before the end; of a new file nothing is left.
        OSError: The file cannot be written.
    """
    with Saving(to, max_bytes=max_bytes, default_limit=transport.settings.max_body_bytes) as saving:
        answer = transport.open(operation)
        body = answer.stream
        try:
            if refusal is not None and answer.content_type in _NO_FILE:
                raise refusal(replace(answer, body=body.whole(), stream=None) if body else answer)
            saving.begin(answer, filename)
            if body is None:  # a success other than 200
                saving.write(answer.body)
            else:
                while piece := body.read():
                    saving.write(piece)
        finally:
            if body is not None:
                body.close()
        return saving.finish()
