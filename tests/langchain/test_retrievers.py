"""Documents from a knowledge base, with its saved settings or the caller's, alone and in a chain."""

from __future__ import annotations

import warnings
from typing import Any, cast

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tools import create_retriever_tool

from dify_integrations import AuthenticationError, BadRequest, InvalidArgument, ProcessRule
from dify_integrations.local import Dataset
from dify_integrations.models.segments import SegmentInput
from langchain_dify import DifyRetriever
from tests.langchain.conftest import Recorder, Serve

LONG = "refunds " + "and so on " * 40
RETRIEVE = "/retrieve"


def asked(served: Any) -> list[Any]:
    return [body.get("retrieval_model") for body in served.bodies(RETRIEVE)]


def test_documents_have_stable_ids_and_metadata(serve: Serve) -> None:
    """Check 24: documents have stable ids and scores."""
    retriever = serve().retriever()
    first, again = retriever.invoke("refunds"), retriever.invoke("refunds")
    assert [document.id for document in first] == [document.id for document in again]
    document = first[0]
    assert "30 days" in document.page_content
    assert document.metadata["source"] == document.metadata["document_name"] == "refunds.txt"
    assert document.metadata["doc_metadata"] == {"category": "policy", "year": 2023}
    assert 0 < document.metadata["score"] <= 1


@pytest.mark.anyio
async def test_async_finds_the_same(serve: Serve) -> None:
    """Check 24: per-call `k` works sync and async."""
    retriever = serve().retriever(k=2)
    assert await retriever.ainvoke("refunds") == retriever.invoke("refunds")
    assert await retriever.ainvoke("refunds", k=1) == retriever.invoke("refunds", k=1)


def test_saved_settings_stay_in_force_unless_something_is_changed(serve: Serve) -> None:
    served = serve()
    retriever = served.retriever()
    retriever.invoke("refunds")
    assert asked(served) == [None]
    assert not [request for request in served.server.requests if request.method == "GET"]


def test_changes_are_laid_over_the_saved_settings_which_are_fetched_once(serve: Serve) -> None:
    served = serve()
    retriever = served.retriever(k=2)
    for _ in range(3):
        assert len(retriever.invoke("business days")) <= 2
    assert [model["top_k"] for model in asked(served)] == [2] * 3
    assert len([request for request in served.server.requests if request.method == "GET"]) == 1


@pytest.mark.anyio
async def test_server_that_cannot_tell_its_settings_gets_complete_ones(serve: Serve) -> None:
    """Dify 0.15 has no route for one knowledge base; it is asked once."""
    served = serve(version="0.15.3")
    retriever = served.retriever(k=1)
    for _ in range(2):
        assert len(retriever.invoke("refunds")) == len(await retriever.ainvoke("refunds")) == 1
    assert {(model["top_k"], model["search_method"]) for model in asked(served)} == {(1, "semantic_search")}
    assert len([request for request in served.server.requests if request.method == "GET"]) == 1


@pytest.mark.anyio
async def test_every_option_can_be_given_per_call(serve: Serve) -> None:
    """Check 24: per-call `k` and filter work sync and async."""
    served = serve()
    retriever = served.retriever()
    condition = {"conditions": [{"name": "year", "comparison_operator": "=", "value": 2024}]}
    told: dict[str, Any] = {
        "k": 1,
        "score_threshold": 0.1,
        "search_method": "keyword_search",
        "reranking": True,
        "filter": condition,
    }
    for documents in (retriever.invoke("business days", **told), await retriever.ainvoke("business days", **told)):
        assert {document.metadata["doc_metadata"]["year"] for document in documents} == {2024}
    first, second = asked(served)
    assert first == second
    assert (first["top_k"], first["search_method"], first["score_threshold"]) == (1, "keyword_search", 0.1)
    assert first["reranking_enable"] is True and first["metadata_filtering_conditions"]["conditions"] == condition["conditions"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"top_k": 3}, "no top_k; there are: k, search_method"),
    ({"k": 0}, "k must be"),
    ({"k": "many"}, "k must be"),
    ({"k": True}, "k must be"),
    ({"search_method": "magic"}, "search_method"),
    ({"filter": {"conditions": [{"name": "year", "comparison_operator": ">=", "value": 1}]}}, "Dify writes ≥"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("told", "reason"), WRONG, ids=[str(told) for told, _ in WRONG])
