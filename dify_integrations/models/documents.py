"""Documents of knowledge bases."""

from __future__ import annotations

from typing import Any, Literal

from .base import Listed, Model, Page, Seconds

DisplayStatus = Literal["queuing", "indexing", "paused", "error", "available", "disabled", "archived"]
MetadataMode = Literal["all", "only", "without"]
StatusAction = Literal["enable", "disable", "archive", "un_archive"]


class SourceFile(Model):
    """The file a document was made from; a text becomes a `.txt` file.

    Attributes:
        id, name, extension, mime_type: The file.
        size: Bytes.
        created_by, created_at: The account, and Unix seconds.
    """

    id: str
    name: str | None = None
    size: int | None = None
    extension: str | None = None
    mime_type: str | None = None
    created_by: str | None = None
    created_at: Seconds = None


class DataSource(Model):
    """Where a document came from; the fields of web pages and Notion are kept as they come.

    Attributes:
        upload_file_id: In `data_source_info` of lists.
        upload_file: In `data_source_info` of `get`, and in `data_source_detail_dict`.
    """

    upload_file_id: str | None = None
    upload_file: SourceFile | None = None


class DocumentField(Model):
    """A document's value of one metadata field.

    Attributes:
        id: The field's, `built-in` for built-in fields.
        name: The field's.
        type: `string`, `number` or `time`.
        value: As it was set; built-in times are texts of Unix seconds.
    """

    id: str | None = None
    name: str | None = None
    type: str | None = None
    value: Any = None


class DocumentBase(Model):
    """What lists, answers to changes, and `get` tell alike.

    Attributes:
        id, name, position: Which document of its knowledge base.
        data_source_type, data_source_info: Where it came from: `upload_file`, `notion_import`, `website_crawl`.
        dataset_process_rule_id: How it was cut.
        created_from, created_by, created_at: `api` or `web`, the account, Unix seconds. An update makes it `web`.
        tokens: `None` or 0 until it is indexed, 0 for `economy`.
        indexing_status, error: As in `IndexingStatus`.
        display_status: `queuing`, `indexing`, `paused`, `error`, `available`, `disabled` or `archived`.
        enabled, disabled_at, disabled_by, archived: Whether it is searched.
        hit_count: How often its chunks were found.
        doc_form: `text_model`, `hierarchical_model` or `qa_model`.
        doc_metadata: Values of metadata fields (Dify ≥ 1.1).
        summary_index_status, need_summary: Summaries of its chunks (Dify ≥ 1.12).
    """

    id: str
    name: str | None = None
    position: int | None = None
    data_source_type: str | None = None
    data_source_info: DataSource | None = None
    dataset_process_rule_id: str | None = None
    created_from: str | None = None
    created_by: str | None = None
    created_at: Seconds = None
    tokens: int | None = None
    indexing_status: str | None = None
    error: str | None = None
    display_status: str | None = None
    enabled: bool | None = None
    disabled_at: Seconds = None
    disabled_by: str | None = None
    archived: bool | None = None
    hit_count: int | None = None
    doc_form: str | None = None
    doc_metadata: Listed[DocumentField]
    summary_index_status: str | None = None
    need_summary: bool | None = None


class Document(DocumentBase):
    """A document as lists and answers to changes show it.

    Attributes:
        data_source_detail_dict: Where it came from, in full.
        word_count: Characters; `None` or 0 until it is parsed.
    """

    data_source_detail_dict: DataSource | None = None
    word_count: int | None = None


class DocumentPage(Page[Document]):
    """One page of a knowledge base's documents."""


class SubmittedDocument(Model):
    """A document that was created or changed, and is being indexed.

    Attributes:
        document: As it is now, before indexing.
        batch: For `indexing_status` and `wait_until_indexed`; an update keeps the batch of the creation.
    """

    document: Document
    batch: str


class SavedSegmentation(Model):
    """Where a document was cut: `delimiter` where the mode was automatic, `separator` otherwise."""

    separator: str | None = None
    delimiter: str | None = None
    max_tokens: int | None = None
    chunk_overlap: int | None = None


class SavedPreProcessing(Model):
    """Whether a way of cleaning was used."""

    id: str | None = None
    enabled: bool | None = None


class SavedRules(Model):
    """The rules a document was cut with, as in `ProcessRules`."""

    pre_processing_rules: Listed[SavedPreProcessing]
    segmentation: SavedSegmentation | None = None
    parent_mode: str | None = None
    subchunk_segmentation: SavedSegmentation | None = None


class SavedProcessRule(Model):
    """How a document was cut; those of a knowledge base have no `id` and no `dataset_id`."""

    id: str | None = None
    dataset_id: str | None = None
    mode: str | None = None
    rules: SavedRules | None = None


class DocumentDetail(DocumentBase):
    """A document in full; with `metadata="only"` just `id`, `doc_type` and `doc_metadata`. Times are Unix seconds.

    Attributes:
        dataset_process_rule, document_process_rule: How its knowledge base and it itself were cut.
        doc_language: As given on creation.
        doc_type: A kind that old servers know, such as `book`.
        completed_at, updated_at: When it was indexed, and changed.
        indexing_latency: Seconds the indexing took.
        segment_count, average_segment_length: Its chunks.
    """

    dataset_process_rule: SavedProcessRule | None = None
    document_process_rule: SavedProcessRule | None = None
    doc_language: str | None = None
    doc_type: str | None = None
    completed_at: Seconds = None
    updated_at: Seconds = None
    indexing_latency: float | None = None
    segment_count: int | None = None
    average_segment_length: float | None = None


class DocumentFile(Model):
    """Where a document's file can be fetched: signed, without a key, for some minutes.

    Attributes:
        url: The address; on 0.15 the one that shows the file.
        download_url: The address that downloads it, from 0.15 only.
        id, name, extension, mime_type, size, created_by, created_at: The file, from 0.15 only.
    """

    url: str | None = None
    download_url: str | None = None
    id: str | None = None
    name: str | None = None
    extension: str | None = None
    mime_type: str | None = None
    size: int | None = None
    created_by: str | None = None
    created_at: Seconds = None

    @property
    def attachment_url(self) -> str:
        """The address that downloads the file, on every server; `""` when the server gave none."""
        return self.download_url or self.url or ""
