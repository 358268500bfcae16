"""The items of one run, collected into the chat responses they make: the only place where answers turn into LlamaIndex'."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CitationBlock,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from dify_integrations.bridge.reading import Reading
from dify_integrations.bridge.record import file_record, pause_record
from dify_integrations.runs.items import TextDelta

from ._leaving import left_with
from .errors import DifyModerationError

if TYPE_CHECKING:
    from dify_integrations.bridge.reading import Part
    from dify_integrations.bridge.tool_calls import ParsedCall, ToolCallParser
    from dify_integrations.runs.items import Citation, Item
    from dify_integrations.runs.result import RunResult

OnReplace = Literal["annotate", "raise", "buffer"]
Citations = Literal["kwargs", "blocks"]

_IDS = ("conversation_id", "message_id", "task_id", "workflow_run_id")


class Answer:
    """Collects the items of one run and gives the responses they make.

    Args:
        stamp: What a later turn must know beside the run: `app`, whose conversation it is, and a digest of the system text.
        parser: Makes parsers for tool calls in the text; `None` when no tools were offered.
        on_replace: What becomes of text that was put in place of what was said.
        citations: Whether passages the answer rests on are blocks of the message too.
        told: Makes the digest of all that has been told with this answer, by which a later turn knows whether it still is.
    """

    def __init__(
        self,
        stamp: Mapping[str, str],
        parser: Callable[[], ToolCallParser] | None = None,
        *,
        on_replace: OnReplace = "annotate",
        citations: Citations = "kwargs",
        told: Callable[[ChatMessage], str] | None = None,
    ) -> None:
        self._stamp = stamp
        self._told = told
        self._parser = parser
        self._on_replace = on_replace
        self._citations = citations
        self._reading = self._fresh()
        self._fluent = self._reading.plain and on_replace != "buffer"  # text needs no more than to be wrapped up
        self._text = ""
        self._thinking = ""
        self._calls: list[ToolCallBlock] = []
        self._delta = ""
        self._extra: dict[str, Any] = {}
        self._replaced: str | None = None

    def take(self, item: Item) -> bool:
        """Take an item in; whether it changed what the response says, and that may be told now."""
        if self._fluent and type(item) is TextDelta:  # isinstance would cost per token
            delta = item.text
            self._reading.spoken.append(delta)
            self._delta = delta
            self._text += delta
            return True
        changed = self._add(self._reading.take(item))
        if self._reading.replaced != self._replaced:
            self._fluent = False
            self._replace(self._reading.replaced or "")
            changed = self._on_replace == "annotate"
        return changed and self._on_replace != "buffer"

    def chunk(self) -> ChatResponse:
        """The response so far, with what is new since the last one."""
        delta, extra = self._delta, self._extra
        self._delta, self._extra = "", {}
        # Once per token: what is known to be valid is put in afterwards, where pydantic does not check it again.
        message = ChatMessage(role=MessageRole.ASSISTANT)
        message.blocks.extend(self._blocks())
        if self._calls:
            message.additional_kwargs.update(self._tool_calls())
        return ChatResponse(message=message, delta=delta, additional_kwargs=extra)

    def final(self, result: RunResult, *, streaming: bool = False) -> ChatResponse:
        """The whole response.

        Args:
            result: The run, over.
            streaming: Whether chunks came before; the delta is then what had been held back.

        Raises:
            DifyModerationError: The answer was replaced, and `on_replace` is `raise`.
        """
        if self._replaced is None:
            self._add(self._reading.close())
        else:
            self._stand(result)
        if self._on_replace == "buffer":
            self._delta = self._text
            self._extra |= {"thinking_delta": self._thinking} if self._thinking else {}
        response = self._whole(result)
        if streaming:
            response.delta = self._delta
            thinking = {name: value for name, value in self._extra.items() if name == "thinking_delta"}
            response.additional_kwargs.update(thinking)
        if self._on_replace == "raise" and result.text_replaced:
            raise DifyModerationError(replacement=result.text, response=response, result=result)
        return response

    def _whole(self, result: RunResult) -> ChatResponse:
        cited = [_citation_block(citation) for citation in result.citations] if self._citations == "blocks" else []
        message = ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=[*self._blocks(), *cited],
            additional_kwargs={**self._tool_calls(), "dify": {**about(result), **self._stamp}},
        )
        if self._told is not None:
            message.additional_kwargs["dify"]["told_digest"] = self._told(message)
        extra = {**_counts(result), **({"message_replaced": True} if result.text_replaced else {})}
        return ChatResponse(message=message, raw=_raw(result), additional_kwargs=extra)

    # -- parts

    def _fresh(self) -> Reading:
        return Reading(parser=self._parser() if self._parser is not None else None)

    def _add(self, parts: Iterable[Part]) -> bool:
        changed = False
        for part in parts:
            self._say(part.text)
            self._think(part.reasoning)
            for call in part.calls:
                self._call(call)
            changed = changed or bool(part.text or part.reasoning or part.calls)
        return changed

    def _say(self, text: str) -> None:
        self._delta += text
        self._text += text

    def _think(self, text: str) -> None:
        if text:
            self._thinking += text
            self._extra["thinking_delta"] = self._extra.get("thinking_delta", "") + text

    def _call(self, call: ParsedCall) -> None:
        if call.arguments is None:  # no call one could run: its text is the answer
            self._say(call.raw)
        else:
            self._calls.append(ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.arguments))

    def _replace(self, text: str) -> None:
        """Nothing that was withdrawn remains, calls included: they must not run."""
        self._replaced = text
        self._text, self._calls = "", []
        fresh = self._fresh()
        self._add([*fresh.take(TextDelta(text)), *fresh.close()])
        self._delta = ""
        self._extra["message_replaced"] = True

    def _stand(self, result: RunResult) -> None:
        """What stands instead of a withdrawn answer, thoughts included: moderation may have masked words in them too."""
        if self._replaced != result.text:
            self._replace(result.text)
        self._thinking = result.reasoning

    # -- messages

    def _blocks(self) -> list[ContentBlock]:
        text = TextBlock(text=self._text)
        return [ThinkingBlock(content=self._thinking), text, *self._calls] if self._thinking else [text, *self._calls]

    def _tool_calls(self) -> dict[str, Any]:
        # Core streams structured output only from OpenAI's shape, and agents read the blocks: both are needed.
        return {"tool_calls": [_openai_call(call) for call in self._calls]} if self._calls else {}


def _openai_call(call: ToolCallBlock) -> dict[str, Any]:
    function = {"name": call.tool_name, "arguments": json.dumps(call.tool_kwargs, ensure_ascii=False)}
    return {"id": call.tool_call_id, "type": "function", "function": function}


def _citation_block(citation: Citation) -> CitationBlock:
    where = {"position": citation.position}  # core takes whole numbers only
    return CitationBlock(
        cited_content=TextBlock(text=citation.content or ""),
        source=citation.document_id or citation.dataset_id or "",
        title=citation.document_name or "",
        additional_location_info=where,
    )


def about(result: RunResult) -> dict[str, Any]:
    """What is kept of a run next to the answer; JSON-safe, and without what the run did not have."""
    known: dict[str, Any] = {
        **{name: getattr(result, name) for name in _IDS},
        "status": result.status if result.status != "succeeded" else "",
        "error": result.error,
        "text_replaced": result.text_replaced,
        "citations": [_cited(citation) for citation in result.citations],
        "files": [file_record(file) for file in result.files],
        "agent_steps": _agent_steps(result),
        "pause": pause_record(result),
    }
    return {name: value for name, value in known.items() if value}


def _cited(citation: Citation) -> dict[str, Any]:
    return {name: value for name, value in asdict(citation).items() if name != "raw"}


def _agent_steps(result: RunResult) -> list[dict[str, str]]:
    answers = {answer.id: answer.content for answer in result.tool_results}
    return [
        {"tool": call.name, "input": call.arguments, "thought": call.thought, "observation": answers.get(call.id, "")}
        for call in result.tool_calls
    ]


def _counts(result: RunResult) -> dict[str, Any]:
    usage = result.usage
    if usage is None:
        return {"total_tokens": result.total_tokens} if result.total_tokens else {}
    known = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "total_price": str(usage.total_price) if usage.total_price is not None else None,
        "currency": usage.currency or None,
        "latency": usage.latency_s,
    }
    return {name: value for name, value in known.items() if value is not None}


def _raw(result: RunResult) -> dict[str, Any]:
    raw: dict[str, Any] = {"event": "message_end", **result.ids}
    counts = _counts(result)
    if counts:
        # Token counters look at the top level of `raw` only, and want numbers.
        raw["usage"] = {**(result.usage.raw if result.usage else {}), **counts}
    raw["metadata"] = {"retriever_resources": [citation.raw for citation in result.citations]}
    return raw


# -- completions; core's own converters leave the stream they read to the garbage collector


def completion_of(response: ChatResponse) -> CompletionResponse:
    """A chat response as a completion."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
        delta=response.delta,
        raw=response.raw,
    )


def completions(chunks: ChatResponseGen) -> CompletionResponseGen:
    """A stream of chat responses as completions, closed together with it."""
    with closing(chunks):
        for chunk in chunks:
            yield completion_of(chunk)


async def acompletions(chunks: ChatResponseAsyncGen) -> CompletionResponseAsyncGen:
    """As `completions`, for an asynchronous stream."""
    async with left_with(chunks):
        async for chunk in chunks:
            yield completion_of(chunk)
