"""LlamaIndex' content blocks as texts, files and tool calls: what becomes of each kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import IOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.utils import resolve_binary

from dify_integrations.bridge.inline import inline_file
from dify_integrations.errors import InvalidArgument
from dify_integrations.files import FileInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.llms.types import BaseContentBlock

Media = ImageBlock | AudioBlock | VideoBlock | DocumentBlock
Call = tuple[str, str, dict[str, Any]]
"""Id, name and arguments of a tool call."""

_MEDIA: dict[type[Any], tuple[str, str, str]] = {  # Dify's type, the field with the content, the one with its MIME type
    ImageBlock: ("image", "image", "image_mimetype"),
    AudioBlock: ("audio", "audio", "format"),
    VideoBlock: ("video", "video", "video_mimetype"),
    DocumentBlock: ("document", "data", "document_mimetype"),
}


class Content:
    """What a message says and carries.

    Args:
        blocks: A message's.
        spoken_only: Leave files out: answers bring none along.

    Attributes:
        texts, files, calls: In their order.

    Raises:
        InvalidArgument: A block that Dify cannot take.
    """

    def __init__(self, blocks: Sequence[BaseContentBlock], *, spoken_only: bool = False) -> None:
        self.texts: list[str] = []
        self.files: list[FileInput] = []
        self.calls: list[Call] = []
        self._spoken_only = spoken_only
        for block in blocks:
            self._add(block)

    @property
    def text(self) -> str:
        """All texts, a line each."""
        return "\n".join(part for part in self.texts if part)

    def _add(self, block: BaseContentBlock) -> None:
        if isinstance(block, TextBlock):
            self.texts.append(block.text)
        elif isinstance(block, Media):
            if not self._spoken_only:
                self.files.append(file_of(block))
        elif isinstance(block, ToolCallBlock):
            self.calls.append((block.tool_call_id or "", block.tool_name, arguments_of(block.tool_kwargs)))
        elif isinstance(block, (CitableBlock, CitationBlock)):
            self._cited(block)
        elif not isinstance(block, (ThinkingBlock, CachePoint)):
            raise InvalidArgument(f"Unsupported content block type: {type(block).__name__}")

    def _cited(self, block: CitableBlock | CitationBlock) -> None:
        self.texts.append(f"{block.title} ({block.source}):")
        for part in block.content if isinstance(block, CitableBlock) else [block.cited_content]:
            self._add(part)


def file_of(block: Media) -> FileInput:
    """A block's file; one with content of its own, or a path, is uploaded on the way.

    Raises:
        InvalidArgument: No content at all, or content whose kind nobody tells.
    """
    kind, content, mime = _MEDIA[type(block)]
    held, url = getattr(block, content), str(block.url or "")
    if held is None and block.path is None and url.startswith(("http://", "https://")):
        # Never block.resolve_*: it would download here what the Dify server fetches itself.
        return FileInput.from_url(url, type=kind)
    if held is None and block.path is not None:
        return FileInput.from_path(Path(block.path), type=None if kind == "document" else kind)
    if held is None and url[:5].lower() != "data:":
        found = (
            f"an address of {url.partition(':')[0]}:, not of http(s): or data:"
            if url
            else "neither content nor a path nor an address"
        )
        raise InvalidArgument(f"{type(block).__name__} has {found}")
    mime_type = str(getattr(block, mime) or "")
    if isinstance(block, AudioBlock) and mime_type and "/" not in mime_type:
        mime_type = f"audio/{mime_type}"
    title = block.title or "" if isinstance(block, DocumentBlock) else ""
    return inline_file(_content(held) if held is not None else url, mime_type, filename=title, kind="" if title else kind)


def _content(held: bytes | IOBase) -> bytes:
    if isinstance(held, IOBase):
        if held.seekable():
            held.seek(0)
        read = cast("bytes | str", held.read())
        return read.encode() if isinstance(read, str) else read
    return resolve_binary(raw_bytes=held).read()  # core keeps bytes as base64


def foreign_calls(calls: Any) -> list[Call]:
    """Tool calls as OpenAI's integration keeps them, when a history began with another LLM."""
    found: list[Call] = []
    for call in calls if isinstance(calls, (list, tuple)) else ():
        plain = call if isinstance(call, Mapping) else getattr(call, "__dict__", {})
        function = plain.get("function") or {}
        function = function if isinstance(function, Mapping) else getattr(function, "__dict__", {})
        if function.get("name"):
            found.append((str(plain.get("id") or ""), str(function["name"]), arguments_of(function.get("arguments"))))
    return found


def arguments_of(value: Any) -> dict[str, Any]:
    """A tool call's arguments, which may come as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            return {"input": value}
    return dict(value) if isinstance(value, Mapping) else {}
