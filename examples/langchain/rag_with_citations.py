"""Answers with their sources, in two ways: a chain around a knowledge base, and an app that looks things up itself.

Needs DIFY_API_KEY (an app that answers), DIFY_CHATFLOW_KEY (an app with knowledge), DIFY_DATASET_API_KEY and DIFY_DATASET_ID.
"""

from __future__ import annotations

# --8<-- [start:main]
import os
from operator import itemgetter
from typing import Any

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from langchain_dify import ChatDify, DifyRetriever

QUESTION = "What does an hour at the workshop bench cost?"


def numbered(documents: list[Document]) -> str:
    return "\n\n".join(f"[{number}] {document.page_content}" for number, document in enumerate(documents, 1))


def chain_with_sources() -> dict[str, Any]:
    """The knowledge base is asked here, so the passages are at hand."""
    retriever = DifyRetriever(dataset_id=os.environ["DIFY_DATASET_ID"], k=3, search_method="keyword_search")
    prompt = ChatPromptTemplate.from_template(
        "Answer from this context only, and cite it as [1].\n\nContext:\n{context}\n\nQuestion: {question}"
    )
    answer = prompt | ChatDify() | StrOutputParser()
    chain = (
        RunnablePassthrough.assign(documents=itemgetter("question") | retriever)
        .assign(context=lambda found: numbered(found["documents"]))
        .assign(answer=answer)
    )
    found: dict[str, Any] = chain.invoke({"question": QUESTION})
    return found


def app_with_knowledge() -> tuple[str, list[tuple[str, str]]]:
    """The app asks its own knowledge, and its citations come with the answer."""
    answer = ChatDify(api_key=os.environ["DIFY_CHATFLOW_KEY"]).invoke(QUESTION)
    cited = answer.response_metadata["dify"].get("retriever_resources", [])
    return answer.text, [(source["document_name"], source["content"]) for source in cited]


def main() -> None:
    found = chain_with_sources()
    print(found["answer"])
    print(found["context"])
    answer, sources = app_with_knowledge()
    print(answer)
    for name, passage in sources:
        print(f"  {name}: {passage[:60]}…")


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_CHATFLOW_KEY", "DIFY_DATASET_API_KEY", "DIFY_DATASET_ID"):
        main()
