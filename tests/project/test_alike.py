"""The two adapters as one user of both meets them: what no framework has a reason for is the same in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, ToolMessage
from pydantic import BaseModel, ValidationError

import langchain_dify
import llamaindex_dify
from dify_integrations import Dify, InvalidArgument, Timeouts
from dify_integrations.local import App, LocalDify, Outputs, Say, Text, Turn

TOPIC = {"text-input": {"variable": "topic", "required": True}}
TONE = {"select": {"variable": "tone", "required": False, "default": "gone", "options": ["formal", "casual"]}}
FLOW, CHAT = "workflow", "advanced-chat"
Tools = dict[str, tuple[Any, Any]]
TOOLS: Tools = {
    FLOW: (langchain_dify.DifyWorkflowTool, llamaindex_dify.DifyWorkflowTool),
    CHAT: (langchain_dify.DifyChatTool, llamaindex_dify.DifyChatTool),
}


class Topic(BaseModel):
    topic: str


class Question(Topic):
    query: str


@pytest.fixture
def server() -> Iterator[LocalDify]:
    done: dict[str, Callable[[Turn], list[Say]]] = {
        FLOW: lambda turn: [Outputs({"text": "done"})],
        CHAT: lambda turn: [Text("done")],
    }
    apps = [App(mode, mode, done[mode], [TOPIC], description="Writes.") for mode in (FLOW, CHAT)]
    apps += [App(f"{mode}-chosen", mode, done[mode], [TONE], description="Writes.") for mode in (FLOW, CHAT)]
    apps += [App(f"{mode}-nameless", mode, done[mode]) for mode in (FLOW, CHAT)]
    with LocalDify(apps) as running:
        yield running


def connection(server: LocalDify, app: str) -> dict[str, Any]:
    return {"api_key": server.app(app).api_key, "base_url": server.base_url, "user": "ada"}


def runs(server: LocalDify) -> list[dict[str, Any]]:
    """What was sent to be run since the last look."""
    sent = [request.json for request in server.requests if request.method == "POST"]
    server.requests.clear()
    return sent


def question(mode: str) -> dict[str, Any]:
    return {"query": "go"} if mode == CHAT else {}


def refused_by_both(chain: Any, index: Any, arguments: dict[str, Any], *words: str) -> None:
    """As LangChain raises for an agent to read, and LlamaIndex gives as an output."""
    with pytest.raises(ValidationError) as raised:
        chain.invoke(arguments)
    output = index.call(**arguments)
    assert output.is_error and isinstance(output.exception, InvalidArgument)
    for word in words:
        assert word in str(raised.value) and word in output.content


@pytest.mark.parametrize("mode", [FLOW, CHAT])
def test_an_argument_that_the_app_does_not_have_is_refused_before_the_run(server: LocalDify, mode: str) -> None:
    """Dify would drop it without a word. With the app's own form, and where nobody asked for it."""
    for way in ("from_app", "made"):
        chain, index = (
            kind.from_app(**connection(server, mode))
            if way == "from_app"
            else kind(name="x", description="x", **connection(server, mode))
            for kind in TOOLS[mode]
        )
        refused_by_both(chain, index, {**question(mode), "topic": "cats", "colour": "red"}, "colour")
    assert runs(server) == []


def test_an_agent_reads_which_argument_does_not_exist(server: LocalDify) -> None:
    class Scripted(FakeMessagesListChatModel):
        def bind_tools(self, *_: Any, **__: Any) -> Any:
            return self

    tool = langchain_dify.DifyWorkflowTool.from_app(**connection(server, FLOW))
    call: Any = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"topic": "cats", "colour": "red"}}
    agent: Any = create_agent(Scripted(responses=[AIMessage("", tool_calls=[call]), AIMessage("I see")]), [tool])
    *_, told, last = agent.invoke({"messages": [("user", "go")]})["messages"]
    assert isinstance(told, ToolMessage) and told.status == "error" and "colour" in told.text
    assert last.text == "I see" and runs(server) == []


@pytest.mark.parametrize("mode", [FLOW, CHAT])
def test_tools_that_asked_no_app_for_its_form(server: LocalDify, mode: str) -> None:
    """Variables come as fields of a model, or all of them in one argument."""
    given = {"name": "x", "description": "x", **connection(server, mode)}
    chain_kind, index_kind = TOOLS[mode]
    assert runs(server) == []
    model = Question if mode == CHAT else Topic
    known = {**question(mode), "topic": "cats"}
    assert chain_kind(args_schema=model, **given).invoke(known) == index_kind(schema=model, **given).call(**known).content == "done"
    rest = {**question(mode), "inputs": {"topic": "cats"}}
    assert chain_kind(**given).invoke(rest) == index_kind(**given).call(**rest).content == "done"
    assert [body["inputs"]["topic"] for body in runs(server)] == ["cats"] * 4


