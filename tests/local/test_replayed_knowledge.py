"""The recordings of the knowledge routes, played against LocalDify: every answer has the recorded shape."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dify_integrations.local import App, Dataset, LocalDify
from dify_integrations.local.datasets import NAMESPACE
from dify_integrations.local.knowledge.dataset_shape import NO_RETRIEVAL
from tests.local import wire
from tests.local.indexing import as_recorded
from tests.local.replaying import Scenario, play

TEXTS = {
    "refund-policy.txt": (
        "Refund policy. Customers may request a refund within 30 days of purchase. Refunds are paid to the original payment "
        "method within five business days. Digital goods are not refundable once downloaded."
    ),
    "shipping.txt": "Shipping times. Standard shipping takes 3 to 5 business days. Express shipping takes one day.",
    "warranty.txt": "Warranty. Every device carries a two year limited warranty. Water damage is not covered by the warranty.",
    "python-client.txt": "The Python client connects to the Dify Service API. Install it with pip.",
    "streaming.txt": "Streaming responses use server sent events. Each event is a JSON object with an event field.",
    "embeddings.txt": "Embeddings map text to vectors. How similar texts are is told by how long their way is.",
    "cooking.txt": "To cook rice, rinse it twice, add water, bring it to a boil, cover and simmer for twelve minutes.",
    "chinese.txt": "退款政策：客户可在购买后三十天内申请退款。",
}
CATS = {
    "cats": "Cats are small mammals. A cat sleeps up to sixteen hours a day. Cats hunt mice at night.",
    **{f"animal {number}": "An animal." for number in range(7)},
}
KINDS = ("policy", "policy", "policy", "dev", "dev", "dev", "life", "policy")
METADATA = {
    name: {"category": kind, "year": year, "published": 1_700_000_000 + 86_400 * number}
    for number, (name, kind, year) in enumerate(zip(TEXTS, KINDS, (2023, 2024, 2022, 2025, 2025, 2024, 2021, 2023), strict=True))
}
# The datasets of the labs, by recorded id; the labs' other datasets were made while recording.
LABS = {
    "0.15.3": ("4d6aa310-56c3-4b71-9409-12b36b09f563", "439a60ae-f013-4dbc-b6d6-7bf9c98e18e0", None),
    "1.12.1": (
        "82f58171-89a6-42d7-bd52-3492e6f9f30e",
        "0ef051ce-d800-444a-a353-9724de57be00",
        "09c15336-9e98-4de9-963c-b2528b95250d",
    ),
    "1.14.2": (
        "25645373-bd59-41e4-b4df-0d21aaaa0149",
        "1b72393d-5eef-4232-96cc-408c69478123",
        "a93f7a9b-54ed-4306-b631-79f22f0c434d",
    ),
    "1.14": (
        "becfa00d-c49c-43c1-b5b5-aa5da81e0541",
        "dfc56727-6cd7-4d18-9286-420709e85e87",
        "786a88bc-82d6-48f1-a4c2-53cf136b0c69",
    ),
}


def lab(version: str) -> Callable[[], list[Dataset]]:
    """The datasets that existed before a recording, the newest first."""
    high, economy, hierarchical = LABS[version]

    def made() -> list[Dataset]:
        if hierarchical is None:
            return [
                Dataset("lab-high_quality", CATS, id=high),
                Dataset("lab-economy", CATS, id=economy, indexing_technique="economy"),
            ]
        return [
            Dataset("lab-hierarchical", TEXTS, id=hierarchical, metadata=METADATA, doc_form="hierarchical_model"),
            Dataset("lab-high-quality", TEXTS, id=high, metadata=METADATA),
            Dataset("lab-economy", TEXTS, id=economy, metadata=METADATA, indexing_technique="economy"),
        ]

    return made


def document(dataset: str, name: str) -> Callable[[LocalDify], str]:
    """The id of one of the lab's documents."""
    return lambda server: next(entry.id for entry in server.dataset(dataset).documents if entry.name == name)


def tag(name: str) -> str:
    """The id that LocalDify gives to a tag of this name; the releases that fumble tags never answer it."""
    return str(uuid.uuid5(NAMESPACE, f"tag/{name}"))


def listed_lab(version: str) -> Callable[[], list[Dataset]]:
    """The lab's datasets when all of them were listed: there was one more, and two had a retrieval model."""

    def made() -> list[Dataset]:
        found = [Dataset("rec-bad"), *lab(version)()]
        for dataset in found[1:3]:
            dataset.settings.retrieval_model = {**NO_RETRIEVAL, "top_k": 3, "score_threshold": 0.0}
        return found

    return made


def in_use() -> list[Dataset]:
    """A dataset that an app of the lab used."""
    return [Dataset("used", id="dc1cc761-346d-4711-aa9a-ebcaefc0bf69")]


def workflow() -> list[App]:
    """The app whose key asked for what newer servers have."""
    return [App("flow", "workflow")]


