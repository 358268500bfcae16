"""Knowledge bases and their documents."""

from __future__ import annotations

import json
from typing import Any, get_args

from dify_integrations import InvalidArgument, ProcessRule, RetrievalModel
from dify_integrations.files import FileInput
from dify_integrations.models.documents import DisplayStatus
from tests.wire.calls import differences as differ
from tests.wire.calls.base import Asked, Json, Reason, Route, Unreachable, by_ids, given, without_user

NO_NAME = Reason("name and text are arguments that must be given")
NO_QUERY = Reason("the query is an argument that must be given")
NO_IDS = Reason("the documents are an argument that must be given; 1.12 changes none and says success", answered=True)
NO_DATA = Reason("what goes with a file is a JSON object")
OLD_METADATA = Reason("doc_type and doc_metadata were fields of 0.15; no later server knows them", answered=True)
HALF_A_MODEL = Reason("RetrievalModel always sends its four required fields")
HALF_A_RULE = Reason("a rule always says how texts are cleaned")
BAD_NUMBER = Reason("pages are numbers")
BAD_SIZE = Reason(
    "the client asks for 1 to 100 entries; of more or none servers send some, and say that there is no more", answered=True
)
BAD_STATE = Reason("the client knows the states there are; servers ignore others", answered=True)


def models(body: Json) -> Json:
    """Settings with their models, as callers give them.

    Raises:
        Unreachable: Settings that no model takes.
    """
    if {"doc_type", "doc_metadata"} & body.keys():
        raise Unreachable(OLD_METADATA)
    found = dict(body)
    if "process_rule" in body:
        if "pre_processing_rules" not in body["process_rule"].get("rules", {"pre_processing_rules": []}):
            raise Unreachable(HALF_A_RULE)
        found["process_rule"] = ProcessRule.model_validate(body["process_rule"])
    if "retrieval_model" in body:
        if not {"search_method", "reranking_enable", "top_k", "score_threshold_enabled"} <= body["retrieval_model"].keys():
            raise Unreachable(HALF_A_MODEL)
        found["retrieval_model"] = RetrievalModel.model_validate(body["retrieval_model"])
    return found


def page(asked: Asked) -> Json:
    """The arguments of a list with page numbers."""
    query = without_user(asked.query)
    for name in {"page", "limit"} & query.keys():
        if not query[name].lstrip("-").isdecimal():
            raise Unreachable(BAD_NUMBER)
        query[name] = int(query[name])
    if not 1 <= query.get("limit", 20) <= 100:
        raise Unreachable(BAD_SIZE)
    return query


def _list(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    query = page(asked)
    if "include_all" in query:
        query["include_all"] = query["include_all"] == "true"
    if isinstance(query.get("tag_ids"), str):
        query["tag_ids"] = [query["tag_ids"]]
    return (), query


def _create(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "name", reason=NO_NAME)
    return (body.pop("name"),), models(body)


def _update(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, models(without_user(asked.json()))


def _retrieve(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "query", reason=NO_QUERY)
    return (*asked.ids, body.pop("query")), models(body)


def _create_by_text(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, models(given(asked.json(), "name", "text", reason=NO_NAME))


def _file(asked: Asked) -> tuple[FileInput, Json]:
    file, data = asked.file(), asked.text("data")
    try:
        return file, models(json.loads(data) if data is not None else {})
    except ValueError as error:
        if isinstance(error, InvalidArgument):
            raise
        raise Unreachable(NO_DATA) from error


def _create_by_file(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    file, data = _file(asked)
    return (*asked.ids, file), data


def _update_by_file(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    file, data = _file(asked)
    data.pop("indexing_technique", None)
    return asked.ids, {"file": file, **data}


def _documents(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    query = page(asked)
    if query.get("status", "available") not in get_args(DisplayStatus):
        raise Unreachable(BAD_STATE)
    return asked.ids, query


def _get(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, without_user(asked.query)


def _several(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "document_ids", reason=NO_IDS)
    return (*asked.ids, body["document_ids"]), {}


_BARE = (differ.no_user, differ.no_body)

ROUTES = [
    Route("createDataset", _create),
    Route("listDatasets", _list, differ.LISTED),
    Route("getDatasetDetail", by_ids, (differ.no_user,)),
    Route("updateDataset", _update, (differ.no_user,)),
    Route("deleteDataset", by_ids, _BARE),
    Route("retrieveSegments", _retrieve, (differ.no_nulls,)),
    Route("createDocumentFromText", _create_by_text, (differ.whole_rules,)),
    Route("createDocumentFromFile", _create_by_file, (differ.whole_rules_in_data,)),
    Route("listDocuments", _documents, differ.LISTED),
    Route("getDocumentDetail", _get, (differ.no_user,)),
    Route("deleteDocument", by_ids, _BARE),
    Route("updateDocument", _update_by_file, (differ.no_technique,)),
    Route("updateDocumentByText", _update, (differ.no_user,)),
    Route("downloadDocument", by_ids, (differ.no_user,)),
    Route("getDocumentIndexingStatus", by_ids, (differ.no_user,)),
    Route("downloadDocumentsZip", _several),
    Route("batchUpdateDocumentStatus", _several),
]
