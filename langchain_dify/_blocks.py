"""Content blocks of LangChain and of the providers whose shapes are in use, as texts and files.

Known are LangChain's own blocks of both generations, OpenAI's, Anthropic's and Google's. Addresses are left to the Dify
server to fetch; nothing is ever read from this machine's disk because a message names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.bridge.inline import inline_file, kind_of
from dify_integrations.bridge.tool_calls import render_result

_TEXTS = ("text", "input_text", "output_text", "text-plain")
_KINDS = {
    **dict.fromkeys(("image", "image_url", "input_image"), "image"),
    **dict.fromkeys(("audio", "audio_url", "input_audio"), "audio"),
    **dict.fromkeys(("video", "video_url"), "video"),
    **dict.fromkeys(("file", "input_file", "document", "media", "text-plain"), ""),
}
_UNSPOKEN = {
    *("reasoning", "thinking", "redacted_thinking", "tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use"),
    *("server_tool_call", "server_tool_call_chunk", "server_tool_result", "citation", "non_standard", "non_standard_annotation"),
}
_ADDRESSES = ("url", "image_url", "file_url", "audio_url", "video_url", "file_uri")
_CONTENTS = ("base64", "data", "file_data", "bytes")
_NAMES = ("filename", "file_name", "name", "title")
_NESTED = ("source", "file", "input_audio", *_ADDRESSES)


class Content:
    """What a message says and carries.

    Args:
        content: A message's content.
        names: Tool names by call id.
        spoken_only: Leave files out: answers bring none along.

    Attributes:
        texts, files: In their order.

    Raises:
        InvalidArgument: A block that Dify cannot take.
    """

    def __init__(self, content: str | list[Any], names: Mapping[str | None, str], *, spoken_only: bool = False) -> None:
        self.texts: list[str] = []
        self.files: list[FileInput] = []
        self._names = names
        self._spoken_only = spoken_only
        for block in [content] if isinstance(content, str) else content:
            self._add(block)

    @property
    def text(self) -> str:
        """All texts, a line each."""
        return "\n".join(self.texts)

    def _add(self, block: Any) -> None:
        if isinstance(block, str):
            self.texts.append(block)
            return
        kind = str(block.get("type"))
        told = _told(block)
        words = _words(kind, block, told)
        if words is not None:
            self.texts.append(words)
        elif kind == "tool_result":
            self._answered(block)
        elif kind in _KINDS and told.get("type") == "content":  # a document of Anthropic's, made of blocks
            self._nested(told.get("content"))
        elif kind in _KINDS:
            if not self._spoken_only:
                self.files.append(_file(kind, told))
        elif kind not in _UNSPOKEN:
            raise InvalidArgument(f"content of type {kind!r} cannot be sent to a Dify app")

    def _nested(self, content: Any) -> None:
        inner = Content(content or "", self._names, spoken_only=self._spoken_only)
        self.texts.append(inner.text)
        self.files += inner.files

    def _answered(self, block: Mapping[str, Any]) -> None:
        """A tool's result inside a message, as Anthropic writes it."""
        inner = Content(block.get("content") or "", self._names, spoken_only=self._spoken_only)
        call = str(block.get("tool_use_id") or "")
        self.texts.append(render_result(call, self._names.get(call, ""), inner.text, is_error=bool(block.get("is_error"))))
        self.files += inner.files


def _told(block: Mapping[str, Any]) -> dict[str, Any]:
    """What the block says of its file, at whatever depth providers put it; the innermost counts."""
    told = {name: value for name, value in block.items() if name != "type"}
    for name in ("metadata", "extras", *_NESTED):
        if isinstance(block.get(name), Mapping):
            told.pop(name)
            told |= block[name]
    return told


def _words(kind: str, block: Mapping[str, Any], told: Mapping[str, Any]) -> str | None:
    """The text of a block that is text, under whatever name; `None` when it is not."""
    if kind in _TEXTS and "text" in block:
        return str(block["text"] or "")
    if kind in _KINDS and block.get("source_type") == "text":
        return str(block.get("text") or block.get("data") or block.get("url") or "")
    if kind in _KINDS and told.get("type") == "text":  # a document of Anthropic's
        return str(told.get("data") or "")
    return None


def _file(block_type: str, told: Mapping[str, Any]) -> FileInput:
    given = next((value for value in told.values() if isinstance(value, FileInput)), None)
    if given is not None:
        return given
    mime_type = _first(told, ("mime_type", "media_type", "mimeType"))
    kind, name = _KINDS[block_type], _first(told, _NAMES)
    address, content = _first(told, _ADDRESSES), next((told[key] for key in _CONTENTS if told.get(key)), None)
    if isinstance(content, (str, bytes)):
        return inline_file(content, mime_type or _format(kind, told), filename=name, kind=kind)
    if address.startswith(("http://", "https://")):
        return FileInput.from_url(address, type=kind or (kind_of(mime_type) if mime_type else None))
    if address[:5].lower() == "data:":
        return inline_file(address, mime_type, filename=name, kind=kind)
    uploaded = _first(told, ("file_id", "id")) if told.get("file_id") or told.get("source_type") == "id" else ""
    if uploaded:
        return FileInput.uploaded(uploaded, type=kind or kind_of(mime_type, name))
    raise InvalidArgument(
        f"{block_type} content inside a message must be an http(s) url, base64 data with its mime_type, or the id of a file "
        "uploaded to Dify; for a file of this machine pass files=[FileInput.from_path(…)] to the call"
    )


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((value for name in names if isinstance(value := told.get(name), str) and value), "")


def _format(kind: str, told: Mapping[str, Any]) -> str:
    """OpenAI's audio says `wav` or `mp3` where others say a MIME type."""
    told_format = told.get("format")
    return f"{kind}/{told_format}" if kind and isinstance(told_format, str) else ""
