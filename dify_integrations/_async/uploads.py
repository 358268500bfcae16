"""Local files on their way into a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ..core.operation import Operation
    from ..files import FileInput
    from ..operations.uploads import Draft
    from .transport import AsyncTransport

T = TypeVar("T")


async def complete(transport: AsyncTransport, draft: Draft[T], user: str) -> Operation[T]:
    """The operation of a draft; uploads its local files first, each once, as `user`."""
    if not draft.local:
        return draft.operation
    from ..operations import files

    uploads: dict[FileInput, Any] = {}
    for file in draft.local:
        uploaded = await transport.send(files.upload(file, user=user))
        uploads[file] = uploaded.as_input(type=file.type)
    return draft.filled(uploads)
