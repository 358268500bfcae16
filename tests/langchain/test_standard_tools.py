"""The standard suites of `langchain-tests` for tools and retrievers, over real HTTP against LocalDify.

All of their tests run; none is skipped or expected to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from dify_integrations.local import Dataset, LocalDify
from dify_integrations.local.demo import HANDBOOK
from langchain_dify import DifyChatTool, DifyRetriever, DifyWorkflowTool

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[LocalDify]:
    club = Dataset("Club", {"rules.txt": "Refunds take days.\n\nShipping is up to the customer.\n\nNo warranty. Days count."})
    with LocalDify(datasets=[Dataset("Handbook", HANDBOOK, doc_form="hierarchical_model"), club]) as running:
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

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """The key itself is read by the client, when it is first needed."""
        told = {"name": "ask", "description": "Asks."}
        return {"DIFY_API_KEY": "app-of-the-environment"}, told, told


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


class Introduced(Served):
    """Made of what the app says of itself: its own arguments are the schema."""

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """Made already."""
        return {}, {}, {}


class IntroducedWorkflow(Introduced):
    @property
    def tool_constructor(self) -> DifyWorkflowTool:
        return DifyWorkflowTool.from_app(**self.connection())

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"topic": "cats", "tone": "formal", "sentences": 2}


class IntroducedChat(Introduced):
    app = "chat"

    @property
    def tool_constructor(self) -> DifyChatTool:
        return DifyChatTool.from_app(description="Answers.", **self.connection())

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"query": "Hi"}


class TestIntroducedWorkflowToolUnit(IntroducedWorkflow, ToolsUnitTests):
    """Check 1: the unit suite for a workflow whose form is the schema."""


class TestIntroducedWorkflowTool(IntroducedWorkflow, ToolsIntegrationTests):
    """Check 1: the integration suite for a workflow whose form is the schema."""


class TestIntroducedChatToolUnit(IntroducedChat, ToolsUnitTests):
    """Check 1: the unit suite for a chat app that introduced itself."""


class TestIntroducedChatTool(IntroducedChat, ToolsIntegrationTests):
    """Check 1: the integration suite for a chat app that introduced itself."""


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


class TestRetrieverOfSeveral(TestRetriever):
    """Check 1: the suite for a retriever of two knowledge bases."""

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        told = super().retriever_constructor_params
        del told["dataset_id"]
        return {**told, "dataset_ids": [dataset.id for dataset in Served.server.datasets]}


class TestRetrieverOfChildren(TestRetrieverOfSeveral):
    """Check 1: the suite for a retriever of child chunks."""

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {**super().retriever_constructor_params, "content_mode": "child"}
