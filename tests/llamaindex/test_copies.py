"""Copies of objects: they share connections where nothing of these changes, and go where they are told where it does."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
from typing import Any

import pytest
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import Document

from dify_integrations import AsyncDify, Dify, InvalidArgument
from llamaindex_dify import (
    DifyChatEngine,
    DifyChatLLM,
    DifyChatTool,
    DifyCompletionLLM,
    DifyKnowledgeSink,
    DifyQueryEngine,
    DifyReader,
    DifyRetriever,
)
from tests.llamaindex.library import Library

CANARY = "dataset-CANARYcanary0123456789"
APP_CANARY = "app-CANARYcanary0123456789ab"


def requests(library: Library) -> int:
    return len(library.server.requests)


def test_a_changed_copy_of_an_llm_asks_the_new_server(library: Library) -> None:
    """Check 4: the new key never goes to the old server, nor words to the old app."""
    llm = library.llm()
    assert llm.complete("Hi").text
    asked = requests(library)
    with Library() as elsewhere:
        there: dict[str, Any] = {"api_key": elsewhere.app.api_key, "base_url": elsewhere.server.base_url}
        moved = llm.model_copy(update=there)
        assert moved.complete("Hi").text and asyncio.run(moved.acomplete("Hi")).text
        assert (requests(library), requests(elsewhere)) == (asked, 2)
        assert moved._tips is not llm._tips, "what is known of conversations is the server's"
        assert moved.to_payload()["dify_host"] and elsewhere.app.api_key not in f"{moved!r} {moved.to_json()}"
        llm.base_url, llm.api_key = there["base_url"], there["api_key"]
        assert llm.complete("Hi").text and requests(elsewhere) == 3
    assert llm.model_copy(update={"user": "bob"}).clients is llm.clients
    assert llm.model_copy(update={"timeout": 7.0}).clients.settings.timeouts.read_s == 7.0


def test_a_copy_outlives_what_it_was_made_of(library: Library) -> None:
    """Check 4: their connections are the same ones, and stay open while one of them is there."""
    given = AsyncDify(api_key=library.app.api_key, base_url=library.server.base_url, user="ada")
    llm = DifyChatLLM(async_client=given)
    assert llm.complete("Hi").text  # by a client that was made for it
    changed, clocked = llm.model_copy(update={"max_retries": 5}), llm.clients.timed(7.0)
    del llm
    gc.collect()
    assert changed.complete("Hi").text
    assert clocked.sync.app.info().name == library.app.name
    asyncio.run(given.aclose())


@pytest.mark.parametrize("kind", [DifyChatLLM, DifyCompletionLLM])
def test_a_copy_without_a_user_has_none(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would go on as the person before."""
    monkeypatch.delenv("DIFY_USER", raising=False)
    llm = kind(api_key="app-x", base_url="http://127.0.0.1:9/v1", user="ada")
    assert llm.clients.settings.user == "ada"
    with pytest.raises(InvalidArgument, match="end user"):
        llm.model_copy(update={"user": None}).complete("Hi")


@pytest.mark.parametrize("name", ["reader", "sink"])
def test_a_changed_copy_of_a_component_works_with_the_new_server(library: Library, name: str) -> None:
    """Check 4: the sink above all, which sends documents."""

    def use(component: Any) -> None:
        if name == "sink":
            component([Document(id_="a", text="Seals may come close.")])
        else:
            component.load_data()

    component: Any = getattr(library, name)()
    use(component)
    asked = requests(library)
    with Library() as elsewhere:
        moved = component.model_copy(update={**elsewhere.connection, "dataset_id": elsewhere.empty.id})
        use(moved)
        assert requests(library) == asked and requests(elsewhere) > 0
        assert elsewhere.server.dataset_api_key not in f"{moved!r} {moved.to_json()}"
        component.base_url, component.dataset_id = elsewhere.server.base_url, elsewhere.empty.id
        component.dataset_api_key = elsewhere.server.dataset_api_key
        use(component)
        assert requests(library) == asked
    assert component.model_copy(update={"timeout": 7.0})._clients.settings.timeouts.read_s == 7.0
    assert component.model_copy(update={"dataset_id": "x"})._clients is component._clients


