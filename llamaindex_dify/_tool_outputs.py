"""What a call of a tool gives: text for the model, the whole run beside it, and failures as outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import AudioBlock, DocumentBlock, ImageBlock, TextBlock, VideoBlock
from llama_index.core.tools import ToolOutput

from dify_integrations.bridge.record import run_record
from dify_integrations.bridge.steps import is_tool_failure

from ._blocks import arguments_of

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ContentBlock

    from dify_integrations.errors import DifyError

Told = dict[str, Any]
"""What a run gives, as JSON values: `content` for the model and the whole `record`."""


def output_of(name: str, arguments: dict[str, Any], told: Told, *, files: bool) -> ToolOutput:
    """The output of a run.

    Args:
        name: The tool's.
        arguments: The call's.
        told: What the run gave.
        files: Whether produced files are blocks of it.
    """
    blocks = [_block(file) for file in told["record"].get("files", [])] if files else []
    return ToolOutput(
        tool_name=name,
        blocks=[TextBlock(text=told["content"]), *blocks],
        raw_input={"kwargs": arguments},
        raw_output=told["record"],
    )


def failure_of(name: str, arguments: dict[str, Any], error: DifyError) -> ToolOutput:
    """The output of a call that failed; arguments as for `output_of`."""
    partial = error.partial
    return ToolOutput(
        tool_name=name,
        content=f"Error: {error}",
        raw_input={"kwargs": arguments},
        raw_output=run_record(partial) if partial is not None else {"status": "failed", "error": str(error)},
        is_error=True,
        exception=error,
    )


def with_callback(output: ToolOutput, replaced: Any) -> ToolOutput:
    """The output after a callback, which by core's rule gives another output, another content, or nothing."""
    if isinstance(replaced, ToolOutput):
        return replaced
    if replaced is not None:
        output.content = str(replaced)
    return output


def plain(output: ToolOutput) -> str:
    """The content; a failure is raised."""
    if output.exception is not None:
        raise output.exception
    return output.content


def _block(file: Mapping[str, Any]) -> ContentBlock:
    url, mime = file["url"], file.get("mime_type")
    if file["type"] == "image":
        return ImageBlock(url=url, image_mimetype=mime)
    if file["type"] == "audio":
        return AudioBlock(url=url)
    if file["type"] == "video":
        return VideoBlock(url=url, video_mimetype=mime)
    return DocumentBlock(url=url, title=file.get("filename") or "document", document_mimetype=mime)


def used_by_the_app(about: Mapping[str, Any]) -> list[ToolOutput]:
    """The tools that the app's own agent used on the server, in what is kept of a run next to its answer."""
    return [
        ToolOutput(
            tool_name=step["tool"],
            content=step["observation"],
            raw_input=arguments_of(step["input"]),
            raw_output=step["observation"],
            is_error=is_tool_failure(step["observation"]),
        )
        for step in about.get("agent_steps", ())
    ]
