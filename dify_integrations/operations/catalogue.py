"""Every operation of the Service API: its id, address, key, age, and the method of the client that calls it.

The one place that knows addresses. Builders take their verb and path from here, and older servers' spellings of the same
operation stand beside the present one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..core.operation import Answer, Operation
from ..core.request import FilePart, KeyKind, Request, path_of

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject

T = TypeVar("T")

_DATASET = "/datasets/{dataset_id}"
_DOCUMENT = f"{_DATASET}/documents/{{document_id}}"
_SEGMENT = f"{_DOCUMENT}/segments/{{segment_id}}"
_CHILD = f"{_SEGMENT}/child_chunks/{{child_chunk_id}}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of Dify's Service API.

    Attributes:
        id: Dify's operationId.
        method: HTTP verb.
        path: Template, relative to the base URL.
        call: The client's method, such as `datasets.documents.list`; the same on `Dify` and `AsyncDify`.
        key: `app` or `dataset`.
        repeatable: Whether sending it twice does no more than sending it once, so that it may be retried.
        since: First server version with it; `""` for those that 0.15 has.
        older: Verb and path of the same operation on servers that lack this one, tried in this order.
    """

    id: str
    method: str
    path: str
    call: str
    key: KeyKind = "app"
    repeatable: bool = False
    since: str = ""
    older: tuple[tuple[str, str], ...] = ()


def _app(id: str, verb: str, path: str, call: str, since: str = "", *, repeatable: bool | None = None) -> Endpoint:
    return Endpoint(id, verb, path, call, "app", _repeatable(verb) if repeatable is None else repeatable, since)


def _dataset(
    id: str,
    verb: str,
    path: str,
    call: str,
    since: str = "",
    *,
    repeatable: bool | None = None,
    older: Sequence[tuple[str, str]] = (),
) -> Endpoint:
    repeats = _repeatable(verb) if repeatable is None else repeatable
    return Endpoint(id, verb, path, f"datasets.{call}", "dataset", repeats, since, tuple(older))


def _repeatable(verb: str) -> bool:
    return verb != "POST"


