"""Uploads and previews."""

from __future__ import annotations

from ..core.operation import Operation, reading
from ..files import FileInput
from ..models.files import UploadedFile
from .catalogue import operation
from .inputs import file_part


def upload(file: FileInput, *, user: str) -> Operation[UploadedFile]:
    return operation("uploadChatFile", reading(UploadedFile.model_validate), form={"user": user}, files=[file_part(file)])