async def test_what_dify_does_not_know_is_refused_before_anything_is_sent(serve: Serve, told: Any, reason: str) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match=reason):
        served.retriever().invoke("refunds", **told)
    with pytest.raises(InvalidArgument, match=reason):
        await served.retriever().ainvoke("refunds", **told)
    assert served.server.requests == []


@pytest.mark.anyio
async def test_long_query_is_cut_with_one_warning(serve: Serve) -> None:
    """Check 24: a query of 251 characters behaves by policy."""
    served = serve()
    retriever = served.retriever()
    with pytest.warns(UserWarning, match="cut to 250") as caught:
        assert retriever.invoke(LONG) == await retriever.ainvoke(LONG)
    assert len(caught) == 2  # one for each
    assert [len(body["query"]) <= 250 for body in served.bodies(RETRIEVE)] == [True, True]


@pytest.mark.anyio
async def test_long_query_can_be_refused_or_split(serve: Serve) -> None:
    """Check 24: a query of 251 characters behaves by policy, one of 250 is sent as it is."""
    served = serve()
    strict = served.retriever(on_long_query="error")
    with pytest.raises(InvalidArgument, match="has 251 characters; Dify's retrieval takes at most 250"):
        strict.invoke("x" * 251)
    with pytest.raises(InvalidArgument, match="has 251 characters"):
        await strict.ainvoke("x" * 251)
    assert served.server.requests == [] and strict.invoke("x" * 250) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split = served.retriever(on_long_query="split", k=2)
        documents = split.invoke(LONG)
        assert await split.ainvoke(LONG) == documents
    assert 0 < len(documents) <= 2 and len(served.bodies(RETRIEVE)) == 1 + 4


# -- what knowledge bases hold


def bare(served: Any, dataset: Dataset, **fields: Any) -> DifyRetriever:
    known = {"dataset_id": dataset.id, "dataset_api_key": served.server.dataset_api_key, "base_url": served.server.base_url}
    return cast("DifyRetriever", served.keep(DifyRetriever(**{**known, **fields})))


def test_children_of_a_hierarchical_base(serve: Serve) -> None:
    """One document for each child chunk that was hit, `k` of them at most; whole passages unless told."""
    text = "Tours start at noon. Tours end at six. Boats are green."
    dataset = Dataset("Tours", {"tours.txt": text}, doc_form="hierarchical_model")
    served = serve(datasets=[dataset, Dataset("Flat", {"a.txt": "Tours are fun."})])
    (whole,) = bare(served, dataset).invoke("tours")
    assert whole.page_content == text and "parent_id" not in whole.metadata
    exact = bare(served, dataset, content_mode="child")
    children = exact.invoke("tours")
    assert len(children) >= 2 and all("Tours" in child.page_content for child in children)
    assert {child.id for child in children} == {child["id"] for child in whole.metadata["child_chunks"]}
    assert {(child.metadata["parent_id"], child.metadata["parent_content"]) for child in children} == {(whole.id, text)}
    assert exact.invoke("tours", k=1) == children[:1]
    (flat,) = bare(served, served.server.datasets[1], content_mode="child").invoke("tours")
    assert flat.page_content == "Tours are fun." and "parent_id" not in flat.metadata


