"""The standard suites of `langchain-tests` for tools and retrievers, over real HTTP against LocalDify."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from dify_integrations.local import LocalDify
from langchain_dify import DifyChatTool, DifyRetriever, DifyWorkflowTool

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[LocalDify]:
    with LocalDify() as running:
        Served.server = running
        yield running


class Served:
    server: LocalDify
    app = "workflow"

    def connection(self) -> dict[str, Any]:
        return {"api_key": self.server.app(self.app).api_key, "base_url": self.server.base_url, "user": "ann"}

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"name": "ask", "description": "Asks.", **self.connection()}


class Workflow(Served):
    @property
    def tool_constructor(self) -> type[DifyWorkflowTool]:
        return DifyWorkflowTool

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"inputs": {"topic": "cats"}}


class Chat(Served):
    app = "chat"

    @property
    def tool_constructor(self) -> type[DifyChatTool]:
        return DifyChatTool

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": "Hi", "inputs": {}}


class TestWorkflowToolUnit(Workflow, ToolsUnitTests):
    """Check 1: the unit suite for a workflow as a tool."""


class TestWorkflowTool(Workflow, ToolsIntegrationTests):
    """Check 1: the integration suite for a workflow as a tool."""


class TestChatToolUnit(Chat, ToolsUnitTests):
    """Check 1: the unit suite for a chat app as a tool."""


class TestChatTool(Chat, ToolsIntegrationTests):
    """Check 1: the integration suite for a chat app as a tool."""


class TestRetriever(RetrieversIntegrationTests):
    """Check 1: the suite for retrievers."""

    @property
    def retriever_constructor(self) -> type[DifyRetriever]:
        return DifyRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        server = Served.server
        return {"dataset_id": server.datasets[0].id, "dataset_api_key": server.dataset_api_key, "base_url": server.base_url}

    @property
    def retriever_query_example(self) -> str:
        return "refunds shipping warranty customer days"
