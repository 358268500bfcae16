"""Documents from a knowledge base, with its saved settings or the caller's, alone and in a chain."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from dify_integrations import AuthenticationError, InvalidArgument
from tests.langchain.conftest import Recorder, Serve

LONG = "refunds " + "and so on " * 40
RETRIEVE = "/retrieve"


def asked(served: Any) -> list[Any]:
    return [body.get("retrieval_model") for body in served.bodies(RETRIEVE)]


def test_documents_have_stable_ids_and_metadata(serve: Serve) -> None:
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


def test_every_option_can_be_given_per_call(serve: Serve) -> None:
    served = serve()
    condition = {"conditions": [{"name": "year", "comparison_operator": "=", "value": 2024}]}
    documents = served.retriever().invoke(
        "business days", k=1, score_threshold=0.1, search_method="keyword_search", filter=condition
    )
    assert {document.metadata["doc_metadata"]["year"] for document in documents} == {2024}
    (model,) = asked(served)
    assert (model["top_k"], model["search_method"], model["score_threshold"]) == (1, "keyword_search", 0.1)


def test_long_query_is_cut_with_one_warning(serve: Serve) -> None:
    served = serve()
    with pytest.warns(UserWarning, match="cut to 250"):
        assert served.retriever().invoke(LONG)
    assert len(served.bodies(RETRIEVE)[0]["query"]) <= 250


def test_long_query_can_be_refused_or_split(serve: Serve) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match="at most 250"):
        served.retriever(on_long_query="error").invoke(LONG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        documents = served.retriever(on_long_query="split", k=2).invoke(LONG)
    assert 0 < len(documents) <= 2 and len(served.bodies(RETRIEVE)) == 2


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
