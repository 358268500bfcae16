"""What Dify keeps as LangChain's messages and documents: recorded turns, and the documents and chunks of knowledge bases.

What comes out of a running app is the business of `_mapping`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata

from dify_integrations.bridge.history import sent_files, thoughts_of, turn_record
from dify_integrations.bridge.indexing import given_back, without_own
from dify_integrations.bridge.stored import document_facts, segment_facts, text_of, values_of, whole_text

if TYPE_CHECKING:
    from dify_integrations.models.documents import Document as Kept
    from dify_integrations.models.messages import Message, MessageFile
    from dify_integrations.models.segments import Segment

_BLOCKS = {"image": "image", "audio": "audio", "video": "video"}


def messages_of(turns: Iterable[Message], app: str) -> list[BaseMessage]:
    """Recorded turns, given newest first, as questions and answers in the order they were said.

    Args:
        turns: As `dify.messages.iterate` gives them.
        app: Fingerprint of the app and user.
    """
    return [message for turn in reversed(list(turns)) for message in (_question(turn), _answer(turn, app))]


def _question(turn: Message) -> HumanMessage:
    text, files = turn.query or "", sent_files(turn)
    content: str | list[str | dict[str, Any]] = text
    if files:
        content = [{"type": "text", "text": text}, *(_file_block(file) for file in files)]
    return HumanMessage(content=content, id=f"{turn.id}-query")


def _answer(turn: Message, app: str) -> AIMessage:
    record = turn_record(turn, app)
    reason = {"failed": "error", "paused": "paused"}.get(record["status"], "stop")
    thoughts = thoughts_of(turn)
    return AIMessage(
        content=turn.answer or "",
        id=turn.id,
        additional_kwargs={"dify": {"thoughts": thoughts}} if thoughts else {},
        response_metadata={"model_provider": "dify", "finish_reason": reason, "dify": record},
        usage_metadata=_usage(turn),
    )


def _usage(turn: Message) -> UsageMetadata | None:
    asked, answered = turn.message_tokens, turn.answer_tokens
    if asked is None or answered is None:
        return None
    return UsageMetadata(input_tokens=asked, output_tokens=answered, total_tokens=turn.total_tokens or asked + answered)


def _file_block(file: MessageFile) -> dict[str, Any]:
    # Addresses expire within minutes; the id of an upload lasts.
    block: dict[str, Any] = {"type": _BLOCKS.get(file.type or "", "file")}
    more = {"filename": file.filename, "mime_type": file.mime_type, "file_id": file.upload_file_id}
    block |= {name: value for name, value in more.items() if value}
    if file.url:
        block |= {"extras": {"url": file.url}} if file.upload_file_id else {"url": file.url}
    return block


def whole_document(document: Kept, segments: Iterable[Segment], dataset_id: str) -> Document:
    """A document of a knowledge base, its chunks put together."""
    return Document(id=document.id, page_content=whole_text(segments), metadata=document_facts(document, dataset_id))


def segment_document(segment: Segment, document: Kept, dataset_id: str) -> Document:
    """One chunk; its id is the one a retrieval tells."""
    return Document(id=segment.id, page_content=text_of(segment), metadata=segment_facts(segment, document, dataset_id))


def entry_document(document: Kept, segments: Iterable[Segment]) -> Document:
    """A document as it was put into an index: its own id and metadata."""
    entry_id, metadata = given_back(values_of(document)) or (document.id, {})
    return Document(id=entry_id, page_content=whole_text(segments), metadata=metadata)


def found_entry(document: Document) -> Document:
    """A passage of an index under its document's own id, with its own metadata over what the search tells."""
    told = document.metadata.get("doc_metadata") or {}
    entry = given_back(told)
    if entry is None:
        return document
    entry_id, metadata = entry
    known = {**document.metadata, "doc_metadata": without_own(told), "segment_id": document.id}
    return Document(id=entry_id, page_content=document.page_content, metadata={**known, **metadata})
