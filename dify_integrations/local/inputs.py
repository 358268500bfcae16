"""Validation of form inputs and files, in the order and with the words of Dify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .apps import App
from .replies import ApiError, invalid
from .state import State

FILE_TYPES = ("image", "document", "audio", "video", "custom")
_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


def validated(state: State, app: App, given: Mapping[str, Any], user: str) -> dict[str, Any]:
    """The declared variables with their values; unknown names are dropped without a word.

    Raises:
        ApiError: 400 `invalid_param` for the first value that does not fit.
    """
    values: dict[str, Any] = {}
    for kind, item in app.variables:
        if kind == "external_data_tool":
            continue
        name = str(item["variable"])
        values[name] = value = _value(kind, name, item, given.get(name), use_default=app.is_flow)
        if kind in {"file", "file-list"} and value:
            for file in value if isinstance(value, list) else [value]:
                _check_upload(state, file, user)
    return values


def _value(kind: str, name: str, item: Mapping[str, Any], value: Any, *, use_default: bool) -> Any:
    if value is None:
        if item.get("required"):
            raise invalid(f"{name} is required in input form")
        # Easy-UI apps do not apply defaults on the server: their clients must.
        value = item.get("default") if use_default else None
        if value is None or (value == "" and kind != "select"):
            return None
    if kind in {"file", "file-list"} and value == "" and not item.get("required"):
        return None
    if kind in {"text-input", "paragraph", "select"}:
        return _text(kind, name, item, value)
    if kind == "number":
        return _number(name, value)
    if kind == "checkbox":
        return _flag(value)
    return _structure(kind, name, item, value)


def _text(kind: str, name: str, item: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(f"(type '{kind}') {name} in input form must be a string")
    if kind == "select" and value not in (item.get("options") or []):
        raise invalid(f"{name} in input form must be one of the following: {list(item.get('options') or [])}")
    longest = item.get("max_length")
    if kind != "select" and longest and len(value) > longest:
        raise invalid(f"{name} in input form must be less than {longest} characters")
    return value.replace("\x00", "")


def _number(name: str, value: Any) -> float | int | None:
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, str):
        raise TypeError("a number input of a wrong type")
    if not value.strip():
        return None
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        raise invalid(f"{name} in input form must be a valid number") from None


def _flag(value: Any) -> Any:
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    return False if text in _FALSE else value


def _structure(kind: str, name: str, item: Mapping[str, Any], value: Any) -> Any:
    if kind == "file" and not isinstance(value, dict):
        raise invalid(f"{name} in input form must be a file")
    if kind == "file-list":
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise invalid(f"{name} in input form must be a list of files")
        most = item.get("max_length")
        if most and len(value) > most:
            raise invalid(f"{name} in input form must be less than {most} files")
    if kind == "json_object" and value and not isinstance(value, dict):
        raise invalid(f"{name} in input form must be a dict")
    return value


def checked_files(state: State, app: App, files: Any, user: str) -> list[dict[str, Any]]:
    """The usable files of a call: incomplete entries are skipped, wrong ones refused, all ignored when the app takes none.

    Raises:
        ApiError: 400 `invalid_param` for an unknown type, a foreign upload or too many images.
    """
    if state.version.is_old:
        _check_as_before(files)
    if not app.files or not isinstance(files, list):
        return []
    kept = [file for file in files if isinstance(file, dict) and _complete(file)]
    for file in kept:
        if file.get("type") not in FILE_TYPES:
            raise invalid(f"'{file.get('type')}' is not a valid FileType")
        _check_upload(state, file, user)
    if sum(file["type"] == "image" for file in kept) > 3:
        raise invalid("Number of image files exceeds the maximum limit 3")
    return kept


def _check_as_before(files: Any) -> None:
    """0.15 refuses what was skipped later."""
    if files and not isinstance(files, list):
        raise ApiError(500, "internal_server_error", "The server encountered an internal error.")
    for file in files or []:
        method = file.get("transfer_method")
        if method not in {"local_file", "remote_url"}:
            raise invalid(f"No matching enum found for value '{method}'")
        if not _complete(file):
            raise invalid("Invalid file url")


def _check_upload(state: State, file: Mapping[str, Any], user: str) -> None:
    if file.get("transfer_method") == "local_file":
        upload = state.uploads.get(str(file.get("upload_file_id")))
        foreign = upload is not None and upload.user != user and state.version.checks_upload_owner
        if upload is None or foreign:
            raise invalid("Invalid upload file")


def _complete(file: Mapping[str, Any]) -> bool:
    method = file.get("transfer_method")
    return method == "local_file" or (method == "remote_url" and bool(file.get("url") or file.get("remote_url")))
