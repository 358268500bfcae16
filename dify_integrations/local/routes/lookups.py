"""What the knowledge routes do alike: find what the path names, cut pages, answer deletes."""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ..datasets import Dataset, Document, Segment
from ..knowledge.shown import habits_of
from ..replies import answer, invalid, not_found
from .access import check_dataset_key, dataset_of, state_of, whole_number

T = TypeVar("T")


def named_dataset(request: Request) -> Dataset:
    """The dataset in the path, where 0.15 calls an unknown one a wrong parameter."""
    state = state_of(request)
    if habits_of(state).is_old and str(request.path_params["dataset_id"]) not in state.datasets:
        check_dataset_key(request)
        raise invalid("Dataset is not exist.")
    return dataset_of(request)


def document_of(request: Request, owner: Dataset, words: str = "Document not found.") -> Document:
    """The document in the path.

    Raises:
        ApiError: 404 when the dataset has none of this id.
    """
    found = owner.document(str(request.path_params["document_id"]))
    if found is None:
        raise not_found(words)
    return found


def segment_of(request: Request, owned: Document) -> Segment:
    """The segment in the path.

    Raises:
        ApiError: 404 when the document has none of this id.
    """
    found = owned.segment(str(request.path_params["segment_id"]))
    if found is None:
        raise not_found("Segment not found.")
    return found


def page_of(request: Request, found: list[T], model: str) -> dict[str, Any]:
    """One page of a list; `has_more` only says that the page is full, as Dify reckons."""
    number = max(whole_number(request, "page", 1, model=model), 1)
    limit = whole_number(request, "limit", 20, model=model)
    size = min(limit, 100) if limit > 0 else 20
    data = found[(number - 1) * size : number * size]
    return {"data": data, "has_more": len(data) == limit, "limit": limit, "total": len(found), "page": number}


def lenient_number(request: Request, name: str, default: int) -> int:
    """A number of the query string; anything else is the default."""
    text = request.query_params.get(name, "")
    return int(text) if text.isdigit() and int(text) > 0 else default


def deleted(request: Request) -> Response:
    """The answer to a delete: three ways, by release."""
    habits = habits_of(state_of(request))
    if habits.deletes_with_success:
        return answer({"result": "success"})
    return answer(204) if habits.deletes_with_number else gone()


def gone() -> Response:
    """204 with a content type and nothing else."""
    return Response(status_code=204, media_type="application/json")


def succeeded() -> Response:
    """The answer of calls that have nothing to tell."""
    return answer({"result": "success"})
