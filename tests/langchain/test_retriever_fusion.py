"""Whatever several knowledge bases answer: the same documents both ways, none twice, never more than `k`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from dify_integrations import AsyncDify, Dify, NotFound
from langchain_dify import DifyRetriever

CLIENT: dict[str, Any] = {"dataset_api_key": "dataset-x", "base_url": "http://127.0.0.1:9/v1", "max_retries": 0}


def record(base: str, number: int, score: float | None) -> dict[str, Any]:
    segment = {"id": f"{base}-{number}", "content": f"{base} {number}", "document_id": "d", "document": {"id": "d", "name": "n"}}
    return {"segment": segment, "score": score, "child_chunks": [], "files": []}


def transport(answers: Mapping[str, Any]) -> httpx.MockTransport:
    """Knowledge bases that answer a list of segment numbers, or that are gone (`None`)."""

    def answer(request: httpx.Request) -> httpx.Response:
        base = request.url.path.split("/")[3]
        if answers[base] is None:
            return httpx.Response(404, json={"code": "not_found", "message": f"{base} is gone", "status": 404})
        if request.method == "GET":
            return httpx.Response(200, json={"id": base, "name": base, "indexing_technique": "high_quality"})
        records = [record(base, number, score) for number, score in answers[base]]
        return httpx.Response(200, json={"query": {"content": "q"}, "records": records})

    return httpx.MockTransport(answer)


def found(answers: Mapping[str, Any], **fields: Any) -> tuple[list[Document], list[Document]]:
    """What is found, sync and async."""
    fields = {"dataset_ids": list(answers), "on_dataset_error": "skip", **fields}

    async def again() -> list[Document]:
        async with httpx.AsyncClient(transport=transport(answers)) as http:
            return await DifyRetriever(async_client=AsyncDify(**CLIENT, http_client=http), **fields).ainvoke("q")

    with httpx.Client(transport=transport(answers)) as http:
        documents = DifyRetriever(client=Dify(**CLIENT, http_client=http), **fields).invoke("q")
    return documents, anyio.run(again)


_HITS = st.lists(st.tuples(st.integers(0, 5), st.none() | st.floats(0, 1)), max_size=6)
_ANSWERS = st.dictionaries(st.sampled_from("abcde"), st.none() | _HITS, min_size=1, max_size=4)


@settings(max_examples=60)
@given(_ANSWERS, st.none() | st.integers(1, 8), st.randoms())
def test_fusion_of_any_answers(answers: dict[str, Any], k: int | None, random: Any) -> None:
    """Check 24: fusion over several datasets is deterministic, whichever of them fail."""
    if all(answer is None for answer in answers.values()):
        with pytest.raises(NotFound, match=f"{next(iter(answers))} is gone"):
            found(answers, k=k)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        documents, again = found(answers, k=k)
        shuffled = dict(random.sample(sorted(answers.items()), len(answers)))
        everything, _ = found(answers)
        otherwise, _ = found(shuffled)
    assert documents == again
    ids = [document.id for document in documents]
    assert len(ids) == len(set(ids)) <= (k or 99)
    assert ids == [document.id for document in everything][: k or 99]
    there = {f"{base}-{number}" for base, hits in answers.items() for number, _ in hits or ()}
    assert {document.id for document in everything} == {document.id for document in otherwise} == there
    for base in answers:  # each one's own order is kept
        own = [f"{base}-{number}" for number in dict.fromkeys(number for number, _ in answers[base] or ())]
        assert [document.id for document in everything if document.metadata["dataset_id"] == base] == own
