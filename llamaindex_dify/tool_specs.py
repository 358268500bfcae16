"""Several Dify apps, and the search in a knowledge base, as the tools of one agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.bridge.pydantic import BaseModel, Field
from llama_index.core.schema import MetadataMode
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec

from dify_integrations.bridge.app_tools import AppGiven, AppPlan, named, tool_clients
from dify_integrations.errors import InvalidArgument

from ._app_tools import AppTool
from .retrievers import DifyRetriever
from .tools import DifyChatTool, DifyWorkflowTool

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore
    from llama_index.core.tools import ToolMetadata
    from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE
    from typing_extensions import Self

SEARCH = "search_knowledge"
SEARCH_DESCRIPTION = "Search the knowledge base; gives the passages that fit the query best."


class Search(BaseModel):
    """The arguments of `search_knowledge`."""

    query: str = Field(description="What to look for, in the words of the documents.")


class DifyToolSpec(BaseToolSpec):
    """The tools of several apps, under names that are valid and different, and a search in a knowledge base.

    `DifyToolSpec.from_apps(["app-…", "app-…"], base_url="http://localhost/v1", user="ada").to_tool_list()` asks each app who
    it is: workflows become `DifyWorkflowTool`s, chat, agent and chatflow apps `DifyChatTool`s. With a knowledge
    base there is `search_knowledge`, too.

    Args:
        tools: Tools that exist already.
        retriever: What `search_knowledge` searches, such as a `DifyRetriever`.

    Raises:
        InvalidArgument: Two tools of one name.
    """

    def __init__(self, tools: Sequence[AppTool] = (), *, retriever: BaseRetriever | None = None) -> None:
        self._tools = {tool.metadata.get_name(): tool for tool in tools}
        self._retriever = retriever
        _different([*(tool.metadata.get_name() for tool in tools), *([SEARCH] if retriever is not None else [])])
        searches: list[SPEC_FUNCTION_TYPE] = [] if retriever is None else [(SEARCH, f"a{SEARCH}")]
        self.spec_functions = [*self._tools, *searches]

    @classmethod
    def from_apps(
        cls,
        apps: Sequence[AppGiven] = (),
        *,
        dataset_id: str | Sequence[str] | None = None,
        dataset_api_key: str | None = None,
        retriever: BaseRetriever | None = None,
        **shared: Any,
    ) -> Self:
        """Ask every app who it is and what it takes.

        Args:
            apps: A key, a client or the arguments of a tool for each, such as
                `{"api_key": "app-…", "name": "write", "description": "Writes.", "partial_params": {"tone": "formal"}}`. Servers
                before Dify 1.4 do not tell what kind an app is: say `"mode": "workflow"` or `"mode": "chat"` there.
            dataset_id: The knowledge base that `search_knowledge` searches, or several.
            dataset_api_key: Its key (`dataset-…`), or `DIFY_DATASET_API_KEY`.
            retriever: Another retriever for it.
            **shared: Arguments of all tools, such as `base_url`, `user`, `ask`.

        Raises:
            InvalidArgument: An app that cannot be a tool.
            APIError: An app cannot be asked.
        """
        plans = [AppPlan(app, shared) for app in apps]
        connections = [tool_clients(plan.fields) for plan in plans]
        for plan, clients in zip(plans, connections, strict=True):
            app = clients.sync.app
            plan.info, plan.parameters = app.info(), app.parameters()
        tools = [_kind(plan)._planned(its, plan, name) for (plan, name), its in zip(_named(plans), connections, strict=True)]
        return cls(tools, retriever=retriever or _retriever(dataset_id, dataset_api_key, shared))

    @classmethod
    async def afrom_apps(
        cls,
        apps: Sequence[AppGiven] = (),
        *,
        dataset_id: str | Sequence[str] | None = None,
        dataset_api_key: str | None = None,
        retriever: BaseRetriever | None = None,
        **shared: Any,
    ) -> Self:
        """As `from_apps`, without blocking."""
        plans = [AppPlan(app, shared) for app in apps]
        connections = [tool_clients(plan.fields) for plan in plans]
        for plan, clients in zip(plans, connections, strict=True):
            app = clients.asynchronous.app
            plan.info, plan.parameters = await app.info(), await app.parameters()
        tools = [_kind(plan)._planned(its, plan, name) for (plan, name), its in zip(_named(plans), connections, strict=True)]
        return cls(tools, retriever=retriever or _retriever(dataset_id, dataset_api_key, shared))

    def search_knowledge(self, query: str) -> str:
        """Search the knowledge base; gives the passages that fit the query best.

        Args:
            query: What to look for, in the words of the documents.
        """
        return _told(self._source().retrieve(query))

    async def asearch_knowledge(self, query: str) -> str:
        """As `search_knowledge`, without blocking."""
        return _told(await self._source().aretrieve(query))

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The tools, in the order of the apps.

        Args:
            spec_functions: Only these, by name.
            func_to_metadata_mapping: Another name and description for some; the arguments stay the app's.

        Raises:
            InvalidArgument: A name that is no tool's, or two tools of one name.
        """
        metadata = func_to_metadata_mapping or {}
        tools = [tool for entry in spec_functions or self.spec_functions for tool in self._made(entry, metadata)]
        _different([str(tool.metadata.name) for tool in tools])
        return tools

    def _made(self, entry: SPEC_FUNCTION_TYPE, metadata: Mapping[str, ToolMetadata]) -> list[FunctionTool]:
        name = entry if isinstance(entry, str) else entry[0]
        if name in self._tools:
            tool = self._tools[name]
            return [tool._described(metadata[name]) if name in metadata else tool]
        if name not in (SEARCH, f"a{SEARCH}") or self._retriever is None:
            raise InvalidArgument(f"there is no tool {name!r}, only {', '.join(map(str, self.spec_functions))}")
        # Named after the sync function either way; agents call the async one.
        return [self._search(metadata.get(SEARCH) or metadata.get(f"a{SEARCH}"))]

    def _search(self, metadata: ToolMetadata | None) -> FunctionTool:
        # Core would tell models the Python signature and the indented docstring, and the arguments of whoever named the tool.
        return FunctionTool.from_defaults(
            fn=self.search_knowledge,
            async_fn=self.asearch_knowledge,
            name=metadata.get_name() if metadata else SEARCH,
            description=metadata.description if metadata else SEARCH_DESCRIPTION,
            fn_schema=Search,
            return_direct=bool(metadata and metadata.return_direct),
        )

    def _source(self) -> BaseRetriever:
        if self._retriever is None:
            raise InvalidArgument("there is nothing to search: pass dataset_id=… or retriever=…")
        return self._retriever


def _kind(plan: AppPlan) -> type[AppTool]:
    return DifyWorkflowTool if plan.is_workflow else DifyChatTool


def _named(plans: Sequence[AppPlan]) -> list[tuple[AppPlan, str]]:
    return named(plans, taken=(SEARCH,))


def _retriever(
    dataset_id: str | Sequence[str] | None, dataset_api_key: str | None, shared: Mapping[str, Any]
) -> BaseRetriever | None:
    known = {name: shared[name] for name in ("base_url", "timeout", "max_retries") if name in shared}
    return None if dataset_id is None else DifyRetriever(dataset_id, dataset_api_key=dataset_api_key, **known)


def _different(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise InvalidArgument("the tools of an agent need different names: pass name=… to the tools")


def _told(nodes: Sequence[NodeWithScore]) -> str:
    """The passages for a model, with what their metadata says of the document."""
    return "\n\n".join(node.get_content(metadata_mode=MetadataMode.LLM) for node in nodes) or "Nothing was found."
