"""Chunks, metadata, tags, models and pipelines."""

from __future__ import annotations

from typing import Any

from dify_integrations.models.metadata import DocumentMetadata
from dify_integrations.models.pipelines import LocalFile
from dify_integrations.models.segments import SegmentInput
from tests.wire.calls import differences as differ
from tests.wire.calls.base import Asked, Json, Reason, Route, Unreachable, by_ids, given
from tests.wire.calls.knowledge import page

NO_SEGMENTS = Reason("the chunks are an argument that must be given")
NO_SEGMENT = Reason("the client refuses a list without chunks: servers make nothing of it and say success", answered=True)
BAD_ACTION = Reason("built-in fields are enabled or disabled; servers answer any other word with success", answered=True)
NO_TEXT = Reason("the text is an argument that must be given")
NO_NAME = Reason("name and type are arguments that must be given")
NO_TAG = Reason("the tag is an argument that must be given")
NO_VALUES = Reason("the documents are an argument that must be given")
NO_RUN = Reason("what a run needs are arguments that must be given")


def _page(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, page(asked)


def _create_segments(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "segments", reason=NO_SEGMENTS)
    if not body["segments"]:
        raise Unreachable(NO_SEGMENT)
    return (*asked.ids, [SegmentInput.model_validate(entry) for entry in body["segments"]]), {}


def _update_segment(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, given(asked.json(), "segment", reason=NO_SEGMENTS)["segment"]


def _child_chunk(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, given(asked.json(), "content", reason=NO_TEXT)


def _create_field(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, given(asked.json(), "name", "type", reason=NO_NAME)


def _rename_field(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, given(asked.json(), "name", reason=NO_NAME)


def _set_built_in(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    if asked.ids[1] not in ("enable", "disable"):
        raise Unreachable(BAD_ACTION)
    return asked.ids, {}


def _assign(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    entries = given(asked.json(), "operation_data", reason=NO_VALUES)["operation_data"]
    return (*asked.ids, [DocumentMetadata.model_validate(entry) for entry in entries]), {}


def _create_tag(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return (given(asked.json(), "name", reason=NO_NAME)["name"],), {}


def _change_tag(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "tag_id", reason=NO_TAG)
    return (body.pop("tag_id"),), body


def _bind(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "tag_ids", reason=NO_TAG)
    return (body["target_id"], body["tag_ids"]), {}


def _unbind(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "target_id", reason=NO_TAG)
    return (body["target_id"], body.get("tag_ids") or [body["tag_id"]]), {}


def _nodes(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, {"is_published": asked.query["is_published"] == "true"} if "is_published" in asked.query else {}


def _run(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "start_node_id", reason=NO_RUN)
    if body.pop("response_mode") != "blocking":
        raise Unreachable(NO_RUN)
    return (*asked.ids, [LocalFile.model_validate(entry) for entry in body.pop("datasource_info_list")]), body


def _run_node(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, given(asked.json(), "datasource_type", reason=NO_RUN)


def _upload(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return (asked.file(),), {}


_BARE = (differ.no_user, differ.no_body)

ROUTES = [
    Route("createSegments", _create_segments),
    Route("listSegments", _page, differ.LISTED),
    Route("getSegmentDetail", by_ids, (differ.no_user,)),
    Route("updateSegment", _update_segment),
    Route("deleteSegment", by_ids, _BARE),
    Route("createChildChunk", _child_chunk),
    Route("getChildChunks", _page, differ.LISTED),
    Route("updateChildChunk", _child_chunk),
    Route("deleteChildChunk", by_ids, _BARE),
    Route("createMetadataField", _create_field),
    Route("listMetadataFields", by_ids, (differ.no_user,)),
    Route("updateMetadataField", _rename_field),
    Route("deleteMetadataField", by_ids, _BARE),
    Route("getBuiltInMetadataFields", by_ids, (differ.no_user,)),
    Route("toggleBuiltInMetadataField", _set_built_in, _BARE),
    Route("batchUpdateDocumentMetadata", _assign, (differ.partial_update_named,)),
    Route("createKnowledgeTag", _create_tag),
    Route("getKnowledgeTags", by_ids, (differ.no_user,)),
    Route("updateKnowledgeTag", _change_tag),
    Route("deleteKnowledgeTag", _change_tag),
    Route("bindTagsToDataset", _bind),
    Route("unbindTagFromDataset", _unbind, (differ.both_tag_names,)),
    Route("queryDatasetTags", by_ids, (differ.no_user,)),
    Route("getAvailableModels", by_ids, (differ.no_user,)),
    Route("uploadPipelineFile", _upload),
    Route("listDatasourcePlugins", _nodes, (differ.no_user, differ.published_named)),
    Route("runPipeline", _run),
    Route("runDatasourceNode", _run_node),
]
