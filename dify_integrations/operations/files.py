"""Uploads, previews, and files by their signed address."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from ..core.addresses import file_address
from ..core.operation import Answer, Operation, reading
from ..core.request import Request
from ..files import FileInput
from ..models.files import UploadedFile
from .catalogue import operation
from .inputs import file_part, whole


def upload(file: FileInput, *, user: str) -> Operation[UploadedFile]:
    return operation("uploadChatFile", reading(UploadedFile.model_validate), form={"user": user}, files=[file_part(file)])


def preview(file_id: str, *, user: str | None, as_attachment: bool) -> Operation[Answer]:
    query = [("as_attachment", "true")] if as_attachment else []
    if user:
        query.append(("user", user))
    return operation("previewChatFile", whole, path={"file_id": file_id}, query=query, downloads=True)


def signed(address: str, *, base_url: str, origins: Iterable[str] = ()) -> Operation[Answer]:
    """A file by its signed address, which is no operation of the Service API and needs no key.

    The key stays at home even on the own server: the address may be a workflow's or a model's words, and with the key it
    could read other users' conversations.

    Raises:
        InvalidArgument: Not an address, or one of an origin that nobody named.
    """
    request = Request("GET", file_address(address, base_url=base_url, origins=origins), key=None)
    return Operation("downloadFile", request, whole, repeatable=True, downloads=True)


def last_part(address: str) -> str:
    """What an address calls its file."""
    return unquote(urlsplit(address).path.rpartition("/")[2])
