"""Items, results and hits as LangChain's chunks, messages and documents: the only place that makes these.

Chunks of one message are added up by concatenating texts and adding numbers, so every identifier stands in exactly one of
them: the ids of the turn in the first, everything else in the last. Knows nothing of callbacks, threads or the network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, Generation, GenerationChunk

from dify_integrations import ReasoningDelta, TextDelta, TextReplaced
from dify_integrations.bridge.record import file_record, pause_record
from dify_integrations.bridge.stops import StopSequences

if TYPE_CHECKING:
    from langchain_core.messages.tool import ToolCallChunk

    from dify_integrations import Item, RunResult, Usage
    from dify_integrations.bridge.hits import Hit
    from dify_integrations.bridge.tool_calls import ParsedCall, ToolCallParser

_EARLY = ("conversation_id", "message_id", "task_id")
_LATE = ("workflow_run_id", "workflow_id", "created_at", "elapsed_s", "total_tokens", "total_steps", "outputs")


class Reading:
    """The text of an answer as it is read: cut at stop sequences, tool calls taken out. However it is split, the same.

    Args:
        stops: Sequences to stop at.
        parser: Finds tool calls.
    """

    def __init__(self, stops: Sequence[str] = (), parser: ToolCallParser | None = None) -> None:
        self._stops = StopSequences(stops) if stops else None
        self._parser = parser
        self.plain = self._stops is None and parser is None

    @property
    def cut(self) -> bool:
        """Whether a stop sequence ended the answer."""
        return self._stops is not None and self._stops.hit

    def feed(self, text: str) -> list[str | ParsedCall]:
        """What is sure after this piece."""
        if self._stops is not None:
            text = self._stops.feed(text)
        if self._parser is not None:
            return self._parser.feed(text)
        return [text]

    def passes(self, item: Item) -> bool:
        """Whether this item takes the answer past a stop sequence."""
        if self._stops is not None and isinstance(item, TextDelta):
            self._stops.feed(item.text)
        return self.cut

    def close(self) -> list[str | ParsedCall]:
        """What was held back."""
        held = self._stops.close() if self._stops is not None else ""
        if self._parser is not None:
            return [*self._parser.feed(held), *self._parser.close()]
        return [held]


class Reply:
    """One answer on its way from items to chunks.

    Args:
        model: Name of the model, for the metadata.
        stamp: What a later turn must know beside the run: `app`, whose conversation it is, and digests of what was told.
        reading: How its text is read.
        result: Tells the run so far; asked once, for the ids in the first chunk.
    """

    def __init__(self, *, model: str, stamp: Mapping[str, str], reading: Reading, result: Callable[[], RunResult]) -> None:
        self._model = model
        self._stamp = stamp
        self._reading = reading
        self._result = result
        self._said: list[str] = []
        self._calls = 0
        self._started = False
        self._withdrawn = False

    @property
    def cut(self) -> bool:
        """Whether a stop sequence ended the answer."""
        return self._reading.cut

    def chunks(self, item: Item) -> Sequence[ChatGenerationChunk]:
        """What the item adds to the stream."""
        if isinstance(item, TextDelta):
            if self._withdrawn:
                return ()
            self._said.append(item.text)
            if self._started and self._reading.plain:
                return (ChatGenerationChunk(message=AIMessageChunk(content=item.text)),)
            return self._spoken(self._reading.feed(item.text))
        if isinstance(item, ReasoningDelta):
            return self._chunk(AIMessageChunk(content="", additional_kwargs={"reasoning_content": item.text}))
        if isinstance(item, TextReplaced):
            return self._replaced(item.text)
        return ()

    def last(self, result: RunResult) -> ChatGenerationChunk:
        """The end of the stream: what was held back, usage, and everything known of the run."""
        text, calls = self._sorted([] if self._withdrawn else self._reading.close())
        metadata = response_metadata(result, self._model, self._stamp, called=self._calls > 0, early=not self._started)
        if self._withdrawn:
            metadata["dify"]["replaced_answer"] = result.text
        chunk = AIMessageChunk(
            content=text,
            tool_call_chunks=calls,
            additional_kwargs=_thoughts(result),
            response_metadata=metadata,
            usage_metadata=usage_of(result.usage),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=chunk)

    def _replaced(self, text: str) -> Sequence[ChatGenerationChunk]:
        """The rest of a replacement that begins with what was said; otherwise nothing, for nothing can be unsaid."""
        said = "".join(self._said)
        if self._withdrawn or not text.startswith(said):
            self._withdrawn = True
            return ()
        self._said = [text]
        return self._spoken(self._reading.feed(text[len(said) :]))

    def _spoken(self, pieces: list[str | ParsedCall]) -> Sequence[ChatGenerationChunk]:
        text, calls = self._sorted(pieces)
        return self._chunk(AIMessageChunk(content=text, tool_call_chunks=calls)) if text or calls else ()

    def _sorted(self, pieces: list[str | ParsedCall]) -> tuple[str, list[ToolCallChunk]]:
        text, calls = sorted_pieces(pieces, self._calls)
        self._calls += len(calls)
        return text, calls

    def _chunk(self, message: AIMessageChunk) -> Sequence[ChatGenerationChunk]:
        if not self._started:
            self._started = True
            message.response_metadata = {"dify": _named(self._result(), _EARLY)}
        return (ChatGenerationChunk(message=message),)


class Continuation:
    """The same for text models, which know neither tools nor reasoning.

    Args:
        reply: Made for this text.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    @property
    def cut(self) -> bool:
        """Whether a stop sequence ended the text."""
        return self._reply.cut

    def chunks(self, item: Item) -> list[GenerationChunk]:
        """What the item adds to the text."""
        return [_text_chunk(chunk) for chunk in self._reply.chunks(item) if chunk.text]

    def last(self, result: RunResult) -> GenerationChunk:
        """The end, with everything known of the run."""
        return _text_chunk(self._reply.last(result))


