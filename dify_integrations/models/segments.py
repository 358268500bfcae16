"""Chunks of documents, and the child chunks inside them."""

from __future__ import annotations

from pydantic import field_validator

from .base import Listed, Model, Page, RequestModel, Seconds


class SegmentInput(RequestModel):
    """A chunk to be made.

    Attributes:
        content: Its text, not blank; the question in question-and-answer documents.
        answer: The answer, which question-and-answer documents (`qa_model`) need and others ignore.
        keywords: Its keywords; the server finds some unless given.
        attachment_ids: Ids of uploaded images, at most 10 unless the server is set otherwise (Dify ≥ 1.11).
    """

    content: str
    answer: str | None = None
    keywords: list[str] | None = None
    attachment_ids: list[str] | None = None

    @field_validator("content")
    @classmethod
    def _not_blank(cls, content: str) -> str:
        if not content.strip():
            raise ValueError("must not be blank")
        return content


class ChildChunk(Model):
    """A small piece of a chunk; retrieval compares these and answers with the whole chunk.

    Attributes:
        id: Its id.
        segment_id: The chunk it is part of.
        content: Its text.
        position: From 1, within the chunk.
        word_count: Characters.
        type: `automatic`, or `customized` when somebody wrote it.
        created_at, updated_at: Unix seconds.
    """

    id: str
    segment_id: str | None = None
    content: str | None = None
    position: int | None = None
    word_count: int | None = None
    type: str | None = None
    created_at: Seconds = None
    updated_at: Seconds = None


class ChildChunkDetail(Model):
    """One child chunk.

    Attributes:
        data: The child chunk.
    """

    data: ChildChunk


class ChildChunkPage(Page[ChildChunk]):
    """One page of a chunk's child chunks, in their order. The server does not say `has_more`.

    Attributes:
        total_pages: Number of pages of this size.
    """

    total_pages: int | None = None


class SegmentAttachment(Model):
    """A file of a chunk, such as an image.

    Attributes:
        id: Of the upload.
        name: File name.
        size: Bytes.
        extension: Of the name.
        mime_type: Content type.
        source_url: Signed address that expires.
    """

    id: str | None = None
    name: str | None = None
    size: int | None = None
    extension: str | None = None
    mime_type: str | None = None
    source_url: str | None = None


class SegmentFields(Model):
    """What a chunk has wherever it is told: in its document, and in the hits of a retrieval.

    Attributes:
        id: Its id.
        position: From 1, within the document.
        document_id: The document it is part of.
        content: Its text; the question in question-and-answer documents.
        sign_content: The text with fresh signatures in the addresses of its files; missing on 0.15.
        answer: The answer, in question-and-answer documents.
        word_count: Characters of content and answer.
        tokens: Tokens; 0 or an estimate in `economy` knowledge bases.
        keywords: Its keywords.
        index_node_id, index_node_hash: Of the index.
        hit_count: How often a retrieval found it.
        enabled: Whether a retrieval may find it.
        disabled_at, disabled_by: When and by whom it was switched off.
        status: `waiting`, `indexing`, `completed`, `error` or `re_segment`.
        created_by: Id of an account.
        created_at, indexing_at, completed_at, stopped_at: Unix seconds.
        error: Why it was not indexed.
    """

    id: str
    position: int | None = None
    document_id: str | None = None
    content: str = ""
    sign_content: str | None = None
    answer: str | None = None
    word_count: int | None = None
    tokens: int | None = None
    keywords: Listed[str]
    index_node_id: str | None = None
    index_node_hash: str | None = None
    hit_count: int | None = None
    enabled: bool | None = None
    disabled_at: Seconds = None
    disabled_by: str | None = None
    status: str | None = None
    created_by: str | None = None
    created_at: Seconds = None
    indexing_at: Seconds = None
    completed_at: Seconds = None
    error: str | None = None
    stopped_at: Seconds = None


class Segment(SegmentFields):
    """A chunk of a document.

    Attributes:
        updated_at: Unix seconds.
        updated_by: Id of an account.
        child_chunks: Its pieces, in parent-child documents.
        attachments: Its images (Dify ≥ 1.11).
        summary: A model's summary (Dify ≥ 1.12).
    """

    updated_at: Seconds = None
    updated_by: str | None = None
    child_chunks: Listed[ChildChunk]
    attachments: Listed[SegmentAttachment]
    summary: str | None = None


class SegmentDetail(Model):
    """One chunk.

    Attributes:
        data: The chunk.
        doc_form: `text_model`, `hierarchical_model` or `qa_model`.
    """

    data: Segment
    doc_form: str | None = None


class SegmentList(Model):
    """Chunks that were made.

    Attributes:
        data: The chunks, in the order they were sent.
        doc_form: `text_model`, `hierarchical_model` or `qa_model`.
    """

    data: Listed[Segment]
    doc_form: str | None = None


class SegmentPage(Page[Segment]):
    """One page of a document's chunks, in their order. Dify 0.15 always sends all of them.

    Attributes:
        doc_form: `text_model`, `hierarchical_model` or `qa_model`.
    """

    doc_form: str | None = None
