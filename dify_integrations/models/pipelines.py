"""Knowledge pipelines: what their data sources take, and what their runs answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from .base import Listed, Model, RequestModel

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject

DatasourceType = Literal["local_file", "online_document", "website_crawl", "online_drive"]


class LocalFile(RequestModel):
    """A file that was uploaded with `pipelines.upload_file`.

    Attributes:
        reference: The upload's id. It is sent as `related_id` too, which Dify ≤ 1.14 reads.
        name: The document's name, `untitled` unless given.
        transfer_method: Always `local_file`.
    """

    datasource_type: ClassVar[DatasourceType] = "local_file"
    reference: str
    name: str | None = None
    transfer_method: str = "local_file"

    def to_wire(self) -> JsonObject:
        """The object the API takes."""
        return {"related_id": self.reference, **super().to_wire()}


class OnlinePage(RequestModel):
    """A page of an online document.

    Attributes:
        page_id: Its id there.
        type: Its kind there, such as `page` or `database`.
        page_name: The document's name, `untitled` unless given.
    """

    page_id: str
    type: str
    page_name: str | None = None


class OnlineDocument(RequestModel):
    """A page of a service such as Notion.

    Attributes:
        workspace_id: The workspace there.
        page: The page.
        credential_id: From `DatasourceNode.credentials`; the default one unless given.
    """

    datasource_type: ClassVar[DatasourceType] = "online_document"
    workspace_id: str
    page: OnlinePage
    credential_id: str | None = None


class WebsiteCrawl(RequestModel):
    """A page of a web site. Further fields that a pipeline reads, such as `source_url` and `content`, are sent too.

    Attributes:
        url: Its address.
        title: The document's name, `untitled` unless given.
    """

    datasource_type: ClassVar[DatasourceType] = "website_crawl"
    url: str
    title: str | None = None


class OnlineDrive(RequestModel):
    """A file or folder of an online drive.

    Attributes:
        id: Its id there.
        type: `file`, or `folder` for all files in it.
        bucket: Its bucket, for drives that have any.
        name: The document's name, `untitled` unless given; files of a folder have their own.
    """

    datasource_type: ClassVar[DatasourceType] = "online_drive"
    id: str
    type: Literal["file", "folder"]
    bucket: str | None = None
    name: str | None = None


DatasourceItem: TypeAlias = LocalFile | OnlineDocument | WebsiteCrawl | OnlineDrive
"""What a pipeline makes a document of."""


class PipelineFile(Model):
    """A file that was uploaded for a pipeline.

    Attributes:
        id: What `LocalFile` takes as `reference`.
        name: File name.
        size: Bytes.
        extension: Without dot.
        mime_type: Content type.
        created_by: Id of the account of the key.
        created_at: ISO 8601 text, without a time zone; Unix seconds elsewhere in the API.
    """

    id: str
    name: str
    size: int | None = None
    extension: str | None = None
    mime_type: str | None = None
    created_by: str | None = None
    created_at: str | None = None

    def as_item(self, *, name: str | None = None) -> LocalFile:
        """This file for `pipelines.run`.

        Args:
            name: The document's name; the file's unless given.
        """
        return LocalFile(reference=self.id, name=name or self.name)


class DatasourceCredential(Model):
    """A credential for a data source.

    Attributes:
        id: What `credential_id` takes.
        name: Its name.
        type: Its kind, by the plugin, such as `api-key`.
        is_default: Whether it is used where none is named.
    """

    id: str | None = None
    name: str | None = None
    type: str | None = None
    is_default: bool | None = None


class DatasourceNode(Model):
    """A data source of a pipeline.

    Attributes:
        node_id: What `run_datasource_node` takes, and `start_node_id` of `run`.
        plugin_id, provider_name: The plugin behind it.
        datasource_type: `local_file`, `online_document`, `website_crawl` or `online_drive`.
        title: Its title in the pipeline.
        user_input_variables: Variables of the pipeline that it needs in `inputs`, as the pipeline defines them.
        credentials: What it can authenticate with.
    """

    node_id: str | None = None
    plugin_id: str | None = None
    provider_name: str | None = None
    datasource_type: str | None = None
    title: str | None = None
    user_input_variables: Listed[dict[str, Any]]
    credentials: Listed[DatasourceCredential]


DatasourceNodes: TypeAlias = list[DatasourceNode]
"""The data sources of a pipeline; the API sends a bare array."""


class PipelineDataset(Model):
    """The knowledge base a pipeline fills.

    Attributes:
        id, name, description: Who it is.
        chunk_structure: `text_model`, `hierarchical_model` or `qa_model`.
    """

    id: str
    name: str | None = None
    description: str | None = None
    chunk_structure: str | None = None


class PipelineDocument(Model):
    """A document a pipeline is making.

    Attributes:
        id: Its id.
        position: From 1, within the knowledge base.
        data_source_type: `local_file`, `online_document`, `website_crawl` or `online_drive`.
        data_source_info: The item it is made of.
        name: Its name.
        indexing_status: `waiting` at first; see `documents.indexing_status` for what becomes of it.
        error: Why it failed.
        enabled: Whether a retrieval may find it, once it is indexed.
    """

    id: str
    position: int | None = None
    data_source_type: str | None = None
    data_source_info: dict[str, Any] | None = None
    name: str | None = None
    indexing_status: str | None = None
    error: str | None = None
    enabled: bool | None = None


class DraftRun(Model):
    """The finished run of a pipeline's draft.

    Attributes:
        id: The run's id.
        workflow_id: The draft.
        status: `succeeded` or `partial-succeeded`.
        outputs: What its last node gave, such as a preview of the chunks.
        error: Text of a failure it survived.
        elapsed_time: Seconds.
        total_tokens, total_steps: Counts.
        created_at, finished_at: Unix seconds.
    """

    id: str | None = None
    workflow_id: str | None = None
    status: str | None = None
    outputs: dict[str, Any] | None = None
    error: str | None = None
    elapsed_time: float | None = None
    total_tokens: int | None = None
    total_steps: int | None = None
    created_at: float | None = None
    finished_at: float | None = None


class PipelineRun(Model):
    """What a pipeline was started with, or what its draft gave.

    Attributes:
        batch: What `documents.indexing_status` and `documents.wait_until_indexed` take; `None` for a draft.
        dataset: The knowledge base; `None` for a draft.
        documents: The documents that are being made, one per item; `[]` for a draft.
        task_id, workflow_run_id, data: The run of a draft; `None` otherwise.
    """

    batch: str | None = None
    dataset: PipelineDataset | None = None
    documents: Listed[PipelineDocument]
    task_id: str | None = None
    workflow_run_id: str | None = None
    data: DraftRun | None = None
