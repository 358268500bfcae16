"""Knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.jsonio import JsonObject
from ..core.operation import Operation, nothing, reading
from ..errors import InvalidArgument
from ..models.datasets import Dataset, DatasetPage, IndexingTechnique, Permission, Provider, SummaryIndexSetting
from ..models.retrieval import ExternalRetrievalModel, Retrieval, RetrievalModel
from .catalogue import operation
from .fields import given, of_length, several
from .paging import page_number, page_size

QUERY_LIMIT = 250
"""Characters a retrieval query may have; servers refuse longer ones with 400."""
NAME_LIMIT = 40
DESCRIPTION_LIMIT = 400


def create(
    name: str,
    *,
    description: str | None,
    indexing_technique: IndexingTechnique | None,
    permission: Permission | None,
    provider: Provider | None,
    embedding_model: str | None,
    embedding_model_provider: str | None,
    retrieval_model: RetrievalModel | None,
    summary_index_setting: SummaryIndexSetting | None,
    external_knowledge_api_id: str | None,
    external_knowledge_id: str | None,
) -> Operation[Dataset]:
    body = given(
        name=name,
        description=description,
        indexing_technique=indexing_technique,
        permission=permission,
        provider=provider,
        embedding_model=embedding_model,
        embedding_model_provider=embedding_model_provider,
        retrieval_model=retrieval_model,
        summary_index_setting=summary_index_setting,
        external_knowledge_api_id=external_knowledge_api_id,
        external_knowledge_id=external_knowledge_id,
    )
    return operation("createDataset", reading(Dataset.model_validate), json=_checked(body))


def update(
    dataset_id: str,
    *,
    name: str | None,
    description: str | None,
    indexing_technique: IndexingTechnique | None,
    permission: Permission | None,
    partial_member_list: Sequence[str] | None,
    embedding_model: str | None,
    embedding_model_provider: str | None,
    retrieval_model: RetrievalModel | None,
    external_retrieval_model: ExternalRetrievalModel | None,
    external_knowledge_api_id: str | None,
    external_knowledge_id: str | None,
) -> Operation[Dataset]:
    # Answers have plain ids.
    members = None
    if partial_member_list is not None:
        members = [{"user_id": user_id} for user_id in several("partial_member_list", partial_member_list)]
    body = given(
        name=name,
        description=description,
        indexing_technique=indexing_technique,
        permission=permission,
        partial_member_list=members,
        embedding_model=embedding_model,
        embedding_model_provider=embedding_model_provider,
        retrieval_model=retrieval_model,
        external_retrieval_model=external_retrieval_model,
        external_knowledge_api_id=external_knowledge_api_id,
        external_knowledge_id=external_knowledge_id,
    )
    return operation("updateDataset", reading(Dataset.model_validate), path={"dataset_id": dataset_id}, json=_checked(body))


def _checked(body: JsonObject) -> JsonObject:
    if "name" in body:
        of_length("name", body["name"], 1, NAME_LIMIT)
    if "description" in body:
        of_length("description", body["description"], 0, DESCRIPTION_LIMIT)
    return body


def page(
    *,
    keyword: str | None = None,
    include_all: bool | None = None,
    tag_ids: Sequence[str] = (),
    page: int = 1,
    limit: int = 20,
) -> Operation[DatasetPage]:
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    if keyword is not None:
        query.append(("keyword", keyword))
    if include_all is not None:
        query.append(("include_all", "true" if include_all else "false"))
    query += [("tag_ids", tag_id) for tag_id in several("tag_ids", tag_ids)]
    return operation("listDatasets", reading(DatasetPage.model_validate), query=query)


def get(dataset_id: str) -> Operation[Dataset]:
    return operation("getDatasetDetail", reading(Dataset.model_validate), path={"dataset_id": dataset_id})


def delete(dataset_id: str) -> Operation[None]:
    return operation("deleteDataset", nothing, path={"dataset_id": dataset_id})


def retrieve(
    dataset_id: str,
    query: str,
    *,
    retrieval_model: RetrievalModel | None = None,
    attachment_ids: Sequence[str] = (),
    external_retrieval_model: ExternalRetrievalModel | None = None,
) -> Operation[Retrieval]:
    if not isinstance(query, str) or not (query.strip() or attachment_ids):
        raise InvalidArgument("query must be a non-empty string")
    # Keys with null are left out: 1.12 takes them, ≥ 1.13.3 validates some of them away.
    body = given(
        query=query,
        retrieval_model=retrieval_model,
        attachment_ids=several("attachment_ids", attachment_ids) or None,
        external_retrieval_model=external_retrieval_model,
    )
    return operation("retrieveSegments", reading(Retrieval.model_validate), path={"dataset_id": dataset_id}, json=body)