OPERATIONS: tuple[Endpoint, ...] = (
    # Chat and completion
    _app("sendChatMessage", "POST", "/chat-messages", "chat.send"),
    _app("stopChatMessageGeneration", "POST", "/chat-messages/{task_id}/stop", "chat.stop", repeatable=True),
    _app("getSuggestedQuestions", "GET", "/messages/{message_id}/suggested", "chat.suggested"),
    _app("createCompletionMessage", "POST", "/completion-messages", "completion.send"),
    _app("stopGenerate", "POST", "/completion-messages/{task_id}/stop", "completion.stop", repeatable=True),
    # Workflows
    _app("executeWorkflow", "POST", "/workflows/run", "workflows.run"),
    _app("runWorkflowById", "POST", "/workflows/{workflow_id}/run", "workflows.run", "1.7.2"),
    _app("stopWorkflowTaskGeneration", "POST", "/workflows/tasks/{task_id}/stop", "workflows.stop", repeatable=True),
    _app("getWorkflowRunDetail", "GET", "/workflows/run/{workflow_run_id}", "workflows.detail"),
    _app("getWorkflowLogs", "GET", "/workflows/logs", "workflows.logs"),
    _app("streamWorkflowEvents", "GET", "/workflow/{workflow_run_id}/events", "workflows.resume", "1.14.0"),
    _app("getChatflowHumanInputForm", "GET", "/form/human_input/{form_token}", "forms.get", "1.14.0"),
    _app("submitChatflowHumanInputForm", "POST", "/form/human_input/{form_token}", "forms.submit", "1.14.0"),
    # Conversations, messages, feedback
    _app("getConversationsList", "GET", "/conversations", "conversations.list"),
    _app("renameConversation", "POST", "/conversations/{conversation_id}/name", "conversations.rename"),
    _app("deleteConversation", "DELETE", "/conversations/{conversation_id}", "conversations.delete"),
    _app("getConversationVariables", "GET", "/conversations/{conversation_id}/variables", "conversations.variables", "1.3.1"),
    _app(
        "updateChatConversationVariable",
        "PUT",
        "/conversations/{conversation_id}/variables/{variable_id}",
        "conversations.update_variable",
        "1.7.2",
    ),
    _app("getConversationHistory", "GET", "/messages", "messages.list"),
    _app("postChatMessageFeedback", "POST", "/messages/{message_id}/feedbacks", "feedback.send", repeatable=True),
    _app("getChatAppFeedbacks", "GET", "/app/feedbacks", "feedback.list", "1.4.0"),
    # Files and audio
    _app("uploadChatFile", "POST", "/files/upload", "files.upload"),
    _app("previewChatFile", "GET", "/files/{file_id}/preview", "files.preview", "1.7.2"),
    _app("audioToText", "POST", "/audio-to-text", "audio.speech_to_text"),
    _app("textToAudioChat", "POST", "/text-to-audio", "audio.text_to_speech"),
    # The app, its users, its annotations
    _app("getChatAppInfo", "GET", "/info", "app.info"),
    _app("getChatAppParameters", "GET", "/parameters", "app.parameters"),
    _app("getChatAppMeta", "GET", "/meta", "app.meta"),
    _app("getChatWebAppSettings", "GET", "/site", "app.site", "1.4.0"),
    _app("getEndUserChat", "GET", "/end-users/{end_user_id}", "end_users.get", "1.13.0"),
    _app("createAnnotation", "POST", "/apps/annotations", "annotations.create", "1.2.0"),
    _app("getAnnotationList", "GET", "/apps/annotations", "annotations.list", "1.2.0"),
    _app("updateAnnotation", "PUT", "/apps/annotations/{annotation_id}", "annotations.update", "1.2.0"),
    _app("deleteAnnotation", "DELETE", "/apps/annotations/{annotation_id}", "annotations.delete", "1.2.0"),
    _app("initialAnnotationReplySettings", "POST", "/apps/annotation-reply/{action}", "annotations.configure_reply", "1.2.0"),
    _app(
        "getInitialAnnotationReplySettingsStatus",
        "GET",
        "/apps/annotation-reply/{action}/status/{job_id}",
        "annotations.reply_status",
        "1.2.0",
    ),
    # Knowledge bases
    _dataset("createDataset", "POST", "/datasets", "create"),
    _dataset("listDatasets", "GET", "/datasets", "list"),
    _dataset("getDatasetDetail", "GET", _DATASET, "get", "1.2.0"),
    _dataset("updateDataset", "PATCH", _DATASET, "update", "1.2.0"),
    _dataset("deleteDataset", "DELETE", _DATASET, "delete"),
    _dataset(
        "retrieveSegments",
        "POST",
        f"{_DATASET}/retrieve",
        "retrieve",
        repeatable=True,
        older=[("POST", f"{_DATASET}/hit-testing")],
    ),
    # Documents
    _dataset(
        "createDocumentFromText",
        "POST",
        f"{_DATASET}/document/create-by-text",
        "documents.create_by_text",
        older=[("POST", f"{_DATASET}/document/create_by_text")],
    ),
    _dataset(
        "createDocumentFromFile",
        "POST",
        f"{_DATASET}/document/create-by-file",
        "documents.create_by_file",
        older=[("POST", f"{_DATASET}/document/create_by_file")],
    ),
    _dataset("listDocuments", "GET", f"{_DATASET}/documents", "documents.list"),
    _dataset("getDocumentDetail", "GET", _DOCUMENT, "documents.get", "1.4.3"),
    _dataset("deleteDocument", "DELETE", _DOCUMENT, "documents.delete"),
    _dataset(
        "updateDocument",
        "PATCH",
        _DOCUMENT,
        "documents.update_by_file",
        "1.14.0",
        repeatable=False,
        older=[("POST", f"{_DOCUMENT}/update-by-file"), ("POST", f"{_DOCUMENT}/update_by_file")],
    ),
    # Deprecated by Dify; `documents.update_by_file` comes here with servers that lack the verb above.
    _dataset("updateDocumentByFile", "POST", f"{_DOCUMENT}/update-by-file", "documents.update_by_file"),
    _dataset(
        "updateDocumentByText",
        "POST",
        f"{_DOCUMENT}/update-by-text",
        "documents.update_by_text",
        older=[("POST", f"{_DOCUMENT}/update_by_text")],
    ),
    _dataset(
        "downloadDocument",
        "GET",
        f"{_DOCUMENT}/download",
        "documents.download_url",
        "1.13.1",
        older=[("GET", f"{_DOCUMENT}/upload-file")],  # 0.15.1 to 1.8
    ),
    _dataset("getDocumentIndexingStatus", "GET", f"{_DATASET}/documents/{{batch}}/indexing-status", "documents.indexing_status"),
    _dataset(
        "downloadDocumentsZip", "POST", f"{_DATASET}/documents/download-zip", "documents.download_zip", "1.13.1", repeatable=True
    ),
    _dataset("batchUpdateDocumentStatus", "PATCH", f"{_DATASET}/documents/status/{{action}}", "documents.set_status", "1.5.0"),
    # Chunks
    _dataset("createSegments", "POST", f"{_DOCUMENT}/segments", "segments.create"),
    _dataset("listSegments", "GET", f"{_DOCUMENT}/segments", "segments.list"),
    _dataset("getSegmentDetail", "GET", _SEGMENT, "segments.get", "1.4.2"),
    _dataset("updateSegment", "POST", _SEGMENT, "segments.update"),
    _dataset("deleteSegment", "DELETE", _SEGMENT, "segments.delete"),
    _dataset("createChildChunk", "POST", f"{_SEGMENT}/child_chunks", "child_chunks.create", "1.2.0"),
    _dataset("getChildChunks", "GET", f"{_SEGMENT}/child_chunks", "child_chunks.list", "1.2.0"),
    _dataset("updateChildChunk", "PATCH", _CHILD, "child_chunks.update", "1.2.0"),
    _dataset("deleteChildChunk", "DELETE", _CHILD, "child_chunks.delete", "1.2.0"),
    # Tags
    _dataset("createKnowledgeTag", "POST", "/datasets/tags", "tags.create", "1.4.2"),
    _dataset("getKnowledgeTags", "GET", "/datasets/tags", "tags.list", "1.4.2"),
    _dataset("updateKnowledgeTag", "PATCH", "/datasets/tags", "tags.update", "1.4.2"),
    _dataset("deleteKnowledgeTag", "DELETE", "/datasets/tags", "tags.delete", "1.4.2"),
    _dataset("bindTagsToDataset", "POST", "/datasets/tags/binding", "tags.bind", "1.4.2", repeatable=True),
    _dataset("unbindTagFromDataset", "POST", "/datasets/tags/unbinding", "tags.unbind", "1.4.2", repeatable=True),
    _dataset("queryDatasetTags", "GET", f"{_DATASET}/tags", "tags.of_dataset", "1.4.2"),
    # Metadata
    _dataset("createMetadataField", "POST", f"{_DATASET}/metadata", "metadata.create", "1.1.1"),
    _dataset("listMetadataFields", "GET", f"{_DATASET}/metadata", "metadata.list", "1.1.1"),
    _dataset("updateMetadataField", "PATCH", f"{_DATASET}/metadata/{{metadata_id}}", "metadata.update", "1.1.1"),
    _dataset("deleteMetadataField", "DELETE", f"{_DATASET}/metadata/{{metadata_id}}", "metadata.delete", "1.1.1"),
    _dataset("getBuiltInMetadataFields", "GET", f"{_DATASET}/metadata/built-in", "metadata.built_in", "1.1.1"),
    _dataset(
        "toggleBuiltInMetadataField",
        "POST",
        f"{_DATASET}/metadata/built-in/{{action}}",
        "metadata.set_built_in",
        "1.1.1",
        repeatable=True,
    ),
    _dataset("batchUpdateDocumentMetadata", "POST", f"{_DATASET}/documents/metadata", "metadata.assign", "1.1.1", repeatable=True),
    # Models and pipelines
    Endpoint(
        "getAvailableModels",
        "GET",
        "/workspaces/current/models/model-types/{model_type}",
        "models.list",
        "dataset",
        repeatable=True,
        since="1.2.0",
    ),
    _dataset("uploadPipelineFile", "POST", "/datasets/pipeline/file-upload", "pipelines.upload_file", "1.13.0"),
    _dataset("listDatasourcePlugins", "GET", f"{_DATASET}/pipeline/datasource-plugins", "pipelines.datasource_plugins", "1.13.0"),
    _dataset(
        "runDatasourceNode",
        "POST",
        f"{_DATASET}/pipeline/datasource/nodes/{{node_id}}/run",
        "pipelines.run_datasource_node",
        "1.13.0",
    ),
    _dataset("runPipeline", "POST", f"{_DATASET}/pipeline/run", "pipelines.run", "1.13.0"),
)
"""All 82 operations, in the order of the client's areas."""

