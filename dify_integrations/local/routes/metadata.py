"""Metadata fields of a dataset, the built-in ones, and the values of documents."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Dataset, MetadataField
from ..knowledge.checks import Fields
from ..knowledge.document_shape import BUILT_IN
from ..knowledge.shown import habits_of
from ..replies import answer, invalid, schema_error
from ..state import State
from .access import dataset_of, json_body, state_of
from .lookups import deleted, succeeded


async def create(request: Request) -> Response:
    """POST /datasets/{dataset_id}/metadata."""
    owner, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    fields = Fields("MetadataArgs", body)
    fields.required("type", "name")
    fields.text("name")
    fields.choice("type", ("string", "number", "time"))
    fields.done()
    _check_name(owner, body["name"])
    made = MetadataField(state.new_id("metadata"), body["name"], body["type"])
    owner.fields.append(made)
    return answer(_shown(made), status=201)


def _check_name(owner: Dataset, name: str) -> None:
    if len(name) > 255:
        raise invalid("Metadata name cannot exceed 255 characters.")
    if owner.field_named(name):
        raise invalid("Metadata name already exists.")
    if name in BUILT_IN:
        raise invalid("Metadata name already exists in Built-in fields.")


def _shown(field: MetadataField) -> dict[str, Any]:
    return {"id": field.id, "type": field.type, "name": field.name}


async def metadata(request: Request) -> Response:
    """GET /datasets/{dataset_id}/metadata, with how many documents have a value."""
    owner = dataset_of(request)
    listed = [
        {
            "id": field.id,
            "name": field.name,
            "type": field.type,
            "count": sum(field.name in document.metadata for document in owner.documents),
        }
        for field in owner.fields
    ]
    return answer({"doc_metadata": listed, "built_in_field_enabled": owner.settings.built_in_fields})


async def update(request: Request) -> Response:
    """PATCH /datasets/{dataset_id}/metadata/{metadata_id}: values follow the name."""
    owner, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    fields = Fields("MetadataUpdatePayload", body)
    fields.required("name")
    fields.text("name")
    fields.done()
    _check_name(owner, body["name"])
    found = _field(request, owner)
    if found is None:
        return _nobody(state)
    for document in owner.documents:
        document.metadata = {body["name"] if name == found.name else name: value for name, value in document.metadata.items()}
    found.name = body["name"]
    return answer(_shown(found))


def _field(request: Request, owner: Dataset) -> MetadataField | None:
    wanted = str(request.path_params["metadata_id"])
    return next((field for field in owner.fields if field.id == wanted), None)


def _nobody(state: State) -> Response:
    """An unknown field is changed all the same; the main branch only stumbles over the answer."""
    if not habits_of(state).is_main:
        return answer({"id": None, "type": None, "name": None})
    sentence = "Input should be a valid dictionary or object to extract fields from"
    raise schema_error("DatasetMetadataResponse", [("", sentence, "model_attributes_type", None)])


async def delete(request: Request) -> Response:
    """DELETE /datasets/{dataset_id}/metadata/{metadata_id}; an unknown one is a success too."""
    owner = dataset_of(request)
    found = _field(request, owner)
    if found is not None:
        owner.fields.remove(found)
        for document in owner.documents:
            document.metadata.pop(found.name, None)
    return deleted(request)


async def built_in(request: Request) -> Response:
    """GET /datasets/{dataset_id}/metadata/built-in."""
    dataset_of(request)
    return answer({"fields": [{"name": name, "type": kind} for name, kind in BUILT_IN.items()]})


async def set_built_in(request: Request) -> Response:
    """POST /datasets/{dataset_id}/metadata/built-in/{action}; any other action is a success without effect."""
    owner = dataset_of(request)
    action = request.path_params["action"]
    if action in {"enable", "disable"}:
        owner.settings.built_in_fields = action == "enable"
    return succeeded()


async def assign(request: Request) -> Response:
    """POST /datasets/{dataset_id}/documents/metadata: replaces all values unless `partial_update` says otherwise."""
    owner, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    fields = Fields("MetadataOperationData", body)
    fields.required("operation_data")
    fields.done()
    for operation in body["operation_data"]:
        document = owner.document(str(operation.get("document_id")))
        if document is None:
            if habits_of(state).refuses_unknown_documents:
                raise invalid("Document not found.")
            continue
        values = {str(entry["name"]): entry.get("value") for entry in operation.get("metadata_list") or []}
        document.metadata = {**document.metadata, **values} if operation.get("partial_update") else values
        document.updated_at = state.now()
    return succeeded()


_METADATA = "/datasets/{dataset_id:uuid}/metadata"
ROUTES = [
    Route(_METADATA, create, methods=["POST"]),
    Route(_METADATA, metadata, methods=["GET"]),
    Route(f"{_METADATA}/built-in", built_in, methods=["GET"]),
    Route(f"{_METADATA}/built-in/{{action}}", set_built_in, methods=["POST"]),
    Route(f"{_METADATA}/{{metadata_id:uuid}}", update, methods=["PATCH"]),
    Route(f"{_METADATA}/{{metadata_id:uuid}}", delete, methods=["DELETE"]),
    Route("/datasets/{dataset_id:uuid}/documents/metadata", assign, methods=["POST"]),
]