def test_a_key_of_a_copy_does_not_show() -> None:
    """Check 4: `model_copy` does not validate, so what it is told is hidden there."""
    base: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1"}
    reader = DifyReader(dataset_id="d", **base).model_copy(update={"dataset_api_key": CANARY})
    sink = DifyKnowledgeSink(dataset_id="d", **base).model_copy(update={"dataset_api_key": CANARY})
    llm = DifyChatLLM(**base, api_key="app-y", user="ada").model_copy(update={"api_key": APP_CANARY})
    for each in (reader, sink, llm):
        told = f"{each!r} {each} {vars(each)} {each.to_dict()} {each.to_json()}"
        assert CANARY not in told and APP_CANARY not in told
    assert llm.clients.settings.api_key is not None and llm.clients.settings.api_key.reveal() == APP_CANARY


def test_a_given_client_keeps_its_server(library: Library) -> None:
    """Its connections, perhaps of the user's own, go there; other keys and clocks are used with them."""
    with library.dify() as dify, Dify("app-x", base_url="http://127.0.0.1:9/v1", user="ada", max_retries=5) as app:
        reader, llm = DifyReader(dataset_id=library.shop.id, client=dify), DifyChatLLM(app)
        assert (reader._clients.sync, llm.clients.sync) == (dify, app)
        changed = llm.model_copy(update={"api_key": APP_CANARY, "timeout": 7.0}).clients.settings
        assert changed.api_key is not None and changed.api_key.reveal() == APP_CANARY
        assert (changed.timeouts.read_s, changed.retry.max_retries) == (7.0, 5)
        assert llm.clients.sync is app
        for each in (reader, llm):
            with pytest.raises(InvalidArgument, match="base_url belongs to the client"):
                _ = each.model_copy(update={"base_url": "http://127.0.0.1:8/v1"})._clients
        with pytest.raises(ValueError, match="base_url belongs to the client"):
            DifyReader(dataset_id="d", client=dify, base_url="http://127.0.0.1:8/v1")
        wrong = reader.model_copy(update={"dataset_api_key": CANARY})
        assert wrong._clients.sync.settings.key_for("dataset") == CANARY


# -- `copy`


def test_copies_of_what_finds_find_the_same(library: Library) -> None:
    """Core and its users copy retrievers to change them; connections are shared."""
    for given in (library.retriever(similarity_top_k=1), DifyRetriever(library.shop.id, client=library.dify())):
        expected = [node.node_id for node in given.retrieve("refunds")]
        for made in (copy.copy(given), copy.deepcopy(given)):
            assert [node.node_id for node in made.retrieve("refunds")] == expected
            assert made._clients is given._clients and made is not given
    index = library.index()
    for again in (copy.copy(index), copy.deepcopy(index)):
        again.insert(Document(id_="a", text="Seals may come close."))
        assert copy.deepcopy(again.as_retriever()).retrieve("seals")
    reader = DifyReader(dataset_id=library.shop.id, client=library.dify())
    assert len(copy.deepcopy(reader).load_data()) == len(copy.copy(reader).load_data()) == 2
    engine = RetrieverQueryEngine.from_args(library.retriever(), llm=library.llm())
    assert copy.deepcopy(engine).query("refunds").source_nodes


def test_copies_of_engines_and_tools(library: Library) -> None:
    llm = library.llm()
    for make in (copy.copy, copy.deepcopy):
        assert str(make(DifyQueryEngine(llm)).query("Hi"))
        tool = DifyChatTool(name="x", description="d", api_key=library.app.api_key, base_url=library.server.base_url, user="ada")
        assert make(tool).call(query="Hi").content
        assert make(llm).complete("Hi").text


def test_a_chat_engine_is_not_copied_deeply(library: Library) -> None:
    """Two engines in one conversation would answer past each other: none knows of the other's turns."""
    engine = DifyChatEngine.from_defaults(llm=library.llm())
    assert engine.chat("Hi").response and copy.copy(engine).conversation_id == engine.conversation_id
    with pytest.raises(TypeError, match="a DifyChatEngine is one conversation and is not copied"):
        copy.deepcopy(engine)
    with pytest.raises(TypeError, match="a DifyChatEngine is not pickled"):
        pickle.dumps(engine)


def test_clients_are_shared_by_copies(library: Library) -> None:
    dify, other = library.dify(), AsyncDify(**library.connection)
    assert copy.copy(dify) is copy.deepcopy(dify) is dify
    assert copy.copy(other) is copy.deepcopy(other) is other