# Recordings that need nothing but the lab.
PLAIN = {
    "0.15.3": """auth-app-key-on-datasets datasets-endpoints-absent documented-endpoints-probe-datasets documents-file
        documents-parent-child documents-pdf-error documents-text documents-text-metadata documents-text-no-technique
        retrieve-empty-dataset retrieve-hybrid-search-rerank retrieve-hybrid-search-weights retrieve-keyword-search
        retrieve-semantic-rerank retrieve-semantic-search segments""",
    "1.12.1": """auth_errors child_chunks_crud dataset_crud dataset_delete_while_used documents_by_file documents_by_text
        documents_by_text_economy documents_errors metadata_crud rag_pipeline_errors retrieve_default_model retrieve_full_text
        retrieve_hierarchical retrieve_hybrid_rerank retrieve_hybrid_weighted retrieve_keyword retrieve_score_threshold
        retrieve_semantic segments_crud""",
    "1.14.2": """auth_errors child_chunks_crud dataset_create_minimal dataset_crud dataset_delete_while_used
        document_download_uploaded_file documents_by_file documents_by_text_economy documents_errors documents_status_batch
        documents_update_hang metadata_crud rag_pipeline_errors retrieve_default_model retrieve_full_text
        retrieve_hybrid_rerank retrieve_hybrid_weighted retrieve_keyword retrieve_metadata_filter retrieve_score_threshold
        retrieve_semantic tags_crud""",
    "1.14": """auth_errors child_chunks_crud dataset_create_minimal dataset_crud dataset_delete_while_used
        document_download_uploaded_file documents_by_file documents_by_text_economy documents_process_rules
        documents_update_hang metadata_crud rag_pipeline_errors retrieve_full_text retrieve_hierarchical
        retrieve_hybrid_rerank retrieve_hybrid_weighted retrieve_keyword retrieve_metadata_filter retrieve_score_threshold
        segments_crud""",
}
NO_CATALOGUE = "LocalDify takes any embedding and rerank model: it has no catalogue of providers"
NO_QUESTIONS = "the lab's model made no questions of the text, the script makes one"
HUNG = "the lab's server kept the segments of the old text too while its indexing hung"
OTHER_VOICE = {"model_properties.voices.mode": "the voices of a speech model are the provider's business"}


def special() -> list[Scenario]:
    """Recordings with something of their own."""
    rows: list[tuple[str, dict[str, Any]]] = [
        ("0.15.3/datasets-delete-in-use", {"datasets": in_use}),
        ("0.15.3/documents-qa", {"left_out": {6: NO_QUESTIONS}}),
        ("1.12.1/dataset_errors", {"left_out": {7: NO_CATALOGUE}}),
        ("1.14/dataset_errors", {"left_out": {7: NO_CATALOGUE}}),
        ("1.12.1/dataset_list", {"datasets": listed_lab("1.12.1")}),
        ("1.14.2/dataset_list", {"datasets": listed_lab("1.14.2")}),
        ("1.12.1/documents_list", {"ids": {"109cdb40-d7d6-4070-acfa-e63e5406ccf3": document("lab-hierarchical", "warranty.txt")}}),
        ("1.14.2/documents_list", {"ids": {"bf33544c-1bb5-429b-885b-22134f7774b0": document("lab-hierarchical", "warranty.txt")}}),
        ("1.14/documents_list", {"ids": {"b30c90e8-3a67-4977-8d0a-8b382533452f": document("lab-hierarchical", "warranty.txt")}}),
        ("1.12.1/documents_update_hang", {"left_out": {14: HUNG}}),
        ("1.12.1/models_by_type", {"tolerated": OTHER_VOICE}),
        ("1.14.2/models_by_type", {"tolerated": OTHER_VOICE}),
        ("1.14.2/retrieve_errors", {"left_out": {7: NO_CATALOGUE}}),
        ("1.14/retrieve_errors", {"left_out": {7: NO_CATALOGUE}}),
        ("1.12.1/tags_crud", {"ids": {"0cc4f9c1-a0ea-4573-8e0e-d9ed6182a749": tag("rec tag 标签")}}),
        ("1.14.2/tags_real_id", {"ids": {"aea779e1-3e8e-4f57-ae23-d33e85161208": tag("rec real tag")}}),
        ("1.14/tags_real_id", {}),
        (
            "1.14.2/document_download",
            {
                "ids": {
                    "33ebdac7-0ef1-4a40-955e-a8268aa4a823": document("lab-economy", "warranty.txt"),
                    "0c636b3b-d2d8-4744-9190-28161533b024": document("lab-economy", "shipping.txt"),
                }
            },
        ),
        (
            "1.14/document_download",
            {
                "ids": {
                    "2e228b99-8d0e-4abe-9d3b-7343aac204a5": document("lab-economy", "warranty.txt"),
                    "8d823a7c-576b-4e46-9a18-70fa3c209541": document("lab-economy", "shipping.txt"),
                }
            },
        ),
        (
            "1.14.2/newer_endpoints_404",
            {"apps": workflow, "ids": {"00a6345f-6a60-4d67-9c4a-bca02531e198": document("lab-high-quality", "warranty.txt")}},
        ),
        (
            "1.14/newer_endpoints_404",
            {"apps": workflow, "ids": {"cfdff7eb-2dcf-4450-bf0f-0027ec40e829": document("lab-high-quality", "warranty.txt")}},
        ),
    ]
    return [scenario(cassette, **options) for cassette, options in rows]


def scenario(cassette: str, **options: Any) -> Scenario:
    """A recording over the datasets of its lab."""
    version = cassette.partition("/")[0]
    return Scenario(cassette, **{"datasets": lab(version), **options})


SCENARIOS = [scenario(f"{version}/{name}") for version, names in PLAIN.items() for name in names.split()] + special()


def cassettes(version: str) -> list[Path]:
    """The recordings of a server that are on this machine."""
    return [path for folder in wire._folders(version) for path in sorted(folder.glob("*.yaml"))]


@pytest.mark.parametrize("played", SCENARIOS, ids=str)
def test_a_recording_is_answered_as_recorded(played: Scenario) -> None:
    assert play(replace(played, options={**played.options, "indexing": as_recorded(played.cassette)})) == []


@pytest.mark.parametrize("version", LABS)
def test_no_recording_of_the_knowledge_api_is_forgotten(version: str) -> None:
    asked = re.compile(rb"uri: \S+/v1/(datasets|workspaces)")
    here = {path.stem for path in cassettes(version) if asked.search(path.read_bytes())}
    assert here <= {played.cassette.partition("/")[2] for played in SCENARIOS if played.folder == version}
