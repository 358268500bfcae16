"""Answers of Dify as LangChain's standard content blocks, registered with core; makes blocks of messages, never of items.

A message keeps its text, reasoning, agent steps, tool calls, citations and files apart, so that its content stays a `str`.
Whoever asks for `content_blocks` gets them in the order in which they came; the positions are `bridge.reading`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.block_translators import register_translator

from dify_integrations.bridge.steps import is_tool_failure

if TYPE_CHECKING:
    from langchain_core.messages.content import ContentBlock

Block: TypeAlias = dict[str, Any]
Point: TypeAlias = "tuple[int, int, int]"

PROVIDER = "dify"
"""What `response_metadata["model_provider"]` says of our messages."""

_START: Point = (0, 0, 0)
_FILES = {"image": "image", "audio": "audio", "video": "video"}
_ADDRESSES = ("url", "source_url", "source")


def blocks_of(message: AIMessage) -> list[ContentBlock]:
    """The blocks of a whole message."""
    calls: list[Block] = [{"type": "tool_call", **_named(call, "id", "name", "args")} for call in message.tool_calls]
    calls += [_invalid(call) for call in message.invalid_tool_calls]
    return cast("list[ContentBlock]", _blocks(message, calls))


def chunk_blocks_of(message: AIMessageChunk) -> list[ContentBlock]:
    """The blocks of a chunk, or of several added up; calls are chunks of calls until the last one has come."""
    if message.chunk_position == "last":
        return blocks_of(message)
    return cast("list[ContentBlock]", _blocks(message, list(_call_chunks(message))))


register_translator(PROVIDER, blocks_of, chunk_blocks_of)


class BlockNumbers:
    """Makes the content of a stream's chunks blocks, numbered so that those of one kind in a row add up to one.

    There is one row of numbers for all kinds of blocks; core adds up whatever has the same number.
    """

    def __init__(self) -> None:
        self._count = 0
        self._kind = ""
        self._text: int | None = None

    def blocks(self, message: AIMessageChunk) -> AIMessageChunk:
        """The chunk, its content numbered blocks."""
        if message.additional_kwargs.get("dify"):
            self._kind = ""
        content = _blocks(message, list(_call_chunks(message)))
        for block in content:
            block["index"] = self._number(block)
        message.content = cast("list[str | dict[str, Any]]", content)
        message.response_metadata["output_version"] = "v1"
        return message

    def _number(self, block: Block) -> int:
        kind = block["type"]
        if kind == "text" and not block["text"] and self._text is not None:
            return self._text  # citations of what was said
        if kind != self._kind or kind not in ("text", "reasoning"):
            self._kind, self._count = kind, self._count + 1
        if kind == "text":
            self._text = self._count - 1
        return self._count - 1


def _blocks(message: AIMessage, calls: list[Block]) -> list[Block]:
    if not isinstance(message.content, str):
        return _with_missing(message, calls)
    about = _mapping(message.response_metadata.get("dify"))
    blocks = list(_in_order(message, calls))
    citations = [_citation(record) for record in _mappings(about.get("retriever_resources"))]
    if citations:
        cited: Block | None = next((block for block in reversed(blocks) if block["type"] == "text"), None)
        if cited is None:
            cited = {"type": "text", "text": ""}
            blocks.append(cited)
        cited["annotations"] = citations
    audio = _mapping(message.additional_kwargs.get("audio")).get("data")
    if isinstance(audio, str):
        blocks.append({"type": "audio", "base64": audio, "mime_type": "audio/mpeg"})
    return blocks + [_file(record) for record in _mappings(about.get("files")) if record.get("url") or record.get("id")]


def _with_missing(message: AIMessage, calls: list[Block]) -> list[Block]:
    """Content that already is blocks: as core reads them, and the calls that are not among them."""
    blocks = cast("list[Block]", BaseMessage.content_blocks.fget(message))  # type: ignore[attr-defined]  # it is a property
    there = {block.get("id") for block in blocks}
    return blocks + [call for call in calls if call.get("id") not in there]


def _in_order(message: AIMessage, calls: list[Block]) -> Iterator[Block]:
    """Reasoning, text and calls, in this order between any two of the points where something else came."""
    text, told = str(message.content), _mapping(message.additional_kwargs.get("dify"))
    reasoning = message.additional_kwargs.get("reasoning_content")
    reasoning = reasoning if isinstance(reasoning, str) else ""
    end: Point = (len(text), len(reasoning), len(calls))
    turns = [point for turn in _list(told.get("turns")) if (point := _point(turn))]
    # A single chunk begins where it says it turns: such a point lies behind all that it has.
    stops: list[tuple[Point, Block]] = [(point, {}) for point in turns if point[0] <= end[0] and point[2] <= end[2]]
    stops += [(_point(record.get("at")) or (0, end[1], 0), record) for record in _mappings(told.get("thoughts"))]
    here = _START
    for there, record in [*sorted(stops, key=itemgetter(0)), (end, {})]:
        if reasoning[here[1] : there[1]]:
            yield {"type": "reasoning", "reasoning": reasoning[here[1] : there[1]]}
        if text[here[0] : there[0]]:
            yield {"type": "text", "text": text[here[0] : there[0]]}
        yield from calls[here[2] : there[2]]
        here = (max(here[0], there[0]), max(here[1], there[1]), max(here[2], there[2]))
        yield from _step(record, text)


def _step(record: Block, text: str) -> Iterator[Block]:
    """What the agent did on the server; these are no calls for anybody to make."""
    if not record:
        return
    thought = str(record.get("thought") or "")
    # A live answer was asked before whether it says the thought aloud; one of the history is asked here.
    if thought.strip() and ("at" in record or thought.strip() not in text):
        yield {"type": "reasoning", "reasoning": thought}
    step, arguments = str(record.get("id") or ""), record.get("arguments")
    yield {"type": "server_tool_call", "id": step, "name": str(record.get("tool") or ""), "args": _arguments(arguments)}
    answer = record.get("observation")
    if answer is not None:
        status = "error" if is_tool_failure(str(answer)) else "success"
        yield {"type": "server_tool_result", "tool_call_id": step, "status": status, "output": answer}


def _arguments(told: Any) -> Block:
    """JSON text as the object it is; anything else under `input`, as it is."""
    try:
        value = json.loads(told) if isinstance(told, str) and told else told
    except (ValueError, RecursionError):
        value = told
    if isinstance(value, dict):
        return value
    return {} if value in (None, "") else {"input": value}


def _call_chunks(message: AIMessageChunk) -> Iterator[Block]:
    broken = {call["id"]: call for call in message.invalid_tool_calls}
    for number, call in enumerate(message.tool_call_chunks):
        if call["id"] in broken:
            yield _invalid(broken[call["id"]])
        else:
            yield {"type": "tool_call_chunk", **_named(call, "id", "name", "args"), "index": call.get("index", number)}


def _invalid(call: Any) -> Block:
    return {"type": "invalid_tool_call", **_named(call, "id", "name", "args", "error")}


def _citation(record: Block) -> Block:
    citation: Block = {"type": "citation", "title": str(record.get("document_name") or record.get("title") or "")}
    citation["cited_text"] = str(record.get("content") or "")
    places = (record, _mapping(record.get("doc_metadata")))
    addresses = (place.get(name) for place in places for name in _ADDRESSES)
    url = next((value for value in addresses if isinstance(value, str) and value.startswith(("http://", "https://"))), None)
    if url is not None:
        citation["url"] = url
    return {**citation, "extras": record}


def _file(record: Block) -> Block:
    block: Block = {"type": _FILES.get(str(record.get("type")), "file")}
    if record.get("id"):
        block["id"] = str(record["id"])
    block |= {"url": str(record["url"])} if record.get("url") else {"file_id": str(record["id"])}
    if record.get("mime_type"):
        block["mime_type"] = str(record["mime_type"])
    extras = {name: value for name in ("filename", "size") if (value := record.get(name)) is not None}
    return {**block, "extras": extras} if extras else block


def _named(call: Any, *names: str) -> Block:
    return {name: call[name] for name in names}


def _point(told: Any) -> Point | None:
    """A position, if it is one: messages may have been anywhere."""
    numbers = [number for number in _list(told) if isinstance(number, int) and number >= 0]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == len(_list(told)) == len(_START) else None


def _mapping(value: Any) -> Block:
    return value if isinstance(value, dict) else {}


def _mappings(values: Any) -> list[Block]:
    return [value for value in _list(values) if isinstance(value, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
