"""Knowledge bases over real HTTP, and what was asked of them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

from llama_index.core.schema import NodeWithScore

from dify_integrations import Dify
from dify_integrations.local import App, Dataset, LocalDify
from llamaindex_dify import DifyChatLLM, DifyKnowledgeIndex, DifyKnowledgeSink, DifyReader, DifyRetriever

DOCUMENTS = {
    "refunds.txt": "Refunds are possible within 30 days.\n\nRefunds go back to the original payment.",
    "shipping.txt": "Shipping takes three days.\n\nRefunds of shipping costs are not possible.",
}
METADATA = {"refunds.txt": {"year": 2023, "topic": "money"}, "shipping.txt": {"year": 2024, "topic": "parcels"}}


class Library:
    """A server with three knowledge bases, the third of them empty, and a chat app."""

    def __init__(self, *more: Dataset, app: App | None = None, **options: Any) -> None:
        self.shop = Dataset("Shop", DOCUMENTS, metadata=METADATA)
        self.other = Dataset("Other", {"notes.txt": "Refunds were discussed in May."})
        self.empty = Dataset("Empty")
        self.app = app or App("chat", "chat")
        self.server = LocalDify([self.app], [self.shop, self.other, self.empty, *more], **options)
        self._stack = ExitStack()

    def __enter__(self) -> Library:
        self._stack.enter_context(self.server)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def connection(self) -> dict[str, Any]:
        return {"dataset_api_key": self.server.dataset_api_key, "base_url": self.server.base_url}

    def dify(self) -> Dify:
        """The plain client."""
        return self._stack.enter_context(Dify(**self.connection))

    def retriever(self, *datasets: Dataset, **options: Any) -> DifyRetriever:
        ids = [dataset.id for dataset in datasets or (self.shop,)]
        return DifyRetriever(ids[0] if len(ids) == 1 else ids, **{**self.connection, **options})

    def index(self, dataset: Dataset | None = None, **options: Any) -> DifyKnowledgeIndex:
        return DifyKnowledgeIndex((dataset or self.empty).id, **{**self.connection, "indexing_poll_s": 0.001, **options})

    def sink(self, **options: Any) -> DifyKnowledgeSink:
        return DifyKnowledgeSink(**{**self.connection, "dataset_id": self.empty.id, "indexing_poll_s": 0.001, **options})

    def reader(self, dataset: Dataset | None = None, **options: Any) -> DifyReader:
        return DifyReader(**{**self.connection, "dataset_id": (dataset or self.shop).id, **options})

    def llm(self, **options: Any) -> DifyChatLLM:
        return DifyChatLLM(api_key=self.app.api_key, base_url=self.server.base_url, user="ada", **options)

    @property
    def asked(self) -> list[Any]:
        """The bodies of searches."""
        return [request.json for request in self.server.requests if request.path.endswith("/retrieve")]

    def requests(self, method: str, end: str = "") -> int:
        return len([each for each in self.server.requests if each.method == method and each.path.endswith(end)])


def both(retriever: DifyRetriever, query: str) -> list[NodeWithScore]:
    """The same both ways."""
    nodes = retriever.retrieve(query)
    again = asyncio.run(retriever.aretrieve(query))
    assert [(node.node_id, node.score, node.node.hash) for node in nodes] == [
        (node.node_id, node.score, node.node.hash) for node in again
    ]
    return nodes
