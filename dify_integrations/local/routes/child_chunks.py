"""Child chunks of a hierarchical segment."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Segment
from ..knowledge import segment_shape
from ..knowledge.checks import Fields
from ..knowledge.documents import ChildChunk
from ..replies import answer, not_found
from .access import dataset_of, json_body, state_of
from .lookups import deleted, document_of, lenient_number, segment_of


def _parent(request: Request) -> Segment:
    return segment_of(request, document_of(request, dataset_of(request)))


def _child(request: Request, parent: Segment) -> ChildChunk:
    wanted = str(request.path_params["child_chunk_id"])
    found = next((child for child in parent.child_chunks if child.id == wanted), None)
    if found is None:
        raise not_found("Child chunk not found.")
    return found


async def _content(request: Request, model: str) -> str:
    body = await json_body(request)
    fields = Fields(model, body)
    fields.required("content")
    fields.text("content")
    fields.done()
    return str(body["content"])


async def create(request: Request) -> Response:
    """POST …/child_chunks; an empty text is taken."""
    parent, state = _parent(request), state_of(request)
    content = await _content(request, "ChildChunkCreatePayload")
    position = max((child.position for child in parent.child_chunks), default=0) + 1
    now = state.now()
    made = ChildChunk(state.new_id("child"), position, content, now, now, "customized")
    parent.child_chunks.append(made)
    return answer({"data": segment_shape.child(state, parent, made)})


async def child_chunks(request: Request) -> Response:
    """GET …/child_chunks."""
    parent = _parent(request)
    keyword = request.query_params.get("keyword", "").lower()
    page, limit = lenient_number(request, "page", 1), min(lenient_number(request, "limit", 20), 100)
    found = [child for child in parent.child_chunks if keyword in child.content.lower()]
    data = [segment_shape.child(state_of(request), parent, child) for child in found[(page - 1) * limit : page * limit]]
    pages = -(-len(found) // limit)
    return answer({"data": data, "total": len(found), "total_pages": pages, "page": page, "limit": limit})


async def update(request: Request) -> Response:
    """PATCH …/child_chunks/{child_chunk_id}."""
    parent = _parent(request)
    changed = _child(request, parent)
    changed.content = await _content(request, "ChildChunkUpdatePayload")
    changed.updated_at, changed.type = state_of(request).now(), "customized"
    return answer({"data": segment_shape.child(state_of(request), parent, changed)})


async def delete(request: Request) -> Response:
    """DELETE …/child_chunks/{child_chunk_id}."""
    parent = _parent(request)
    parent.child_chunks.remove(_child(request, parent))
    return deleted(request)


_CHILDREN = "/datasets/{dataset_id:uuid}/documents/{document_id:uuid}/segments/{segment_id:uuid}/child_chunks"
ROUTES = [
    Route(_CHILDREN, create, methods=["POST"]),
    Route(_CHILDREN, child_chunks, methods=["GET"]),
    Route(f"{_CHILDREN}/{{child_chunk_id:uuid}}", update, methods=["PATCH"]),
    Route(f"{_CHILDREN}/{{child_chunk_id:uuid}}", delete, methods=["DELETE"]),
]
