"""Metadata fields of knowledge bases, and the values documents have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from ..core.jsonio import JsonObject, JsonValue
from ..core.operation import Operation, nothing, reading
from ..errors import NotFound
from ..models.metadata import BuiltInMetadataFields, DocumentMetadata, MetadataField, MetadataFields
from .catalogue import operation
from .choices import chosen

MetadataType = Literal["string", "number", "time"]
BuiltInAction = Literal["enable", "disable"]


def create(dataset_id: str, *, name: str, type: MetadataType) -> Operation[MetadataField]:
    body: JsonObject = {"type": chosen("type", type, get_args(MetadataType)), "name": name}
    return operation("createMetadataField", reading(MetadataField.model_validate), path={"dataset_id": dataset_id}, json=body)


def fields(dataset_id: str) -> Operation[MetadataFields]:
    return operation("listMetadataFields", reading(MetadataFields.model_validate), path={"dataset_id": dataset_id})


def update(dataset_id: str, metadata_id: str, *, name: str) -> Operation[MetadataField]:
    path = {"dataset_id": dataset_id, "metadata_id": metadata_id}
    return operation("updateMetadataField", reading(_renamed), path=path, json={"name": name})


def delete(dataset_id: str, metadata_id: str) -> Operation[None]:
    return operation("deleteMetadataField", nothing, path={"dataset_id": dataset_id, "metadata_id": metadata_id})


def built_in(dataset_id: str) -> Operation[BuiltInMetadataFields]:
    return operation("getBuiltInMetadataFields", reading(BuiltInMetadataFields.model_validate), path={"dataset_id": dataset_id})


def set_built_in(dataset_id: str, action: BuiltInAction) -> Operation[None]:
    # Servers answer any other action with "success".
    path = {"dataset_id": dataset_id, "action": chosen("action", action, get_args(BuiltInAction))}
    return operation("toggleBuiltInMetadataField", nothing, path=path)


def assign(dataset_id: str, operations: Sequence[DocumentMetadata]) -> Operation[None]:
    data: list[JsonValue] = [DocumentMetadata.model_validate(entry).to_wire() for entry in operations]
    return operation("batchUpdateDocumentMetadata", nothing, path={"dataset_id": dataset_id}, json={"operation_data": data})


def _renamed(value: JsonValue) -> MetadataField:
    if isinstance(value, dict) and value.get("id") is None:
        # Dify ≤ 1.14.2 answers an unknown id with 200 and every field null.
        raise NotFound("no metadata field with this id", status=404, code="not_found")
    return MetadataField.model_validate(value)
