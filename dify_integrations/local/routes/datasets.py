"""`/datasets`: create, list, show, change and delete knowledge bases."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Dataset
from ..knowledge import dataset_shape
from ..knowledge.checks import PERMISSIONS, TECHNIQUES, Fields
from ..knowledge.shown import habits_of
from ..replies import ApiError, answer, invalid, schema_error
from ..state import State
from .access import check_dataset_key, dataset_of, json_body, state_of
from .lookups import deleted, gone, page_of

# What the API may set, as it is called in bodies and settings alike.
_SETTINGS = (
    "permission",
    "indexing_technique",
    "embedding_model",
    "embedding_model_provider",
    "provider",
    "retrieval_model",
    "external_knowledge_id",
    "external_knowledge_api_id",
    "external_retrieval_model",
    "summary_index_setting",
)


async def create(request: Request) -> Response:
    """POST /datasets."""
    check_dataset_key(request)
    state, body = state_of(request), await json_body(request)
    _check(state, "DatasetCreatePayload", body, creating=True)
    if any(dataset.name == body["name"] for dataset in state.datasets.values()):
        text = "The dataset name already exists. Please modify your dataset name."
        raise ApiError(409, "dataset_name_duplicate", text)
    made = Dataset(body["name"], id=state.new_id("dataset"), indexing_technique=None, description=body.get("description") or "")
    made.created_at = made.updated_at = state.now()
    made.settings.permission = "only_me"
    _apply(made, body)
    state.datasets[made.id] = made
    return answer(dataset_shape.dataset(state, made, changed=True))


def _check(state: State, model: str, body: dict[str, Any], *, creating: bool) -> None:
    fields = Fields(model, body, old=habits_of(state).is_old)
    if creating:
        fields.required("name")
    fields.text("name", least=1, most=40)
    fields.text("description", most=400)
    fields.choice("indexing_technique", TECHNIQUES)
    fields.choice("permission", PERMISSIONS, kind="enum")
    fields.choice("provider", ("vendor", "external"))
    fields.done()


def _apply(changed: Dataset, body: dict[str, Any]) -> None:
    for name in _SETTINGS:
        if body.get(name) is not None:
            setattr(changed.settings, name, body[name])


async def datasets(request: Request) -> Response:
    """GET /datasets: those made through the API first, the newest before the others."""
    check_dataset_key(request)
    state = state_of(request)
    wanted = request.query_params.get("keyword", "").lower()
    tags = _wanted_tags(state, request)
    given = [dataset for dataset in state.datasets.values() if dataset.created_at is None]
    made = [dataset for dataset in state.datasets.values() if dataset.created_at is not None]
    found = [dataset for dataset in [*reversed(made), *given] if wanted in dataset.name.lower()]
    if tags:
        found = [dataset for dataset in found if any(dataset.id in state.knowledge.tags[tag].bound for tag in tags)]
    page = page_of(request, found, "DatasetListQuery")
    page["data"] = [dataset_shape.dataset(state, dataset) for dataset in page["data"]]
    return answer(page)


def _wanted_tags(state: State, request: Request) -> list[str]:
    wanted = request.query_params.getlist("tag_ids")
    if wanted and habits_of(state).fumbles_tags:
        raise schema_error("DatasetListQuery", [("tag_ids", "Input should be a valid list", "list_type", wanted[0])])
    return [tag for tag in wanted if tag in state.knowledge.tags]


async def dataset(request: Request) -> Response:
    """GET /datasets/{dataset_id}."""
    found = dataset_of(request)
    return answer(dataset_shape.dataset(state_of(request), found, detail=True))


async def update(request: Request) -> Response:
    """PATCH /datasets/{dataset_id}."""
    found, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    _check(state, "DatasetUpdatePayload", body, creating=False)
    name = body.get("name") or found.name
    if any(other.name == name and other is not found for other in state.datasets.values()):
        raise invalid("Dataset name already exists")
    found.name = name
    found.description = body.get("description", found.description) or ""
    _apply(found, body)
    if "partial_member_list" in body:
        found.settings.members = [str(member["user_id"]) for member in body["partial_member_list"] or []]
    found.updated_at = state.now()
    return answer({**dataset_shape.dataset(state, found, changed=True), "partial_member_list": found.settings.members})


async def delete(request: Request) -> Response:
    """DELETE /datasets/{dataset_id}; apps that use it lose it."""
    found, state = dataset_of(request), state_of(request)
    del state.datasets[found.id]
    for tag in state.knowledge.tags.values():
        tag.bound.discard(found.id)
    for app in state.apps.values():
        if found in app.datasets:
            app.datasets.remove(found)
    # The one delete that 0.15 answers as documented.
    return gone() if habits_of(state).is_old else deleted(request)


ROUTES = [
    Route("/datasets", create, methods=["POST"]),
    Route("/datasets", datasets, methods=["GET"]),
    Route("/datasets/{dataset_id:uuid}", dataset, methods=["GET"]),
    Route("/datasets/{dataset_id:uuid}", update, methods=["PATCH"]),
    Route("/datasets/{dataset_id:uuid}", delete, methods=["DELETE"]),
]
