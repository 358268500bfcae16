"""Knowledge bases."""

from __future__ import annotations

from typing import Literal

from .base import Listed, Model, Page, RequestModel, Seconds
from .metadata import MetadataField
from .retrieval import ExternalRetrievalModel, SavedRetrieval
from .tags import Tag

IndexingTechnique = Literal["high_quality", "economy"]
DocForm = Literal["text_model", "hierarchical_model", "qa_model"]
Permission = Literal["only_me", "all_team_members", "partial_members"]
Provider = Literal["vendor", "external"]


class SummaryIndexSetting(RequestModel):
    """Whether and how summaries of the chunks are written and searched (Dify ≥ 1.12).

    Attributes:
        enable: Whether they are.
        model_name, model_provider_name: The model that writes them.
        summary_prompt: What it is told.
    """

    enable: bool | None = None
    model_name: str | None = None
    model_provider_name: str | None = None
    summary_prompt: str | None = None


class ExternalKnowledgeInfo(Model):
    """Where an external knowledge base is; all `None` for Dify's own."""

    external_knowledge_id: str | None = None
    external_knowledge_api_id: str | None = None
    external_knowledge_api_name: str | None = None
    external_knowledge_api_endpoint: str | None = None


class IconInfo(Model):
    """The picture beside a knowledge base's name; all `None` for the usual one."""

    icon_type: str | None = None
    icon: str | None = None
    icon_background: str | None = None
    icon_url: str | None = None


class Dataset(Model):
    """A knowledge base. Nearly everything may be null until its first document, and servers differ in what they tell.

    Attributes:
        id, name, description: Who it is.
        provider: `vendor` for Dify's own, `external`.
        permission: `only_me`, `all_team_members` or `partial_members`.
        partial_member_list: Ids of the accounts that may see it, for `partial_members`; only from `get` and `update`.
        data_source_type: `upload_file`, `notion_import`, `website_crawl`; `None` before the first document.
        indexing_technique: `high_quality` or `economy`; `None` until a document decides.
        doc_form: `text_model`, `hierarchical_model` or `qa_model`; `None` until a document decides.
        retrieval_model_dict: Its saved search settings; `RetrievalModel.from_dataset` makes them sendable.
        external_retrieval_model: The same of an external knowledge base.
        external_knowledge_info: Where an external knowledge base is.
        embedding_model, embedding_model_provider: `None` for `economy`.
        embedding_available: Whether the embedding model can be used; `None` in answers to `create` and `update`.
        summary_index_setting: Summaries of chunks (Dify ≥ 1.12).
        tags: Its tags.
        doc_metadata: Its metadata fields (Dify ≥ 1.1).
        built_in_field_enabled: Whether the built-in metadata fields are on.
        app_count, document_count, word_count: Counts.
        total_documents, total_available_documents: Documents in all, and those that can be searched.
        pipeline_id, runtime_mode, is_published, chunk_structure, icon_info: Of knowledge pipelines.
        enable_api: Whether this API may use it.
        is_multimodal: Whether images can be searched with.
        created_by, author_name, created_at, updated_by, updated_at: Its history; ids, a name, Unix seconds.
        maintainer: Who keeps it.
    """

    id: str
    name: str
    description: str | None = None
    provider: str | None = None
    permission: str | None = None
    partial_member_list: Listed[str]
    data_source_type: str | None = None
    indexing_technique: str | None = None
    doc_form: str | None = None
    retrieval_model_dict: SavedRetrieval | None = None
    external_retrieval_model: ExternalRetrievalModel | None = None
    external_knowledge_info: ExternalKnowledgeInfo | None = None
    embedding_model: str | None = None
    embedding_model_provider: str | None = None
    embedding_available: bool | None = None
    summary_index_setting: SummaryIndexSetting | None = None
    tags: Listed[Tag]
    doc_metadata: Listed[MetadataField]
    built_in_field_enabled: bool | None = None
    app_count: int | None = None
    document_count: int | None = None
    word_count: int | None = None
    total_documents: int | None = None
    total_available_documents: int | None = None
    pipeline_id: str | None = None
    runtime_mode: str | None = None
    is_published: bool | None = None
    chunk_structure: str | None = None
    icon_info: IconInfo | None = None
    enable_api: bool | None = None
    is_multimodal: bool | None = None
    created_by: str | None = None
    author_name: str | None = None
    created_at: Seconds = None
    updated_by: str | None = None
    updated_at: Seconds = None
    maintainer: str | None = None


class DatasetPage(Page[Dataset]):
    """One page of the knowledge bases."""
