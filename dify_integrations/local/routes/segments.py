"""Segments of a document: add, list, show, change and delete chunks."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Dataset, Document, Segment
from ..knowledge import segment_shape
from ..knowledge.checks import Fields
from ..knowledge.chunking import children_of
from ..knowledge.shown import habits_of
from ..knowledge.writing import children
from ..replies import ApiError, answer, crash, invalid, not_found, schema_error
from ..state import State
from .access import dataset_of, json_body, state_of
from .lookups import deleted, document_of, lenient_number, segment_of


async def create(request: Request) -> Response:
    """POST …/segments; what is wrong with the list is told without code and status."""
    owner, state = dataset_of(request), state_of(request)
    owned = document_of(request, owner)
    if owned.status != "completed":
        raise not_found("Document is not completed.")
    if not owned.enabled:
        raise not_found("Document is disabled.")
    try:
        entries = _entries(state, await json_body(request))
    except _BadSegments as error:
        return answer({"error": error.message}, status=400)
    if owned.form == "qa_model" and not all(entry.get("answer") for entry in entries):
        raise invalid("Answer is required")
    made = [_made(state, owned, entry) for entry in entries]
    owned.count()
    return answer({"data": [segment_shape.segment(state, owner, owned, segment) for segment in made], "doc_form": owned.form})


class _BadSegments(ApiError):
    """A refusal that real servers write without their envelope."""


def _entries(state: State, body: dict[str, Any]) -> list[dict[str, Any]]:
    strict = habits_of(state).checks_segments
    if not strict and body.get("segments") is None:
        raise _BadSegments(400, "", "Segments is required")
    fields = Fields("SegmentCreatePayload", body)
    fields.required("segments")
    entries = list(body.get("segments") or [])
    if "segments" in body and not entries:
        fields.refuse("segments", "List should have at least 1 item after validation, not 0", "too_short", entries)
    for index, entry in enumerate(entries):
        if "content" not in entry:
            fields.refuse(f"segments.{index}.content", "Field required", "missing", entry)
        elif not str(entry["content"]).strip():
            fields.refuse(f"segments.{index}.content", "Value error, Content is empty", "value_error", entry["content"])
    if not strict:
        if not all(str(entry.get("content") or "").strip() for entry in entries):
            raise invalid("Content is empty")
        return entries
    try:
        fields.done()
    except ApiError as error:
        raise _BadSegments(400, "", error.message) from None
    return entries


def _made(state: State, owned: Document, entry: dict[str, Any]) -> Segment:
    position = max((segment.position for segment in owned.segments), default=0) + 1
    content = str(entry["content"])
    # 0.15 keeps no keywords of questions, and takes those of other texts from themselves.
    old = habits_of(state).is_old
    keywords = None if old and owned.form == "qa_model" else entry.get("keywords", None if old else [])
    answer_text = entry.get("answer") if owned.form == "qa_model" else None
    made = Segment(state.new_id("segment"), position, content, keywords, answer=answer_text, created_at=state.now())
    made.child_chunks = _regenerated(state, owned, content)
    owned.segments.append(made)
    return made


def _regenerated(state: State, owned: Document, content: str) -> list[Any]:
    hierarchical = owned.form == "hierarchical_model"
    return children(state, children_of(content, owned.process_rule.rules)) if hierarchical else []


async def segments(request: Request) -> Response:
    """GET …/segments; 0.15 knows no pages."""
    owner, state = dataset_of(request), state_of(request)
    owned = document_of(request, owner)
    keyword = request.query_params.get("keyword", "").lower()
    statuses = request.query_params.getlist("status")
    listed = [
        segment_shape.segment(state, owner, owned, segment) for segment in owned.segments if owned.progress.reached("indexing")
    ]
    found = [shown for shown in listed if keyword in shown["content"].lower() and (not statuses or shown["status"] in statuses)]
    if habits_of(state).is_old:
        return answer({"data": found, "doc_form": owned.form, "total": len(found)})
    page, limit = lenient_number(request, "page", 1), lenient_number(request, "limit", 20)
    size = min(limit, 100)
    data = found[(page - 1) * size : page * size]
    paging = {"total": len(found), "has_more": len(data) == limit, "limit": limit, "page": page}
    return answer({"data": data, "doc_form": owned.form, **paging})


async def segment(request: Request) -> Response:
    """GET …/segments/{segment_id}."""
    owner = dataset_of(request)
    owned = document_of(request, owner)
    return _shown(state_of(request), owner, owned, segment_of(request, owned))


async def update(request: Request) -> Response:
    """POST …/segments/{segment_id}: a disabled segment only takes the call that enables it."""
    owner, state = dataset_of(request), state_of(request)
    owned = document_of(request, owner)
    body = await json_body(request)
    # 0.15 breaks where the wrapper is missing, but only after it found the segment.
    old = habits_of(state).is_old
    if not old:
        _check_wrapper(body)
    found = segment_of(request, owned)
    if old and not body.get("segment"):
        raise crash()
    given = body["segment"]
    if not found.enabled and given.get("enabled") is not True:
        raise invalid("Can't update disabled segment")
    if owned.form == "qa_model" and given.get("content") and not given.get("answer"):
        raise invalid("Answer is required")
    _apply(state, owned, found, given)
    return _shown(state, owner, owned, found)


def _check_wrapper(body: dict[str, Any]) -> None:
    if not isinstance(body.get("segment"), dict):
        raise schema_error("SegmentUpdatePayload", [("segment", "Field required", "missing", body)])


def _apply(state: State, owned: Document, changed: Segment, given: dict[str, Any]) -> None:
    now = state.now()
    if given.get("content"):
        changed.content = str(given["content"])
    if owned.form == "qa_model" and given.get("answer"):
        changed.answer = str(given["answer"])
    for name in ("keywords", "summary"):
        if given.get(name) is not None:
            setattr(changed, name, given[name])
    if given.get("enabled") is not None:
        changed.enabled = bool(given["enabled"])
        changed.disabled_at = None if changed.enabled else now
    if given.get("regenerate_child_chunks"):
        changed.child_chunks = _regenerated(state, owned, changed.content)
    changed.updated_at, changed.edited = now, True
    owned.count()


async def delete(request: Request) -> Response:
    """DELETE …/segments/{segment_id}."""
    owned = document_of(request, dataset_of(request))
    owned.segments.remove(segment_of(request, owned))
    owned.count()
    return deleted(request)


def _shown(state: State, owner: Dataset, owned: Document, shown: Segment) -> Response:
    return answer({"data": segment_shape.segment(state, owner, owned, shown), "doc_form": owned.form})


_SEGMENTS = "/datasets/{dataset_id:uuid}/documents/{document_id:uuid}/segments"
ROUTES = [
    Route(_SEGMENTS, create, methods=["POST"]),
    Route(_SEGMENTS, segments, methods=["GET"]),
    Route(f"{_SEGMENTS}/{{segment_id:uuid}}", segment, methods=["GET"]),
    Route(f"{_SEGMENTS}/{{segment_id:uuid}}", update, methods=["POST"]),
    Route(f"{_SEGMENTS}/{{segment_id:uuid}}", delete, methods=["DELETE"]),
]
