"""Answers that real servers gave to retrievals, through the retriever: the bytes of `cassettes/` in, nodes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from llama_index.core.postprocessor import MetadataReplacementPostProcessor, SimilarityPostprocessor
from llama_index.core.schema import ImageNode, MetadataMode, NodeRelationship, NodeWithScore, ObjectType, TextNode

from dify_integrations import AsyncDify, BadRequest, Dify
from llamaindex_dify import DifyRetriever

CASSETTES = Path(__file__).parents[2] / "cassettes"


def recorded(*, status: int, only: str = "retriev") -> Iterator[Any]:
    """The bodies of answers to retrievals, named after their cassette."""
    for path in sorted(CASSETTES.glob("*/retrieve*.yaml")):
        for number, exchange in enumerate(yaml.safe_load(path.read_text("utf-8"))["interactions"]):
            told = exchange["response"]
            if only in path.name and exchange["request"]["uri"].endswith("/retrieve") and told["status"]["code"] == status:
                yield pytest.param(told["body"]["string"].encode(), id=f"{path.parent.name}/{path.stem}/{number}")


def nodes(body: bytes, *, status: int = 200, **fields: Any) -> list[NodeWithScore]:
    """What the retriever makes of an answer, the same both ways."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers={"content-type": "application/json"}))
    address = {"dataset_api_key": "dataset-x", "base_url": "http://127.0.0.1:9/v1"}

    async def again() -> list[NodeWithScore]:
        async with httpx.AsyncClient(transport=transport) as http:
            client = AsyncDify(http_client=http, **address)  # type: ignore[arg-type]  # strings
            return await DifyRetriever("kb", async_client=client, **fields).aretrieve("refund")

    with httpx.Client(transport=transport) as http:
        client = Dify(http_client=http, **address)  # type: ignore[arg-type]  # strings
        found = DifyRetriever("kb", client=client, **fields).retrieve("refund")
    assert asyncio.run(again()) == found
    return found


@pytest.mark.parametrize("body", list(recorded(status=200)))
def test_recorded_records_become_nodes(body: bytes) -> None:
    """Check 8: every node knows its document, on every recorded server."""
    records = json.loads(body)["records"]
    found = nodes(body)
    assert [node.node_id for node in found] == [record["segment"]["id"] for record in records]
    for node, record in zip(found, records, strict=True):
        segment = record["segment"]
        assert (node.node.get_content(), node.score) == (segment["content"], record["score"])
        assert node.node.ref_doc_id == segment["document"]["id"]
        assert node.node.relationships[NodeRelationship.SOURCE].node_type is ObjectType.DOCUMENT  # type: ignore[union-attr]
        own = segment["document"].get("doc_metadata") or {}
        facts = {"document_name", "document_id", "dataset_id", "segment_position", "data_source_type", "summary"}
        assert node.node.metadata.items() >= own.items()
        assert set(node.node.metadata) <= {*own, *facts}
        assert segment["id"] not in node.node.get_content(MetadataMode.LLM)


@pytest.mark.parametrize("body", list(recorded(status=200)))
def test_nothing_that_changes_from_query_to_query_is_in_a_node(body: bytes) -> None:
    """Check 9: fusion removes duplicates by a hash of text and metadata, and every search counts its hits."""
    told = json.loads(body)
    first = [node.node.hash for node in nodes(body)]
    for record in told["records"]:
        record["score"] = (record["score"] or 0) / 2
        record["tsne_position"] = {"x": 1.0, "y": 2.0}
        record["segment"]["hit_count"] = (record["segment"]["hit_count"] or 0) + 1
    again = [node.node.hash for node in nodes(json.dumps(told).encode())]
    assert again == first


