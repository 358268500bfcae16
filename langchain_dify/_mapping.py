"""Items, results and hits as LangChain's chunks, messages and documents: the only place that makes these.

Chunks of one message are added up by concatenating texts and adding numbers, so every identifier stands in exactly one of
them: the ids of the turn in the first, everything else in the last. Knows nothing of callbacks, threads or the network.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, Generation, GenerationChunk

from dify_integrations import TextDelta, TextReplaced
from dify_integrations.bridge.reading import Part, Reading, added_up
from dify_integrations.bridge.record import IdsTold, answer_record, early_ids

from ._translator import PROVIDER, BlockNumbers
from .errors import DifyRefusalError

if TYPE_CHECKING:
    from langchain_core.messages.tool import ToolCallChunk

    from dify_integrations import Item, RunResult, Usage
    from dify_integrations.bridge.hits import Hit
    from dify_integrations.bridge.tool_calls import ParsedCall

OnReplace: TypeAlias = Literal["annotate", "raise", "buffer"]
Form: TypeAlias = Literal["text", "blocks", "events"]


class Reply:
    """One answer on its way from items to chunks, or to one message.

    Args:
        model: Name of the model, for the metadata.
        stamp: What a later turn must know beside the run: `app`, whose conversation it is, and digests of what was told.
        reading: Makes readings of its text.
        result: Tells the run so far; asked once, for the ids in the first chunk.
        on_replace: What a stream does with text that was put in place of what was said.
        usage: Whether chunks tell the tokens.
        audio: Whether the speech of the answer goes along.
        form: `text`, or `blocks` for chunks whose content is blocks that core adds up, or `events` for those it does not:
            there every id stands in the last chunk.
    """

    def __init__(
        self,
        *,
        model: str,
        stamp: Mapping[str, str],
        reading: Callable[[], Reading],
        result: Callable[[], RunResult],
        on_replace: OnReplace = "annotate",
        usage: bool = True,
        audio: bool = False,
        form: Form = "text",
    ) -> None:
        self._model = model
        self._stamp = stamp
        self._new_reading = reading
        self._reading = reading()
        self._result = result
        self._on_replace = on_replace
        self._usage = usage
        self._audio = audio
        self._numbers = None if form == "text" else BlockNumbers()
        self._late = form == "events"
        self._heard: list[Part] = []
        self._calls = 0
        self._started = False
        self._fluent = False  # whether text needs no more than to be wrapped up

    @property
    def cut(self) -> bool:
        """Whether a stop sequence ended the answer."""
        return self._reading.cut

    def hear(self, item: Item) -> None:
        """Take an item in without a word; `message` tells all of them."""
        self._heard += self._reading.take(item)

    def chunks(self, item: Item) -> Sequence[ChatGenerationChunk]:
        """What the item adds to the stream."""
        if self._fluent and isinstance(item, TextDelta):
            self._reading.spoken.append(item.text)
            return (ChatGenerationChunk(message=AIMessageChunk(content=item.text)),)
        if self._on_replace == "buffer":
            self.hear(item)
            return ()
        chunks = [self._chunk(self._spoken(part)) for part in self._reading.take(item) if part]
        self._fluent = self._started and self._reading.plain and self._numbers is None
        return chunks

    def rest(self, result: RunResult) -> list[ChatGenerationChunk]:
        """The end of the stream: what was held back, then usage and everything known of the run.

        Raises:
            DifyRefusalError: The text was replaced, and `on_replace` is `raise`.
        """
        if self._on_replace == "buffer":
            held, message = [], self._whole(result)
        else:
            held = [self._chunk(self._spoken(part)) for part in self._reading.close()]
            message = self._known(AIMessageChunk(content=""), result)
            if self._reading.replaced is not None:
                message.response_metadata["dify"]["replaced_answer"] = result.text
        if self._on_replace == "raise" and result.text_replaced:
            self._started = False
            raise _refusal(self._known(AIMessageChunk(content="".join(self._reading.spoken)), result), result)
        if not self._usage:
            message.usage_metadata = None
        message.chunk_position = "last"
        return [*held, self._shown(message)]

    def message(self, result: RunResult) -> AIMessage:
        """The whole answer as the message that its chunks would add up to; what moderation put in its place, when it did.

        Args:
            result: A run that is over, or was left at a stop sequence; its items were heard.

        Raises:
            DifyRefusalError: The text was replaced, and `on_replace` is `raise`.
        """
        message = self._whole(result)
        if self._on_replace == "raise" and result.text_replaced:
            raise _refusal(message, result)
        return _finished(message)

    def _whole(self, result: RunResult) -> AIMessageChunk:
        heard = [*self._heard, *self._reading.close()]
        again = None
        if self._reading.replaced is not None:
            fresh = self._new_reading()
            again = [*fresh.take(TextDelta(result.text)), *fresh.close()]
        return self._known(self._spoken(added_up(heard, again)), result)

    def _spoken(self, part: Part) -> AIMessageChunk:
        """A part as a chunk, with nothing of the run."""
        extra: dict[str, Any] = {"reasoning_content": part.reasoning} if part.reasoning else {}
        told = {name: value for name in ("thoughts", "turns") if (value := getattr(part, name))}
        if told:
            extra["dify"] = told
        calls = [_call_chunk(call, self._calls + number) for number, call in enumerate(part.calls)]
        self._calls += len(calls)
        return AIMessageChunk(content=part.text, tool_call_chunks=calls, additional_kwargs=extra)

    def _known(self, message: AIMessageChunk, result: RunResult) -> AIMessageChunk:
        ids: IdsTold = "all" if self._late or not self._started else "late"
        message.response_metadata = response_metadata(result, self._model, self._stamp, called=self._calls > 0, ids=ids)
        message.usage_metadata = usage_of(result.usage)
        if self._audio and result.audio and not self.cut and not result.text_replaced:  # speech would say what was withdrawn
            message.additional_kwargs["audio"] = {"data": b64encode(result.audio).decode(), "format": "mp3"}
        return message

    def _chunk(self, message: AIMessageChunk) -> ChatGenerationChunk:
        message.response_metadata = {"model_provider": PROVIDER}
        if not self._started:
            self._started = True
            if not self._late:
                message.response_metadata["dify"] = early_ids(self._result())
        return self._shown(message)

    def _shown(self, message: AIMessageChunk) -> ChatGenerationChunk:
        return ChatGenerationChunk(message=message if self._numbers is None else self._numbers.blocks(message))


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
        if not isinstance(item, (TextDelta, TextReplaced)):
            return []
        return [_text_chunk(chunk) for chunk in self._reply.chunks(item)]

    def rest(self, result: RunResult) -> list[GenerationChunk]:
        """The end, with everything known of the run; raises what `Reply.rest` does."""
        return [_text_chunk(chunk) for chunk in self._reply.rest(result)]


def _refusal(message: AIMessageChunk, result: RunResult) -> DifyRefusalError:
    text = "the answer was replaced by moderation, and on_replace is 'raise'"
    return DifyRefusalError(text, replacement=result.text, raw=_finished(message), result=result)


def _finished(message: AIMessageChunk) -> AIMessage:
    return cast("AIMessage", message_chunk_to_message(message))  # declared to give any message


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


def _call_chunk(call: ParsedCall, index: int) -> ToolCallChunk:
    # As a JSON string the text of a broken call stays one: core would make a call without arguments of half an object.
    arguments = call.raw if call.arguments is None else call.arguments
    return tool_call_chunk(name=call.name, args=json.dumps(arguments, ensure_ascii=False), id=call.id, index=index)


def response_metadata(
    result: RunResult, model: str, stamp: Mapping[str, str], *, called: bool, ids: IdsTold = "all"
) -> dict[str, Any]:
    """What is known of the run beside its text.

    Args:
        result: The run.
        model, stamp: As for `Reply`.
        called: Whether the answer calls tools.
        ids: Which ids to tell.
    """
    reason = "tool_calls" if called else "stop"
    if result.text_replaced and result.status != "paused":
        reason = "content_filter"  # moderation stops the run it takes the answer of
    elif result.status in ("paused", "stopped"):
        reason = result.status
    known = {**answer_record(result, ids), **stamp}
    return {"model_provider": PROVIDER, "model_name": model, "finish_reason": reason, "dify": known}


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
