"""`/apps/annotations` and `/apps/annotation-reply`: prepared answers and the switch that lets them answer."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..annotations import Annotation, Annotations, Job
from ..replies import answer, crash, invalid, not_found, schema_error
from .access import app_of, json_body, state_of, whole_number

_SETTINGS = ("score_threshold", "embedding_provider_name", "embedding_model_name")


async def create(request: Request) -> Response:
    """POST /apps/annotations."""
    kept = _kept(request)
    body = await json_body(request)
    _require(body, ("question", "answer"), "AnnotationCreatePayload")
    state = state_of(request)
    made = Annotation(state.new_id("annotation"), str(body["question"]), str(body["answer"]), state.now())
    kept.entries[made.id] = made
    return answer(_shown(made), status=201)


async def entries(request: Request) -> Response:
    """GET /apps/annotations: newest first; `has_more` says only that the page is full."""
    kept, model = _kept(request), "AnnotationListQuery"
    page = whole_number(request, "page", 1, model=model, least=1)
    limit = whole_number(request, "limit", 20, model=model, least=1)
    wanted, size = request.query_params.get("keyword", "").lower(), min(limit, 100)
    found = [entry for entry in kept.entries.values() if wanted in f"{entry.question}\n{entry.answer}".lower()]
    found.sort(key=lambda entry: -entry.created_at)
    data = [_shown(entry) for entry in found[(page - 1) * size : page * size]]
    return answer({"data": data, "has_more": len(data) == limit, "limit": limit, "total": len(found), "page": page})


async def update(request: Request) -> Response:
    """PUT /apps/annotations/{annotation_id}."""
    kept = _kept(request)
    body = await json_body(request)
    _require(body, ("question", "answer"), "AnnotationCreatePayload")
    entry = _entry(request, kept)
    entry.question, entry.answer = str(body["question"]), str(body["answer"])
    return answer(_shown(entry))


async def delete(request: Request) -> Response:
    """DELETE /apps/annotations/{annotation_id}."""
    kept = _kept(request)
    del kept.entries[_entry(request, kept).id]
    return Response(status_code=204, media_type="application/json")


async def switch(request: Request) -> Response:
    """POST /apps/annotation-reply/{action}: takes effect at once, though its job says `waiting` first."""
    kept = _kept(request)
    body = await json_body(request)
    _require(body, _SETTINGS, "AnnotationReplyActionPayload")
    action, state = str(request.path_params["action"]), state_of(request)
    if action not in {"enable", "disable"}:
        raise crash()
    settings = {name: body[name] for name in _SETTINGS}
    kept.settings = {"id": state.new_id("annotation-setting"), **settings} if action == "enable" else None
    job_id = state.new_id("job")
    kept.jobs[job_id] = Job(action)
    return answer({"job_id": job_id, "job_status": "waiting"})


async def status(request: Request) -> Response:
    """GET /apps/annotation-reply/{action}/status/{job_id}."""
    kept, job_id = _kept(request), str(request.path_params["job_id"])
    job = kept.jobs.get(job_id)
    if job is None or job.action != request.path_params["action"]:
        raise invalid("The job does not exist.")
    shown = "completed" if job.asked else "waiting"
    job.asked = True
    return answer({"job_id": job_id, "job_status": shown, "error_msg": ""})


def _kept(request: Request) -> Annotations:
    return state_of(request).annotations[app_of(request).id]


def _entry(request: Request, kept: Annotations) -> Annotation:
    entry = kept.entries.get(str(request.path_params["annotation_id"]))
    if entry is None:
        raise not_found("Annotation not found")
    return entry


def _require(body: dict[str, Any], names: tuple[str, ...], model: str) -> None:
    missing: list[tuple[str, str, str, Any]] = [(name, "Field required", "missing", body) for name in names if name not in body]
    if missing:
        raise schema_error(model, missing)


def _shown(entry: Annotation) -> dict[str, Any]:
    names = ("id", "question", "answer", "hit_count", "created_at")
    return {name: getattr(entry, name) for name in names}


ROUTES = [
    Route("/apps/annotations", entries, methods=["GET"]),
    Route("/apps/annotations", create, methods=["POST"]),
    Route("/apps/annotations/{annotation_id:uuid}", update, methods=["PUT"]),
    Route("/apps/annotations/{annotation_id:uuid}", delete, methods=["DELETE"]),
    Route("/apps/annotation-reply/{action}", switch, methods=["POST"]),
    Route("/apps/annotation-reply/{action}/status/{job_id:uuid}", status, methods=["GET"]),
]