_BY_ID = {endpoint.id: endpoint for endpoint in OPERATIONS}


def operation(
    id: str,
    read: Callable[[Answer], T],
    *,
    path: Mapping[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
    json: JsonObject | None = None,
    form: Mapping[str, str] | None = None,
    files: Sequence[FilePart] = (),
    streams: bool = False,
    downloads: bool = False,
    repeatable: bool | None = None,
) -> Operation[T]:
    """A call of one operation.

    Args:
        id: Dify's operationId.
        read: Answer to result.
        path: Values of the path's placeholders.
        query: Parameters.
        json: JSON body.
        form: Text fields of a multipart body.
        files: File parts.
        streams: Whether the answer is an event stream.
        downloads: Whether the answer's body is handed over unread.
        repeatable: Overrides the table, where it depends on the arguments.

    Raises:
        InvalidArgument: A path value that cannot stand in a path.
    """
    endpoint = _BY_ID[id]
    values = dict(path or {})

    def request(verb: str, template: str) -> Request:
        return Request(
            verb, path_of(template, **values), endpoint.key, tuple(query), json=json, form=dict(form or {}), files=tuple(files)
        )

    return Operation(
        id,
        request(endpoint.method, endpoint.path),
        read,
        repeatable=endpoint.repeatable if repeatable is None else repeatable,
        streams=streams,
        downloads=downloads,
        since=endpoint.since,
        older=tuple(request(verb, template) for verb, template in endpoint.older),
    )