@pytest.mark.parametrize("body", list(recorded(status=200, only="hierarchical")))
def test_recorded_children_are_relations_or_nodes(body: bytes) -> None:
    """Check 11: child granularity with MetadataReplacementPostProcessor."""
    (record,) = json.loads(body)["records"]
    segment, told = record["segment"], {child["id"]: child for child in record["child_chunks"]}
    (whole,) = nodes(body)
    related = whole.node.relationships[NodeRelationship.CHILD]
    assert [each.node_id for each in related] == list(told)  # type: ignore[union-attr]  # a list
    children = nodes(body, node_granularity="child")
    assert {child.node_id: (child.node.get_content(), child.score) for child in children} == {
        each["id"]: (each["content"], each["score"]) for each in told.values()
    }
    scores = [child.score or 0 for child in children]
    assert scores == sorted(scores, reverse=True)
    for child in children:
        assert type(child.node) is TextNode  # core would swap an IndexNode for what it stands for
        assert child.node.parent_node is not None and child.node.parent_node.node_id == segment["id"]
        assert child.node.ref_doc_id == segment["document"]["id"]
        assert segment["content"] not in child.node.get_content(MetadataMode.LLM)
    replaced = MetadataReplacementPostProcessor(target_metadata_key="parent_content").postprocess_nodes(children)
    assert {node.node.get_content() for node in replaced} == {segment["content"]}


@pytest.mark.parametrize("body", list(recorded(status=400)))
def test_recorded_refusals_are_raised(body: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        nodes(body, status=400)
    assert " ".join(json.loads(body)["message"].split())[:60] in str(refusal.value)


# -- shapes no recorded server had at hand


def test_a_record_of_an_external_knowledge_base_has_an_id_of_its_own_words() -> None:
    """Check 11: external record shape; None score kept."""
    record = {"content": "Refunds.", "title": "faq.md", "score": None, "metadata": {"path": "s3://faq.md", "lang": "en"}}
    body = json.dumps({"query": {"content": "refund"}, "records": [record]}).encode()
    (node,) = nodes(body)
    assert (node.node.get_content(), node.score) == ("Refunds.", None)
    assert node.node.metadata == {"path": "s3://faq.md", "lang": "en", "document_name": "faq.md", "dataset_id": "kb"}
    assert node.node_id == nodes(body)[0].node_id and node.node.ref_doc_id is None
    assert SimilarityPostprocessor(similarity_cutoff=0.1).postprocess_nodes([node]) == []


def test_question_and_answer_are_both_the_text() -> None:
    """Check 11: Q&A."""
    document = {"id": "d", "data_source_type": "upload_file", "name": "faq.csv", "doc_metadata": None}
    segment = {"id": "s", "content": "How long?", "answer": "30 days.", "document_id": "d", "document": document, "position": 1}
    body = json.dumps({"query": {"content": "q"}, "records": [{"segment": segment, "score": 0.5, "summary": "Of time."}]}).encode()
    (node,) = nodes(body)
    assert node.node.get_content() == "How long?\n30 days."
    assert node.node.metadata["summary"] == "Of time." and "Of time" not in node.node.get_content(MetadataMode.LLM)


def test_images_of_a_passage_come_behind_it_when_they_are_wanted() -> None:
    document = {"id": "d", "data_source_type": "upload_file", "name": "boats.pdf", "doc_metadata": None}
    segment = {"id": "s", "content": "A kayak.", "document_id": "d", "document": document, "position": 1}
    files = [
        {"id": f"f{at}", "name": f"{at}.png", "mime_type": kind, "source_url": f"http://127.0.0.1/f{at}?sign=x", "size": 1}
        for at, kind in enumerate(("image/png", "image/jpeg", "application/pdf"))
    ]
    body = json.dumps({"query": {"content": "q"}, "records": [{"segment": segment, "score": 0.5, "files": files}]}).encode()
    assert [node.node_id for node in nodes(body)] == ["s"]
    passage, *images = nodes(body, include_images=True)
    assert (passage.node_id, [image.node_id for image in images]) == ("s", ["f0", "f1"])
    first = images[0].node
    assert isinstance(first, ImageNode) and first.image_url == files[0]["source_url"] and first.ref_doc_id == "d"
    assert len({node.node.hash for node in (passage, *images)}) == 3
    assert "sign=" not in str(first.metadata)
