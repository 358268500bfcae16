# Generated from dify_integrations/_async/uploads.py by .ci/twin.py; edit that file and run `make twin`.
"""Local files on their way into a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import BadRequest
from ..files import FileInput

if TYPE_CHECKING:
    from ..core.operation import Operation
    from ..operations.uploads import Draft
    from .transport import Transport

T = TypeVar("T")


def complete(transport: Transport, draft: Draft[T], user: str) -> Operation[T]:
    """The operation of a draft; uploads its local files first, as `user`, those that the server has not been given lately."""
    if not draft.local:
        return draft.operation
    from .._uploaded import key_of
    from ..operations import files

    uploads: dict[FileInput, Any] = {}
    draft.remembered.clear()
    for file in draft.local:
        key, content = key_of(file, user=user, settings=transport.settings)
        known = transport.uploads.find(key) if key else ""
        if known:
            draft.remembered.append(known)
        else:
            known = (transport.send(files.upload(content, user=user))).id
            if key:
                transport.uploads.keep(key, known)
        uploads[file] = FileInput.uploaded(known, type=file.type)
    return draft.filled(uploads)


def send_draft(transport: Transport, draft: Draft[T], user: str) -> T:
    """Send a draft, its local files uploaded, and read its answer."""
    try:
        return transport.send(complete(transport, draft, user))
    except BadRequest as error:
        if not forgotten(transport, draft, error):
            raise
    return transport.send(complete(transport, draft, user))


def forgotten(transport: Transport, draft: Draft[Any], error: BadRequest) -> bool:
    """Whether a refusal may be due to uploads that only this side remembers; they are forgotten, and the draft worth a second try.

    A refused run has not begun, so nothing happens twice.
    """
    if not draft.remembered or "file" not in error.message.lower():
        return False
    transport.uploads.forget(draft.remembered)
    return True
