"""Tags of knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from ..core.jsonio import JsonObject
from ..core.operation import Operation, nothing, reading
from ..core.request import segment
from ..errors import InvalidArgument
from ..models.tags import DatasetTags, Tag, TagList
from .catalogue import operation

_TAGS = TypeAdapter(TagList)


def create(name: str) -> Operation[Tag]:
    return operation("createKnowledgeTag", reading(Tag.model_validate), json={"name": name})


def every() -> Operation[TagList]:
    return operation("getKnowledgeTags", reading(_TAGS.validate_python))


def update(tag_id: str, *, name: str) -> Operation[Tag]:
    return operation("updateKnowledgeTag", reading(Tag.model_validate), json={**_tag(tag_id), "name": name})


def delete(tag_id: str) -> Operation[None]:
    return operation("deleteKnowledgeTag", nothing, json=_tag(tag_id))


def bind(dataset_id: str, tag_ids: Sequence[str]) -> Operation[None]:
    body: JsonObject = {"tag_ids": [*several(tag_ids)], "target_id": segment("dataset_id", dataset_id)}
    return operation("bindTagsToDataset", nothing, json=body)


def unbind(dataset_id: str, tag_id: str) -> Operation[None]:
    # ≤ 1.14.0 takes one tag in `tag_id`, newer servers a list in `tag_ids`; each ignores the other's.
    body: JsonObject = {**_tag(tag_id), "tag_ids": [tag_id], "target_id": segment("dataset_id", dataset_id)}
    return operation("unbindTagFromDataset", nothing, json=body)


def of_dataset(dataset_id: str) -> Operation[DatasetTags]:
    return operation("queryDatasetTags", reading(DatasetTags.model_validate), path={"dataset_id": dataset_id})


def several(tag_ids: Sequence[str]) -> Sequence[str]:
    """`tag_ids`, all of which can be sent.

    Raises:
        InvalidArgument: None at all, one that cannot be an id, or a string, which is no list.
    """
    if isinstance(tag_ids, str) or not tag_ids:
        raise InvalidArgument("tag_ids takes a list of one or more tag ids")
    return [segment("tag_ids", tag_id) for tag_id in tag_ids]


def _tag(tag_id: str) -> JsonObject:
    # An empty id makes servers fail with 500.
    return {"tag_id": segment("tag_id", tag_id)}