@pytest.mark.anyio
async def test_economy_base_is_searched_by_keyword_though_it_refuses_its_own_settings(serve: Serve) -> None:
    """Dify answers them with an error of its vector store; found out once."""
    dataset = Dataset("Cheap", {"tours.txt": "Tours start at noon."}, indexing_technique="economy")
    served = serve(datasets=[dataset])
    retriever = bare(served, dataset)
    for found in (retriever.invoke("tours"), await retriever.ainvoke("tours"), await bare(served, dataset).ainvoke("tours", k=3)):
        assert [document.page_content for document in found] == ["Tours start at noon."]
    methods = [model and model["search_method"] for model in asked(served)]
    assert methods == [None, "keyword_search", "keyword_search", "keyword_search"]
    assert [document.page_content for document in await bare(served, dataset).ainvoke("tours")] == ["Tours start at noon."]
    with pytest.raises(BadRequest):
        retriever.invoke("tours", search_method="semantic_search")


def test_question_and_answer_are_both_in_the_text(serve: Serve) -> None:
    served = serve(datasets=[Dataset("Empty")])
    (dataset,) = served.server.datasets
    retriever = bare(served, dataset)
    datasets = retriever.clients.sync.datasets
    form: dict[str, Any] = {"doc_form": "qa_model", "indexing_technique": "high_quality", "process_rule": ProcessRule.automatic()}
    made = datasets.documents.create_by_text(dataset.id, name="faq", text="Seed.", **form)
    datasets.documents.wait_until_indexed(dataset.id, made.batch, poll_s=0.001)
    datasets.segments.create(dataset.id, made.document.id, [SegmentInput(content="When do tours start?", answer="At noon.")])
    document = retriever.invoke("tours start")[0]
    assert document.page_content == "When do tours start?\nAt noon."
    assert document.metadata["qa"] is True


@pytest.mark.anyio
async def test_retriever_as_a_tool(serve: Serve) -> None:
    """The recipe of the guide: LangChain's own `create_retriever_tool` is all it takes."""
    retriever = serve().retriever(k=1)
    tool = create_retriever_tool(retriever, "handbook", "Searches the handbook.", response_format="content_and_artifact")
    call = {"type": "tool_call", "id": "c1", "name": "handbook", "args": {"query": "refunds"}}
    for message in (tool.invoke(call), await tool.ainvoke(call)):
        assert "30 days" in message.text
        assert message.artifact[0].metadata["source"] == "refunds.txt"


def test_rag_chain_answers_from_the_documents(serve: Serve, recorder: Recorder) -> None:
    served = serve()
    prompt = ChatPromptTemplate.from_template("Answer from the context.\n\nContext:\n{context}\n\nQuestion: {question}")

    def joined(documents: list[Document]) -> str:
        return "\n\n".join(document.page_content for document in documents)

    chain = (
        {"context": served.retriever(k=2) | joined, "question": RunnablePassthrough()}
        | prompt
        | served.chat("chat")
        | StrOutputParser()
    )
    answer = "".join(chain.stream("Within how many days are refunds possible?", config={"callbacks": [recorder]}))
    assert "30 days" in answer
    assert recorder.open == [] and len(recorder.documents) == 1


def test_wrong_key_is_told_as_such(serve: Serve) -> None:
    with pytest.raises(AuthenticationError):
        serve().retriever(dataset_api_key="dataset-wrong").invoke("refunds")


def test_langsmith_name(serve: Serve) -> None:
    assert serve().retriever()._get_ls_params() == {"ls_retriever_name": "dify"}


@pytest.mark.parametrize("when", ["made", "called"])
def test_a_filter_as_other_stores_take_it_is_refused(serve: Serve, when: str) -> None:
    """Dify would ignore it and give everything."""
    served = serve()
    condition = {"source": "policy", "tenant": "ann"}
    filtered: dict[str, Any] = {"filter": condition}
    retriever = served.retriever(**(filtered if when == "made" else {}))
    with pytest.raises(InvalidArgument, match=r"it has source, tenant, give it as .*comparison_operator"):
        retriever.invoke("express shipping", **(filtered if when == "called" else {}))
    assert served.server.requests == []
