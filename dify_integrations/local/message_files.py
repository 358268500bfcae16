"""Files of messages, in the shapes of `message_end` and of the history."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from typing import Any

from .says import File
from .signing import signed
from .state import Message, State


def file_name(file: File) -> str:
    """The name of a file, from its URL when it has none."""
    return file.filename or _last_part(file.url)


def _last_part(url: str) -> str:
    return url.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]


def suffix(name: str) -> str:
    """The extension of a file name, with its dot; empty when it has none."""
    return "." + name.rpartition(".")[2] if "." in name else ""


def end_file(file_id: str, type: str, method: str, name: str, url: str) -> dict[str, Any]:
    """A file as `message_end` lists it."""
    return {
        "related_id": file_id,
        "extension": suffix(name),
        "filename": name,
        "size": 0,
        "mime_type": "application/octet-stream",
        "transfer_method": method,
        "type": type,
        "url": url,
        "upload_file_id": file_id,
    }


def user_file(state: State, file: Mapping[str, Any]) -> dict[str, Any]:
    """A file of the caller as `message_end` lists it."""
    method, kind = str(file.get("transfer_method", "")), str(file.get("type"))
    if method == "remote_url":
        url = _remote(file)
        return {**end_file(state.new_id("file"), kind, method, _last_part(url), url), "remote_url": url}
    upload = state.uploads[str(file["upload_file_id"])]
    return end_file(upload.id, kind, method, upload.name, signed(state, upload.id))


def _remote(file: Mapping[str, Any]) -> str:
    return str(file.get("url") or file.get("remote_url") or "")


def use(state: State, message: Message | None, files: Sequence[Mapping[str, Any]]) -> None:
    """The caller's files become part of a message: listed in the history, and open to the preview."""
    if message is None:
        return
    for file in files:
        message.files.append(_in_history(state, file))
        if file.get("transfer_method") == "local_file":
            state.uses.setdefault(str(file["upload_file_id"]), set()).add(message.app.id)


def _in_history(state: State, file: Mapping[str, Any]) -> dict[str, Any]:
    method = str(file.get("transfer_method"))
    if method == "local_file":
        upload = state.uploads[str(file["upload_file_id"])]
        name, url, mime_type, size = upload.name, signed(state, upload.id), upload.mime_type, len(upload.content)
    else:
        url, size = _remote(file), 0
        name, mime_type = _last_part(url), _guessed(url)
    return _entry(
        state.new_id("message-file"), name, str(file.get("type")), url, mime_type, size, method, file.get("upload_file_id")
    )


def app_file_in_history(state: State, file_id: str, file: File) -> dict[str, Any]:
    """A file of the app as `GET /messages` lists it."""
    name, stored = file_name(file), state.new_id("tool-file")
    entry = _entry(file_id, name, file.type, file.url, file.mime_type, 0, "tool_file", stored)
    return {**entry, "belongs_to": "assistant"}


def _entry(id: str, name: str, type: str, url: str, mime_type: str, size: int, method: str, upload_id: Any) -> dict[str, Any]:
    return {
        "id": id,
        "filename": name,
        "type": type,
        "url": url,
        "mime_type": mime_type,
        "size": size,
        "transfer_method": method,
        "belongs_to": "user",
        "upload_file_id": upload_id if method != "remote_url" else None,
    }


def _guessed(url: str) -> str:
    return mimetypes.guess_type(_last_part(url))[0] or "application/octet-stream"