def _text_chunk(chunk: ChatGenerationChunk) -> GenerationChunk:
    return GenerationChunk(text=chunk.text, generation_info=chunk.message.response_metadata or None)


def generation_of(chunks: Sequence[GenerationChunk]) -> Generation:
    """All chunks as one generation; what moderation put in their place, when it did."""
    told: list[dict[str, Any]] = [chunk.generation_info for chunk in chunks if chunk.generation_info]
    known: dict[str, Any] = {}
    for info in told:
        known |= info.get("dify", {})
    text = known.pop("replaced_answer", "".join(chunk.text for chunk in chunks))
    return Generation(text=text, generation_info={**told[-1], "dify": known} if told else None)


def message_of(result: RunResult, *, model: str, stamp: Mapping[str, str], reading: Reading) -> AIMessage:
    """The whole answer as the message that its chunks would add up to; what moderation put in its place, when it did.

    Args:
        result: A run that is over, or was left at a stop sequence.
        model, stamp, reading: As for `Reply`; the reading a fresh one.
    """
    text, calls = sorted_pieces([*reading.feed(result.text), *reading.close()], 0)
    extra = _thoughts(result)
    if result.reasoning:
        extra["reasoning_content"] = result.reasoning
    chunk = AIMessageChunk(
        content=text,
        tool_call_chunks=calls,
        additional_kwargs=extra,
        response_metadata=response_metadata(result, model, stamp, called=bool(calls), early=True),
        usage_metadata=usage_of(result.usage),
    )
    return cast("AIMessage", message_chunk_to_message(chunk))  # declared to give any message


def sorted_pieces(pieces: list[str | ParsedCall], first: int) -> tuple[str, list[ToolCallChunk]]:
    """Pieces of an answer as text and tool call chunks, numbered from `first`."""
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    calls = [piece for piece in pieces if not isinstance(piece, str)]
    return text, [_call_chunk(call, first + number) for number, call in enumerate(calls)]


def _call_chunk(call: ParsedCall, index: int) -> ToolCallChunk:
    # As a JSON string the text of a broken call stays one: core would make a call without arguments of half an object.
    arguments = call.raw if call.arguments is None else call.arguments
    return tool_call_chunk(name=call.name, args=json.dumps(arguments, ensure_ascii=False), id=call.id, index=index)


def response_metadata(result: RunResult, model: str, stamp: Mapping[str, str], *, called: bool, early: bool) -> dict[str, Any]:
    """What is known of the run beside its text.

    Args:
        result: The run.
        model, stamp: As for `Reply`.
        called: Whether the answer calls tools.
        early: Whether to say what otherwise stands in the first chunk.
    """
    known = _named(result, (*(_EARLY if early else ()), *_LATE))
    known |= {**stamp, "status": result.status}
    if result.usage is not None:
        known["usage"] = result.usage.raw
    if result.citations:
        known["retriever_resources"] = [citation.raw for citation in result.citations]
    if result.files:
        known["files"] = [file_record(file) for file in result.files]
    pause = pause_record(result)
    if pause is not None:
        known["pause"] = pause
    reason = "tool_calls" if called else "stop"
    if result.status in ("paused", "stopped"):
        reason = result.status
    elif result.text_replaced:
        reason = "content_filter"
    return {"model_provider": "dify", "model_name": model, "finish_reason": reason, "dify": known}


def _named(result: RunResult, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(result, name))}


def _thoughts(result: RunResult) -> dict[str, Any]:
    """What the agent did on the server, so that nobody mistakes it for calls to be made here."""
    if not result.tool_calls:
        return {}
    answers = {answer.id: answer.content for answer in result.tool_results}
    thoughts = [
        {
            "id": call.id,
            "thought": call.thought,
            "tool": call.name,
            "arguments": call.arguments,
            "observation": answers.get(call.id),
        }
        for call in result.tool_calls
    ]
    return {"dify": {"thoughts": thoughts}}


def usage_of(usage: Usage | None) -> UsageMetadata | None:
    """Token counts; prices stay in `response_metadata["dify"]["usage"]`, because core adds these numbers up."""
    if usage is None:
        return None
    return UsageMetadata(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, total_tokens=usage.total_tokens)


def document_of(hit: Hit) -> Document:
    """A hit as a document; its id is the segment's or the child chunk's, the same in every query."""
    metadata: dict[str, Any] = {
        "source": hit.document_name,
        "score": hit.score,
        "dataset_id": hit.dataset_id,
        "document_id": hit.document_id,
        "document_name": hit.document_name,
        "position": hit.position,
        "doc_metadata": dict(hit.document_metadata),
    }
    more: dict[str, Any] = {
        "keywords": list(hit.keywords),
        "child_chunks": list(hit.children),
        "files": list(hit.files),
        "summary": hit.summary,
        "qa": hit.qa,
    }
    if hit.parent is not None:
        more |= {"parent_id": hit.parent.id, "parent_content": hit.parent.text, "parent_score": hit.parent.score}
    return Document(id=hit.id, page_content=hit.text, metadata=metadata | {name: value for name, value in more.items() if value})


def documents_of(outputs: Any) -> list[Document]:
    """What a retrieval step found, as far as the server tells it."""
    found = outputs.get("result") if isinstance(outputs, dict) else outputs
    records = [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []
    return [
        Document(
            page_content=str(record.get("content") or ""),
            metadata={name: value for name, value in record.items() if name != "content"},
        )
        for record in records
    ]
