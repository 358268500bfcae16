"""Several apps and a search as the tools of one agent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.tools import FunctionTool, ToolMetadata
from llama_index.core.tools.tool_spec.base import BaseToolSpec

from dify_integrations import Dify, InvalidArgument
from dify_integrations.local import App, Dataset, LocalDify, Outputs, Text
from llamaindex_dify import DifyChatLLM, DifyChatTool, DifyRetriever, DifyToolSpec, DifyWorkflowTool

FORM = [{"text-input": {"variable": "topic", "required": True}}]
CALL = Text('<tool_calls>\n{"name": "search_knowledge", "arguments": {"query": "return an order"}}\n</tool_calls>')


@dataclass
class House:
    """A server with a workflow, a chat app of the same name, and a knowledge base."""

    server: LocalDify
    write: App
    talk: App
    dataset: Dataset

    def spec(self, **options: Any) -> DifyToolSpec:
        return DifyToolSpec.from_apps(self.apps, **self.address, **options)

    @property
    def apps(self) -> list[Any]:
        return [self.write.api_key, {"api_key": self.talk.api_key, "name": "editor", "description": "Talks."}]

    @property
    def address(self) -> dict[str, Any]:
        return {"base_url": self.server.base_url, "user": "ada"}

    @property
    def knowledge(self) -> dict[str, Any]:
        return {"dataset_id": self.dataset.id, "dataset_api_key": self.server.dataset_api_key}


@pytest.fixture
def house() -> Iterator[House]:
    write = App("editor", "workflow", lambda turn: [Outputs({"text": f"On {turn.inputs['topic']}"})], FORM, "Writes.")
    talk = App("talker", "chat", lambda turn: [Text(f"You said {turn.query}")])
    dataset = Dataset("handbook", {"returns.md": "You can return an order within 30 days.", "ships.md": "Ships sail on Monday."})
    with LocalDify([write, talk], datasets=[dataset]) as server:
        yield House(server, write, talk, dataset)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_apps_become_tools_of_their_kind(house: House, asynchronous: bool) -> None:
    """Check 1: a BaseToolSpec; workflows and chats, with names that are different."""
    spec = house.spec()
    if asynchronous:
        spec = asyncio.run(DifyToolSpec.afrom_apps(house.apps, **house.address))
    assert BaseToolSpec in type(spec).__mro__
    tools = spec.to_tool_list()
    assert [type(tool) for tool in tools] == [DifyWorkflowTool, DifyChatTool]
    assert [tool.metadata.name for tool in tools] == ["editor", "editor_2"]
    assert [tool.metadata.description for tool in tools] == ["Writes.", "Talks."]
    assert [tool(word).content for tool, word in zip(tools, ("cats", "hi"), strict=True)] == ["On cats", "You said hi"]


def test_core_gives_the_list_without_blocking_too(house: House) -> None:
    """Where core has a method for it, which its oldest versions have not; ours is not another one."""
    spec = house.spec()
    there = getattr(BaseToolSpec, "to_tool_list_async", None)
    listed = asyncio.run(spec.to_tool_list_async()) if there is not None else spec.to_tool_list()
    assert [tool.metadata.name for tool in listed] == ["editor", "editor_2"]
    assert getattr(DifyToolSpec, "to_tool_list_async", None) is there


def test_a_client_of_ones_own_is_an_app_too(house: House) -> None:
    with Dify(house.talk.api_key, **house.address) as dify:
        (tool,) = DifyToolSpec.from_apps([dify]).to_tool_list()
        assert tool("hi").content == "You said hi"


def test_the_search_is_a_tool(house: House) -> None:
    """Core's own way to make it from a sync and an async function."""
    search = house.spec(**house.knowledge).to_tool_list()[-1]
    assert isinstance(search, FunctionTool)
    assert search.metadata.name == "search_knowledge"
    (query,) = search.metadata.get_parameters_dict()["properties"].items()
    assert query == (
        "query",
        {"title": "Query", "type": "string", "description": "What to look for, in the words of the documents."},
    )
    assert search.metadata.description == "Search the knowledge base; gives the passages that fit the query best."
    for output in (search(query="return an order"), asyncio.run(search.acall(query="return an order"))):
        assert "within 30 days" in output.content
        assert "document_name: returns.md" in output.content
        assert "Ships" not in output.content
    assert search(query="xyzzy").content == "Nothing was found."


@pytest.mark.anyio
async def test_an_agent_searches(house: House) -> None:
    def say(turn: Any) -> list[Text]:
        return [Text("30 days.") if "<tool_result" in turn.query.split("</system>")[-1] else CALL]

    with LocalDify([brain := App("brain", "chat", say)]) as server:
        llm = DifyChatLLM(api_key=brain.api_key, base_url=server.base_url, user="ada", tool_calling="prompt")
        spec = await DifyToolSpec.afrom_apps([], base_url=house.server.base_url, **house.knowledge)
        handler = FunctionAgent(tools=[*spec.to_tool_list()], llm=llm).run("How long?")
        (result,) = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
        assert str(await handler) == "30 days."
    assert "within 30 days" in result.tool_output.content


def test_some_tools_under_other_names(house: House) -> None:
    """As core lets one choose and describe the functions of a spec."""
    spec = house.spec(**house.knowledge)
    metadata = {
        "editor": ToolMetadata(description="Writes poems.", name="poet"),
        "search_knowledge": ToolMetadata(description="Looks up.", name="look_up"),
    }
    poet, look_up = spec.to_tool_list(["editor", ("search_knowledge", "asearch_knowledge")], metadata)
    assert (poet.metadata.name, poet.metadata.description, poet.real_fn.__name__) == ("poet", "Writes poems.", "poet")
    assert poet.metadata.get_parameters_dict()["required"] == ["topic"]
    assert poet(topic="cats").tool_name == "poet"
    assert (look_up.metadata.name, look_up.metadata.description) == ("look_up", "Looks up.")
    assert look_up.metadata.get_parameters_dict()["required"] == ["query"]
    assert "within 30 days" in look_up(query="return an order").content
    assert spec.to_tool_list(["editor"])[0].metadata.name == "editor"
    (described,) = spec.to_tool_list(["editor"], {"editor": ToolMetadata(description="Writes poems.")})
    assert (described.metadata.name, described.metadata.description) == ("editor", "Writes poems.")
    with pytest.raises(InvalidArgument, match="different names"):
        spec.to_tool_list(None, {"editor": ToolMetadata(description="Writes poems.", name="search_knowledge")})


def test_what_cannot_be_is_refused(house: House) -> None:
    tool = house.spec().to_tool_list()[0]
    assert isinstance(tool, DifyWorkflowTool)
    with pytest.raises(InvalidArgument, match="different names"):
        DifyToolSpec([tool, tool])
    with pytest.raises(InvalidArgument, match="no tool 'search_knowledge'"):
        house.spec().to_tool_list(["search_knowledge"])
    with pytest.raises(InvalidArgument, match="nothing to search"):
        house.spec().search_knowledge("x")
    retriever = DifyRetriever(house.dataset.id, dataset_api_key="dataset-x", base_url=house.server.base_url)
    assert len(DifyToolSpec(retriever=retriever).to_tool_list()) == 1
