"""Answers that real servers gave to retrievals, through the retriever: the bytes of `cassettes/` in, documents out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import yaml
from langchain_core.documents import Document

from dify_integrations import AsyncDify, BadRequest, Dify
from langchain_dify import DifyRetriever

CASSETTES = Path(__file__).parents[2] / "cassettes"


def recorded(*, status: int, only: str = "retriev") -> Iterator[Any]:
    """The bodies of answers to retrievals, named after their cassette."""
    for path in sorted(CASSETTES.glob("*/retrieve*.yaml")):
        for number, exchange in enumerate(yaml.safe_load(path.read_text("utf-8"))["interactions"]):
            told = exchange["response"]
            if only in path.name and exchange["request"]["uri"].endswith("/retrieve") and told["status"]["code"] == status:
                yield pytest.param(told["body"]["string"].encode(), id=f"{path.parent.name}/{path.stem}/{number}")


def documents(body: bytes, *, status: int = 200, **fields: Any) -> list[Document]:
    """What the retriever makes of an answer, the same both ways."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers={"content-type": "application/json"}))

    async def again() -> list[Document]:
        async with httpx.AsyncClient(transport=transport) as http:
            client = AsyncDify(dataset_api_key="dataset-x", base_url="http://127.0.0.1:9/v1", http_client=http)
            return await DifyRetriever(dataset_id="kb", async_client=client, **fields).ainvoke("refund")

    with httpx.Client(transport=transport) as http:
        client = Dify(dataset_api_key="dataset-x", base_url="http://127.0.0.1:9/v1", http_client=http)
        found = DifyRetriever(dataset_id="kb", client=client, **fields).invoke("refund")
    assert anyio.run(again) == found
    return found


@pytest.mark.parametrize("body", list(recorded(status=200)))
def test_recorded_records_become_documents(body: bytes) -> None:
    """Check 24: documents have stable ids and scores, on every recorded server."""
    records = json.loads(body)["records"]
    found = documents(body)
    assert [document.id for document in found] == [record["segment"]["id"] for record in records]
    for document, record in zip(found, records, strict=True):
        segment = record["segment"]
        assert document.page_content == segment["content"]
        assert document.metadata["score"] == record["score"]
        assert document.metadata["position"] == segment["position"]
        assert document.metadata["document_id"] == segment["document"]["id"]
        assert document.metadata["source"] == segment["document"]["name"]
        assert document.metadata["doc_metadata"] == (segment["document"].get("doc_metadata") or {})
        assert document.metadata.get("keywords", []) == (segment["keywords"] or [])
        assert "qa" not in document.metadata


@pytest.mark.parametrize("body", list(recorded(status=200, only="hierarchical")))
def test_recorded_children_become_documents(body: bytes) -> None:
    (record,) = json.loads(body)["records"]
    (whole,) = documents(body)
    assert whole.metadata["child_chunks"] == record["child_chunks"]
    children = documents(body, content_mode="child")
    assert len(children) == 3
    told = {child["id"]: (child["content"], child["score"], child["position"]) for child in record["child_chunks"]}
    assert {child.id: (child.page_content, child.metadata["score"], child.metadata["position"]) for child in children} == told
    scores = [child.metadata["score"] for child in children]
    assert scores == sorted(scores, reverse=True)
    assert {(child.metadata["parent_id"], child.metadata["parent_content"]) for child in children} == {
        (record["segment"]["id"], record["segment"]["content"])
    }


@pytest.mark.parametrize("body", list(recorded(status=400)))
def test_recorded_refusals_are_raised(body: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        documents(body, status=400)
    told = " ".join(json.loads(body)["message"].split())
    assert told[:60] in str(refusal.value)
