"""Uploads."""

from __future__ import annotations

from typing import BinaryIO

from ..core.operation import Operation, reading
from ..core.request import FilePart, Request
from ..models.files import UploadedFile


def upload(content: bytes | BinaryIO, *, filename: str, mime_type: str, user: str) -> Operation[UploadedFile]:
    part = FilePart("file", filename, content, mime_type)
    request = Request("POST", "/files/upload", form={"user": user}, files=(part,))
    return Operation("uploadChatFile", request, reading(UploadedFile.model_validate))
