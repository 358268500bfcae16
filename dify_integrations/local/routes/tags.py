"""Knowledge tags: made, listed, renamed and deleted by body, bound to and unbound from datasets."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE
from ..knowledge.checks import Fields
from ..knowledge.shown import habits_of
from ..knowledge.store import Tag
from ..replies import answer, crash, invalid, not_found, schema_error
from ..state import State
from .access import check_dataset_key, dataset_of, guessing, is_uuid, json_body, state_of
from .lookups import deleted


async def create(request: Request) -> Response:
    """POST /datasets/tags."""
    state, body = await _body(request, "TagCreatePayload")
    if any(tag.name == body["name"] for tag in state.knowledge.tags.values()):
        raise invalid("Tag name already exists")
    made = Tag(_new_id(state, body["name"]), body["name"])
    state.knowledge.tags[made.id] = made
    return _answered(state, made)


def _new_id(state: State, name: str) -> str:
    # It derives from the name, since the releases that fumble tags tell it nowhere until one is bound.
    derived = str(uuid.uuid5(NAMESPACE, f"tag/{name}"))
    return state.new_id("tag") if derived in state.knowledge.tags else derived


async def _body(request: Request, model: str) -> tuple[State, dict[str, Any]]:
    check_dataset_key(request)
    body = await json_body(request)
    fields = Fields(model, body)
    fields.required("name", *(["tag_id"] if "Update" in model else []))
    fields.text("name", least=1, most=50)
    fields.done()
    return state_of(request), body


def _answered(state: State, tag: Tag) -> Response:
    _fumble(state, [tag], "DataSetTag", "binding_count")
    return answer(_shown(tag))


def _fumble(state: State, tags: list[Tag], model: str, field: str) -> None:
    # The count is a number where the release's own answer model wants a text: what was asked for is done by then.
    if tags and habits_of(state).fumbles_tags:
        raise schema_error(model, [(field, "Input should be a valid string", "string_type", len(tags[0].bound))])


def _shown(tag: Tag) -> dict[str, Any]:
    return {"id": tag.id, "name": tag.name, "type": "knowledge", "binding_count": str(len(tag.bound))}


async def tags(request: Request) -> Response:
    """GET /datasets/tags: a bare list."""
    check_dataset_key(request)
    state = state_of(request)
    found = list(state.knowledge.tags.values())
    _fumble(state, found, "list[DataSetTag]", "0.binding_count")
    return answer([_shown(tag) for tag in found])


async def update(request: Request) -> Response:
    """PATCH /datasets/tags."""
    state, body = await _body(request, "TagUpdatePayload")
    found = _tag(request, body["tag_id"])
    found.name = body["name"]
    return _answered(state, found)


def _tag(request: Request, tag_id: Any) -> Tag:
    if not is_uuid(str(tag_id)):
        raise crash()
    found = state_of(request).knowledge.tags.get(str(tag_id))
    if found is None:
        raise guessing(not_found("Tag not found."), request)
    return found


async def delete(request: Request) -> Response:
    """DELETE /datasets/tags."""
    check_dataset_key(request)
    body = await json_body(request)
    fields = Fields("TagDeletePayload", body)
    fields.required("tag_id")
    fields.done()
    found = _tag(request, body["tag_id"])
    del state_of(request).knowledge.tags[found.id]
    return deleted(request)


async def bind(request: Request) -> Response:
    """POST /datasets/tags/binding."""
    check_dataset_key(request)
    body = await json_body(request)
    fields = Fields("TagBindingPayload", body)
    fields.required("tag_ids", "target_id")
    if "tag_ids" in body and not body["tag_ids"]:
        fields.refuse("tag_ids", "Value error, Tag IDs is required.", "value_error", body["tag_ids"])
    fields.done()
    return _rebound(request, body["tag_ids"], body["target_id"], lambda tag, target: tag.bound.add(target))


async def unbind(request: Request) -> Response:
    """POST /datasets/tags/unbinding: one `tag_id`, in newer releases also `tag_ids`."""
    check_dataset_key(request)
    body = await json_body(request)
    fields = Fields("TagUnbindingPayload", body)
    if habits_of(state_of(request)).unbinds_one_tag:
        fields.required("tag_id")
    elif not body.get("tag_id") and not body.get("tag_ids"):
        fields.refuse("", "Value error, Tag IDs is required.", "value_error", body)
    fields.required("target_id")
    fields.done()
    wanted = body.get("tag_ids") or [body["tag_id"]]
    if habits_of(state_of(request)).unbinds_one_tag:
        wanted = [body["tag_id"]]
    return _rebound(request, wanted, body["target_id"], lambda tag, target: tag.bound.discard(target))


def _rebound(request: Request, tag_ids: list[Any], target: Any, change: Callable[[Tag, str], None]) -> Response:
    state = state_of(request)
    if str(target) not in state.datasets:
        raise guessing(not_found("Dataset not found."), request)
    if not all(is_uuid(str(tag_id)) for tag_id in tag_ids):
        raise crash()
    for tag_id in tag_ids:
        tag = state.knowledge.tags.get(str(tag_id))
        if tag is not None:
            change(tag, str(target))
    return deleted(request)


async def of_dataset(request: Request) -> Response:
    """GET /datasets/{dataset_id}/tags."""
    owner, state = dataset_of(request), state_of(request)
    found = [{"id": tag.id, "name": tag.name} for tag in state.knowledge.tags.values() if owner.id in tag.bound]
    return answer({"data": found, "total": len(found)})


ROUTES = [
    Route("/datasets/tags", create, methods=["POST"]),
    Route("/datasets/tags", tags, methods=["GET"]),
    Route("/datasets/tags", update, methods=["PATCH"]),
    Route("/datasets/tags", delete, methods=["DELETE"]),
    Route("/datasets/tags/binding", bind, methods=["POST"]),
    Route("/datasets/tags/unbinding", unbind, methods=["POST"]),
    Route("/datasets/{dataset_id:uuid}/tags", of_dataset, methods=["GET"]),
]
