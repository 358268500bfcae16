"""Knowledge bases."""

from __future__ import annotations

from ..core.jsonio import JsonObject
from ..core.operation import Operation, reading
from ..core.request import Request, path_of
from ..errors import InvalidArgument
from ..models.datasets import Dataset
from ..models.retrieval import Retrieval, RetrievalModel

QUERY_LIMIT = 250
"""Characters a retrieval query may have; servers refuse longer ones with 400."""


def retrieve(dataset_id: str, query: str, *, retrieval_model: RetrievalModel | None = None) -> Operation[Retrieval]:
    if not isinstance(query, str) or not query.strip():
        raise InvalidArgument("query must be a non-empty string")
    body: JsonObject = {"query": query}
    if retrieval_model is not None:
        # Keys with null are left out: 1.12 takes them, ≥ 1.13.3 validates some of them away.
        body["retrieval_model"] = retrieval_model.model_dump(exclude_none=True)
    request = Request("POST", path_of("/datasets/{dataset_id}/retrieve", dataset_id=dataset_id), "dataset", json=body)
    return Operation("retrieveSegments", request, reading(Retrieval.model_validate), repeatable=True)


def get(dataset_id: str) -> Operation[Dataset]:
    request = Request("GET", path_of("/datasets/{dataset_id}", dataset_id=dataset_id), "dataset")
    return Operation("getDatasetDetail", request, reading(Dataset.model_validate), repeatable=True, since="1.2.0")
