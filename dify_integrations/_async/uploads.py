"""Local files on their way into a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import BadRequest
from ..files import FileInput

if TYPE_CHECKING:
    from ..core.operation import Operation
    from ..operations.uploads import Draft
    from .transport import AsyncTransport

T = TypeVar("T")


async def complete(transport: AsyncTransport, draft: Draft[T], user: str) -> Operation[T]:
    """The operation of a draft; uploads its local files first, as `user`, what it has not been given lately."""
    if not draft.local:
        return draft.operation
    from .._uploaded import key_of
    from ..operations import files

    for file in draft.local:
        if file in draft.uploads:
            continue
        key, content = key_of(file, user=user, settings=transport.settings)
        known = transport.uploads.find(key) if key else ""
        if known:
            draft.remembered.add(file)
        else:
            known = (await transport.send(files.upload(content, user=user))).id
            if key:
                transport.uploads.keep(key, known)
        draft.uploads[file] = FileInput.uploaded(known, type=file.type)
    return draft.filled(draft.uploads)


async def send_draft(transport: AsyncTransport, draft: Draft[T], user: str) -> T:
    """Send a draft, its local files uploaded, and read its answer."""
    try:
        return await transport.send(await complete(transport, draft, user))
    except BadRequest as error:
        if not forgotten(transport, draft, error):
            raise
    return await transport.send(await complete(transport, draft, user))


def forgotten(transport: AsyncTransport, draft: Draft[Any], error: BadRequest) -> bool:
    """Whether a refusal may be due to uploads that only this side remembers; they are forgotten, and the draft worth a second try.

    A refused run has not begun, so nothing happens twice.
    """
    if not draft.remembered or "file" not in error.message.lower():
        return False
    transport.uploads.forget(draft.uploads.pop(file).upload_file_id for file in draft.remembered)
    draft.remembered.clear()
    return True
