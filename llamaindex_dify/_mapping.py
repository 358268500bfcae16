"""Items and results as chat responses, hits as nodes: the only place where Dify turns into LlamaIndex."""

from __future__ import annotations

import json
from contextlib import aclosing, closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.schema import NodeRelationship, NodeWithScore, ObjectType, RelatedNodeInfo, TextNode

from dify_integrations.bridge.record import file_record, pause_record
from dify_integrations.runs.items import ReasoningDelta, TextDelta, TextReplaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from dify_integrations.bridge.hits import Hit
    from dify_integrations.bridge.tool_calls import ParsedCall, ToolCallParser
    from dify_integrations.runs.items import Citation, Item
    from dify_integrations.runs.result import RunResult

_IDS = ("conversation_id", "message_id", "task_id", "workflow_run_id")
_NOT_FOR_PROMPTS = ["document_id", "dataset_id", "segment_position", "data_source_type", "summary", "parent_content"]


class Answer:
    """Collects the items of one run and gives the responses they make.

    Args:
        app: Fingerprint of the app, kept with the ids.
        parser: A maker of parsers for tool calls in the text; `None` when no tools were offered.
    """

    def __init__(self, app: str, parser: Callable[[], ToolCallParser] | None = None) -> None:
        self._app = app
        self._new_parser = parser
        self._parser = parser() if parser is not None else None
        self._text = ""
        self._thinking = ""
        self._calls: list[ToolCallBlock] = []
        self._delta = ""
        self._extra: dict[str, Any] = {}

    def take(self, item: Item) -> bool:
        """Take an item in; whether it changed what the response says."""
        kind = item.__class__
        if kind is TextDelta and self._parser is None:
            self._delta = item.text  # type: ignore[union-attr]  # `kind is TextDelta` says so; isinstance costs per token
            self._text += self._delta
            return True
        handler = _HANDLERS.get(kind)
        return handler is not None and handler(self, item)

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
        """The whole response; when streaming, its delta is what had been held back."""
        if self._parser is not None:
            self._read(self._parser.close())
        message = ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=self._blocks(),
            additional_kwargs={**self._tool_calls(), "dify": _about(result, self._app)},
        )
        extra = {**_counts(result), **({"message_replaced": True} if result.text_replaced else {})}
        delta = self._delta if streaming else None
        return ChatResponse(message=message, delta=delta, raw=_raw(result), additional_kwargs=extra)

    # -- items

    def _on_text(self, item: TextDelta) -> bool:
        return self._parser is not None and self._read(self._parser.feed(item.text))

    def _read(self, pieces: list[str | ParsedCall]) -> bool:
        for piece in pieces:
            if isinstance(piece, str):
                self._delta += piece
                self._text += piece
            elif piece.arguments is None:  # no call one could run: its text is the answer
                self._delta += piece.raw
                self._text += piece.raw
            else:
                self._calls.append(ToolCallBlock(tool_call_id=piece.id, tool_name=piece.name, tool_kwargs=piece.arguments))
        return bool(pieces)

    def _on_reasoning(self, item: ReasoningDelta) -> bool:
        self._thinking += item.text
        self._extra["thinking_delta"] = self._extra.get("thinking_delta", "") + item.text
        return True

    def _on_replaced(self, item: TextReplaced) -> bool:
        self._text = ""
        if self._new_parser is not None:
            self._calls, self._parser = [], self._new_parser()
            self._read(self._parser.feed(item.text))
        else:
            self._text = item.text
        self._delta = ""
        self._extra["message_replaced"] = True
        return True

    # -- messages

    def _blocks(self) -> list[ContentBlock]:
        text = TextBlock(text=self._text)
        return [ThinkingBlock(content=self._thinking), text, *self._calls] if self._thinking else [text, *self._calls]

    def _tool_calls(self) -> dict[str, Any]:
        # Core streams structured output only from OpenAI's shape, and agents read the blocks: both are needed.
        return {"tool_calls": [_openai_call(call) for call in self._calls]} if self._calls else {}


_HANDLERS: dict[type[Any], Callable[[Answer, Any], bool]] = {
    TextDelta: Answer._on_text,
    ReasoningDelta: Answer._on_reasoning,
    TextReplaced: Answer._on_replaced,
}


def _openai_call(call: ToolCallBlock) -> dict[str, Any]:
    function = {"name": call.tool_name, "arguments": json.dumps(call.tool_kwargs, ensure_ascii=False)}
    return {"id": call.tool_call_id, "type": "function", "function": function}


def _about(result: RunResult, app: str) -> dict[str, Any]:
    """What is kept of a run next to the answer; JSON-safe, and without what the run did not have."""
    known: dict[str, Any] = {
        **{name: getattr(result, name) for name in _IDS},
        "app": app,
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
    async with aclosing(chunks):
        async for chunk in chunks:
            yield completion_of(chunk)


# -- nodes


def node_of(hit: Hit) -> NodeWithScore:
    """A hit as a node. Nothing that changes from query to query goes into the metadata: the node's hash covers it."""
    children = [
        RelatedNodeInfo(node_id=str(child.get("id")), metadata={name: child.get(name) for name in ("position", "score", "content")})
        for child in hit.children
    ]
    node = _text_node(hit.id, hit.text, hit)
    if children:
        node.relationships[NodeRelationship.CHILD] = children
    return NodeWithScore(node=node, score=hit.score)


def child_nodes_of(hit: Hit) -> list[NodeWithScore]:
    """The exact hits inside a parent passage, each with the passage in `metadata["parent_content"]`.

    The passage itself where the knowledge base has no children.
    """
    nodes = []
    for child in hit.children:
        node = _text_node(str(child.get("id")), str(child.get("content") or ""), hit)
        node.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(node_id=hit.id)
        node.metadata["parent_content"] = hit.text
        nodes.append(NodeWithScore(node=node, score=child.get("score")))
    return nodes or [node_of(hit)]


def _text_node(node_id: str, text: str, hit: Hit) -> TextNode:
    facts = {
        "document_name": hit.document_name,
        "document_id": hit.document_id,
        "dataset_id": hit.dataset_id,
        "segment_position": hit.position,
        "data_source_type": hit.data_source_type,
        "summary": hit.summary,
    }
    node = TextNode(
        id_=node_id,
        text=text,
        metadata={**hit.document_metadata, **{name: value for name, value in facts.items() if value not in (None, "")}},
        excluded_llm_metadata_keys=list(_NOT_FOR_PROMPTS),
        excluded_embed_metadata_keys=list(_NOT_FOR_PROMPTS),
    )
    if hit.document_id:
        source = RelatedNodeInfo(node_id=hit.document_id, node_type=ObjectType.DOCUMENT)
        node.relationships[NodeRelationship.SOURCE] = source
    return node


def nodes_of_documents(documents: Any) -> list[NodeWithScore]:
    """What a knowledge node of a run found, or what an answer cites, as nodes."""
    found = [document for document in documents if isinstance(document, dict)] if isinstance(documents, list) else []
    return [_found(document) for document in found]


def _found(document: dict[str, Any]) -> NodeWithScore:
    about = document.get("metadata")
    about = about if isinstance(about, dict) else document
    text = str(document.get("content") or "")
    score = about.get("score")
    facts = {name: about.get(name) for name in ("document_name", "document_id", "dataset_id")}
    node_id = about.get("segment_id") or uuid5(NAMESPACE_URL, f"{facts['dataset_id']}\n{text}")
    metadata = {name: value for name, value in facts.items() if value}
    node = TextNode(id_=str(node_id), text=text, metadata=metadata)
    return NodeWithScore(node=node, score=score if isinstance(score, (int, float)) else None)
