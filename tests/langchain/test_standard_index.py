"""LangChain's own tests for document indexes, against LocalDify."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import pytest
from langchain_core.indexing.base import DocumentIndex
from langchain_tests.integration_tests.indexer import AsyncDocumentIndexTestSuite, DocumentIndexerTestSuite

from dify_integrations.local import Dataset, LocalDify
from langchain_dify import DifyDocumentIndex

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")


def made(server: LocalDify) -> DifyDocumentIndex:
    key = server.dataset_api_key
    return DifyDocumentIndex(dataset_id=server.datasets[0].id, dataset_api_key=key, base_url=server.base_url, indexing_poll_s=0.001)


class TestStandard(DocumentIndexerTestSuite):
    """Check 1: LangChain's suite for document indexes, sync."""

    @pytest.fixture
    def index(self) -> Generator[DocumentIndex, None, None]:
        with LocalDify(datasets=[Dataset("Empty")]) as server:
            index = made(server)
            yield index
            index.clients.sync.close()


@pytest.mark.anyio
class TestStandardAsync(AsyncDocumentIndexTestSuite):
    """Check 1: the same, async."""

    @pytest.fixture
    async def index(self) -> AsyncGenerator[DocumentIndex, None]:
        with LocalDify(datasets=[Dataset("Empty")]) as server:
            index = made(server)
            yield index
            await index.clients.asynchronous.aclose()
            index.clients.sync.close()
