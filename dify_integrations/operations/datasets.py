"""Knowledge bases."""

from __future__ import annotations

from ..core.jsonio import JsonObject
from ..core.operation import Operation, reading
from ..errors import InvalidArgument
from ..models.datasets import Dataset
from ..models.retrieval import Retrieval, RetrievalModel
from .catalogue import operation

QUERY_LIMIT = 250
"""Characters a retrieval query may have; servers refuse longer ones with 400."""


def retrieve(dataset_id: str, query: str, *, retrieval_model: RetrievalModel | None = None) -> Operation[Retrieval]:
    if not isinstance(query, str) or not query.strip():
        raise InvalidArgument("query must be a non-empty string")
    body: JsonObject = {"query": query}
    if retrieval_model is not None:
        # Keys with null are left out: 1.12 takes them, ≥ 1.13.3 validates some of them away.
        body["retrieval_model"] = retrieval_model.model_dump(exclude_none=True)
    return operation("retrieveSegments", reading(Retrieval.model_validate), path={"dataset_id": dataset_id}, json=body)


def get(dataset_id: str) -> Operation[Dataset]:
    return operation("getDatasetDetail", reading(Dataset.model_validate), path={"dataset_id": dataset_id})