@pytest.mark.parametrize("mode", [FLOW, CHAT])
def test_an_app_without_a_description_needs_one(server: LocalDify, mode: str) -> None:
    for kind in TOOLS[mode]:
        with pytest.raises(InvalidArgument, match="no description"):
            kind.from_app(**connection(server, f"{mode}-nameless"))
        kind.from_app(description="Writes.", **connection(server, f"{mode}-nameless"))


def test_apps_of_a_group_may_go_without_a_description(server: LocalDify) -> None:
    app = connection(server, f"{FLOW}-nameless")
    (chain,) = langchain_dify.DifyToolkit.from_apps([app]).get_tools()
    (index,) = llamaindex_dify.DifyToolSpec.from_apps([app]).to_tool_list()
    assert chain.description == index.metadata.description == f"Asks the Dify app '{FLOW}-nameless'."


@pytest.mark.parametrize("mode", [FLOW, CHAT])
def test_a_select_whose_default_is_no_option_must_be_chosen(server: LocalDify, mode: str) -> None:
    """Dify puts the default in and refuses the run."""
    chain, index = (kind.from_app(**connection(server, f"{mode}-chosen")) for kind in TOOLS[mode])
    refused_by_both(chain, index, question(mode), "tone")
    chosen = {**question(mode), "tone": "formal"}
    assert chain.invoke(chosen) == index.call(**chosen).content == "done"
    assert [body["inputs"]["tone"] for body in runs(server)] == ["formal"] * 2


WITH_CLIENT: dict[str, Callable[..., Any]] = {
    "ChatDify": langchain_dify.ChatDify,
    "DifyChatLLM": llamaindex_dify.DifyChatLLM,
    "LangChain's tool": lambda **given: langchain_dify.DifyWorkflowTool(name="x", description="x", **given),
    "LlamaIndex' tool": lambda **given: llamaindex_dify.DifyWorkflowTool(name="x", description="x", **given),
    "LangChain's retriever": lambda **given: langchain_dify.DifyRetriever(dataset_id="d", **given),
    "LlamaIndex' retriever": lambda **given: llamaindex_dify.DifyRetriever("d", **given),
    "DifyKnowledgeIndex": lambda **given: llamaindex_dify.DifyKnowledgeIndex("d", **given),
    "DifyKnowledgeSink": lambda **given: llamaindex_dify.DifyKnowledgeSink("d", **given),
    "DifyDocumentLoader": lambda **given: langchain_dify.DifyDocumentLoader(dataset_id="d", **given),
    "DifyReader": lambda **given: llamaindex_dify.DifyReader("d", **given),
}


@pytest.mark.parametrize("make", WITH_CLIENT.values(), ids=list(WITH_CLIENT))
def test_settings_beside_a_shared_client_are_not_lost(make: Callable[..., Any]) -> None:
    """They change a copy that shares its connections; an address is refused."""
    with Dify("app-x", dataset_api_key="dataset-x", base_url="http://127.0.0.1:9/v1", timeout=7.0, max_retries=5) as client:
        with pytest.raises(ValueError, match="base_url belongs to the client"):
            make(client=client, base_url="http://127.0.0.1:10/v1")
        for given, timeout, retries in (({}, 7.0, 5), ({"timeout": Timeouts(read_s=3.0), "max_retries": 0}, 3.0, 0)):
            made = make(client=client, **given)
            settings = clients_in(made).settings
            assert (settings.timeouts.read_s, settings.retry.max_retries) == (timeout, retries)


def clients_in(made: Any) -> Any:
    for name in ("clients", "_clients"):
        if hasattr(made, name):
            return getattr(made, name)
    return made._store.clients


def test_a_knowledge_base_is_named_first_or_by_name_in_llamaindex() -> None:
    key: dict[str, Any] = {"dataset_api_key": "dataset-x"}
    for kind in (llamaindex_dify.DifyReader, llamaindex_dify.DifyKnowledgeSink):
        assert kind("d", **key).dataset_id == kind(dataset_id="d", **key).dataset_id == "d"
        with pytest.raises(ValidationError, match="nonsense"):
            kind("d", nonsense=1, **key)


@pytest.mark.parametrize("mode", [FLOW, CHAT])
def test_tools_of_several_users_and_of_a_published_version(server: LocalDify, mode: str) -> None:
    """LangChain's function is told the config; LlamaIndex has none, so its function looks where the service keeps it."""
    known = {**connection(server, mode), "workflow_id": server.app(mode).workflow_id}
    chain_kind, index_kind = TOOLS[mode]
    now = "bob"
    chain = chain_kind.from_app(**{**known, "user": lambda config: config["metadata"]["who"]})
    index = index_kind.from_app(**{**known, "user": lambda: now})
    arguments = {**question(mode), "topic": "cats"}
    for now in ("bob", "eve"):  # noqa: B007  # the function reads it
        chain.invoke(arguments, {"metadata": {"who": now}})
        index.call(**arguments)
    told = [request.path + str(request.json) for request in server.requests if request.method == "POST"]
    assert all(known["workflow_id"] in said for said in told)
    assert [body["user"] for body in runs(server)] == ["bob", "bob", "eve", "eve"]
