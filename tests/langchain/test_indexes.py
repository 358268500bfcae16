"""Documents under ids of one's own: what becomes of them in Dify, and what goes wrong. LangChain's suite: test_standard_index."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from langchain_core.documents import Document
from pydantic import ValidationError

from dify_integrations import AuthenticationError, Dify, EndpointNotAvailable, InvalidArgument, NotFound
from dify_integrations.local import Dataset
from dify_integrations.models.indexing import ProcessRule
from langchain_dify import DifyDocumentIndex
from tests.langchain.conftest import Serve, Served

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")

REFUNDS = Document(id="refunds", page_content="Refunds within 30 days.", metadata={"title": "Refunds", "year": 2024, "tags": ["a"]})
SHIPPING = Document(id="ship/1 #ü", page_content="Express costs 12 euros.", metadata={"year": 2023, "source": "shop.md"})
FRESH = """
import warnings
from langchain_dify import DifyDocumentIndex
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(2):
        DifyDocumentIndex(dataset_id="d")
print([warning.category.__name__ for warning in told])
"""


def index_of(served: Served, **fields: Any) -> DifyDocumentIndex:
    server = served.server
    known = {
        "dataset_id": server.datasets[0].id,
        "dataset_api_key": server.dataset_api_key,
        "base_url": server.base_url,
        "indexing_poll_s": 0.001,
    }
    return served.keep(DifyDocumentIndex(**{**known, **fields}))


def served_with(serve: Serve, texts: dict[str, str] | None = None, **options: Any) -> Served:
    return serve(datasets=[Dataset("Handbook", texts or {})], **options)


def requests(served: Served, method: str, end: str) -> int:
    return len([request for request in served.server.requests if request.method == method and request.path.endswith(end)])


def test_search_gives_documents_with_their_own_id_and_metadata(serve: Serve) -> None:
    served = served_with(serve)
    index = index_of(served, k=1)
    assert index.upsert([REFUNDS, SHIPPING]) == {"succeeded": ["refunds", "ship/1 #ü"], "failed": []}
    (found,) = index.invoke("refunds days")
    assert (found.id, found.page_content) == (REFUNDS.id, REFUNDS.page_content)
    assert found.metadata.items() >= REFUNDS.metadata.items()
    assert found.metadata["score"] > 0 and found.metadata["segment_id"] and found.metadata["document_id"]
    assert found.metadata["document_name"] == "Refunds (refunds)"
    (other,) = index.invoke("express costs")
    assert other.metadata["source"] == "shop.md" and other.id == SHIPPING.id
    assert index.get([SHIPPING.id or "", "refunds", "refunds"]) == [SHIPPING, REFUNDS]


@pytest.mark.anyio
async def test_async_does_the_same(serve: Serve) -> None:
    served = served_with(serve)
    index = index_of(served, metadata_fields=["year"])
    assert await index.aupsert([REFUNDS, SHIPPING]) == {"succeeded": [REFUNDS.id, SHIPPING.id], "failed": []}
    assert await index.aget(["refunds"]) == index.get(["refunds"]) == [REFUNDS]
    assert await index.ainvoke("refunds") == index.invoke("refunds")
    assert await index.adelete(["refunds"]) == {"num_deleted": 1, "succeeded": ["refunds"], "failed": [], "num_failed": 0}
    with pytest.raises(ValueError, match="needs the ids"):
        await index.adelete()
    await index.clients.asynchronous.aclose()


def test_metadata_fields_can_be_filtered_by(serve: Serve) -> None:
    """Check 24: filters work with `k`, for documents put in through LangChain too."""
    index = index_of(served_with(serve), metadata_fields=["year", "title", "unknown"])
    index.upsert([REFUNDS, SHIPPING, Document(page_content="Refunds of no year.", metadata={"year": "none"})])
    condition = {"conditions": [{"name": "year", "comparison_operator": "≥", "value": 2024}]}
    (found,) = index.invoke("refunds express costs year", filter=condition, k=5)
    assert found.id == "refunds"
    assert found.metadata["doc_metadata"] == {"year": 2024, "title": "Refunds"}


def test_texts_are_changed_in_place_and_one_document_stays_one(serve: Serve) -> None:
    served = served_with(serve)
    index = index_of(served)
    index.upsert([REFUNDS])
    first = served.server.datasets[0].documents[0].id
    index.upsert([Document(id="refunds", page_content="Old."), Document(id="refunds", page_content="New.\n\nText.")])
    assert [document.id for document in served.server.datasets[0].documents] == [first]
    assert index.get(["refunds"]) == [Document(id="refunds", page_content="New.\n\nText.")]
    assert requests(served, "POST", "/metadata") == 2 + 2  # two fields made, once; two documents described


def test_documents_that_were_put_in_otherwise_are_left_alone(serve: Serve) -> None:
    served = served_with(serve, {"refunds": "Refunds never.", "refunds.txt": "Refunds always."})
    index = index_of(served)
    assert index.get(["refunds", "refunds.txt"]) == []
    assert index.delete(["refunds", "refunds.txt"]).get("succeeded") == []
    assert len(served.server.datasets[0].documents) == 2
    found = {document.metadata["source"]: document for document in index.invoke("refunds")}
    assert set(found) == {"refunds", "refunds.txt"} and "segment_id" not in found["refunds"].metadata


def test_long_texts_can_be_cut_by_a_rule_of_one_s_own(serve: Serve) -> None:
    rule = ProcessRule.custom(max_tokens=50, separator="\n\n")
    index = index_of(served_with(serve), process_rule=rule)
    index.upsert([Document(id="two", page_content="Kayaks for the sea.\n\nBoards for the lake.", metadata={"n": 1})])
    passages = index.invoke("kayaks boards")
    assert {passage.id for passage in passages} == {"two"} and len({p.metadata["segment_id"] for p in passages}) == 2
    assert index.get(["two"])[0].page_content == "Kayaks for the sea.\nBoards for the lake."


def failing(document: Any) -> tuple[str, ...]:
    return ("parsing", "error: no such model") if "bad" in document.name else ("indexing", "completed")


@pytest.mark.anyio
async def test_documents_that_cannot_be_indexed_are_told(serve: Serve) -> None:
    served = served_with(serve, indexing=failing)
    index = index_of(served)
    items = [Document(id="bad", page_content="No."), Document(id="good", page_content="Yes.")]
    with pytest.warns(UserWarning, match="document 'bad' .*no such model"):
        assert index.upsert(items) == {"succeeded": ["good"], "failed": ["bad"]}
    with pytest.warns(UserWarning, match="document 'bad'"):
        assert await index.aupsert(items) == {"succeeded": ["good"], "failed": ["bad"]}
    assert len(served.server.datasets[0].documents) == 2, "the failed one was made anew, not doubled"
    await index.clients.asynchronous.aclose()


def test_wait_ends_and_can_be_left_out(serve: Serve) -> None:
    served = served_with(serve, indexing=("waiting", "indexing"))
    index = index_of(served, indexing_timeout_s=0.05)
    with pytest.warns(UserWarning, match="cannot be found yet"):
        assert index.upsert([REFUNDS])["failed"] == ["refunds"]
    assert index.upsert([SHIPPING], wait=False) == {"succeeded": [SHIPPING.id], "failed": []}
    assert index.delete(["refunds", SHIPPING.id or ""]).get("num_deleted") == 2


def test_nothing_is_sent_of_what_cannot_be_kept(serve: Serve) -> None:
    served = served_with(serve)
    index = index_of(served)
    for bad in (Document(page_content=" "), Document(page_content="x", metadata={"when": object()})):
        with pytest.raises(InvalidArgument):
            index.upsert([REFUNDS, bad])
    assert not served.server.requests
    with pytest.raises((ValidationError, InvalidArgument), match="source cannot be a field"):
        index_of(served, metadata_fields=["source"])


@pytest.mark.parametrize("version", ["1.12.1", "1.14.3"])
def test_other_servers(serve: Serve, version: str) -> None:
    index = index_of(served_with(serve, version=version))
    index.upsert([REFUNDS])
    assert index.get(["refunds"]) == [REFUNDS]
    assert index.delete(["refunds"]).get("num_deleted") == 1


def test_server_without_metadata_is_told_before_anything_is_put_in(serve: Serve) -> None:
    served = served_with(serve, version="0.15.3")
    with pytest.raises(EndpointNotAvailable):
        index_of(served).upsert([REFUNDS])
    assert served.server.datasets[0].documents == []


def test_errors_are_dify_s_own(serve: Serve) -> None:
    served = served_with(serve)
    with pytest.raises(AuthenticationError):
        index_of(served, dataset_api_key="dataset-wrong").get(["x"])
    with pytest.raises(NotFound):
        index_of(served, dataset_id="00000000-0000-4000-8000-000000000000").upsert([REFUNDS])


def test_it_is_marked_as_beta_and_hides_its_key(serve: Serve) -> None:
    served = served_with(serve)
    assert "beta" in (DifyDocumentIndex.__doc__ or "")
    told = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.strip() == "['LangChainBetaWarning']"  # once per process
    key = served.server.dataset_api_key
    index = index_of(served)
    assert key not in repr(index) + str(index.model_dump())
    with Dify(dataset_api_key=key, base_url=served.server.base_url) as dify:
        assert DifyDocumentIndex(dataset_id=served.server.datasets[0].id, client=dify).get(["x"]) == []
