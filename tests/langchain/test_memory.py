"""Histories kept outside: by LangGraph's checkpointers, in files, in other processes, by LangChain's wrapper."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, messages_from_dict, messages_to_dict
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.history import RunnableWithMessageHistory
from langgraph.checkpoint.memory import InMemorySaver

from dify_integrations.local import Text
from tests.langchain.checkpoints import SavedThreads, talking
from tests.langchain.conftest import ONE, TWO, Serve, conversation_of

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}

PROCESS = """
import sys
from langchain_dify import ChatDify
from tests.langchain.checkpoints import SavedThreads, talking

folder, base_url, api_key = sys.argv[1:]
with SavedThreads(folder) as saver:
    graph = talking(ChatDify(base_url=base_url, api_key=api_key, user="ann"), saver)
    graph.invoke({"messages": [("user", "One?")]}, {"configurable": {"thread_id": "t"}})
"""


def test_a_checkpointed_thread_goes_on_after_a_restart(serve: Serve, tmp_path: Path) -> None:
    """Check 9: two processes, one after the other, with nothing in common but the checkpoints on the disk."""
    served = serve([Text("yes")])
    connection = served.connection()
    arguments = [str(tmp_path), connection["base_url"], connection["api_key"]]
    done = subprocess.run([sys.executable, "-c", PROCESS, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for words in ("Two?", "Three?"):
        with SavedThreads(str(tmp_path)) as saver:
            answers = talking(served.chat(), saver).invoke({"messages": [HumanMessage(words)]}, THREAD)["messages"]
    assert [body["query"] for body in served.bodies()] == ["One?", "Two?", "Three?"]
    assert {body["conversation_id"] for body in served.bodies()[1:]} == {conversation_of(answers[1])}


@pytest.mark.anyio
@pytest.mark.parametrize("conversation", ["auto", "stateful"])
async def test_a_new_model_goes_on_with_a_saved_thread(serve: Serve, conversation: Any) -> None:
    """Check 9: sync and async in turns, a new model object for each."""
    served = serve([Text("yes")])
    saver = InMemorySaver()
    for number in range(4):
        graph = talking(served.chat(conversation=conversation), saver)
        turn = {"messages": [HumanMessage(f"{number}?")]}
        await graph.ainvoke(turn, THREAD) if number % 2 else graph.invoke(turn, THREAD)
    assert [body["query"] for body in served.bodies()] == ["0?", "1?", "2?", "3?"]
    assert len({body["conversation_id"] for body in served.bodies()[1:]}) == 1


def test_replaying_a_saved_thread_after_a_restart_is_a_fork(serve: Serve) -> None:
    """Check 8: the new process has seen nothing, so it asks Dify."""
    served = serve([Text("yes")])
    saver = InMemorySaver()
    graph = talking(served.chat(), saver)
    for message in (ONE, TWO):
        graph.invoke({"messages": [message]}, THREAD)
    again = talking(served.chat(), saver)
    before = next(state for state in again.get_state_history(THREAD) if state.next == ("answer",) and state.metadata["step"] > 2)
    again.invoke(None, before.config)
    replayed = served.bodies()[-1]
    assert len(served.bodies()) == 3
    assert not replayed.get("conversation_id") and "One?" in replayed["query"] and replayed["query"].endswith("Two?")


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("way", ["core dump", "dict", "JSON of the dict", "pickle-like copy"])
def test_an_answer_keeps_its_place_through_storage(serve: Serve, way: str) -> None:
    """Check 9: however histories are written down."""
    served = serve([Text("yes")])
    first: Any = served.chat().invoke([ONE])
    if way == "core dump":
        first = loads(dumps(first), allowed_objects=[AIMessage])
    elif way == "pickle-like copy":
        first = first.model_copy(deep=True)
    else:
        written = messages_to_dict([first])
        (first,) = messages_from_dict(json.loads(json.dumps(written)) if way == "JSON of the dict" else written)
    served.chat(conversation="stateful").invoke([ONE, first, TWO])
    assert (served.bodies()[-1]["query"], served.bodies()[-1]["conversation_id"]) == ("Two?", conversation_of(first))


def test_answers_without_their_metadata_are_rendered(serve: Serve) -> None:
    """Check 9: a user interface that keeps texts only costs a longer query, nothing else."""
    served = serve([Text("yes")])
    first = served.chat().invoke([ONE])
    served.chat().invoke([ONE, AIMessage(first.text), TWO])
    body = served.bodies()[-1]
    assert not body.get("conversation_id") and "One?" in body["query"] and "yes" in body["query"]


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning")
@pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainPendingDeprecationWarning")
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_the_wrapper_with_a_history_in_memory(serve: Serve, asynchronous: bool) -> None:
    """Check 9: `RunnableWithMessageHistory`, each session its own conversation, the system text told once."""
    served = serve([Text("yes")])
    sessions: dict[str, InMemoryChatMessageHistory] = {}
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), MessagesPlaceholder("past"), ("user", "{question}")])

    async def ask(session: str, question: str) -> None:
        chain = RunnableWithMessageHistory(
            prompt | served.chat(),
            lambda session_id: sessions.setdefault(session_id, InMemoryChatMessageHistory()),
            input_messages_key="question",
            history_messages_key="past",
        )
        config: RunnableConfig = {"configurable": {"session_id": session}}
        told = {"question": question}
        await chain.ainvoke(told, config) if asynchronous else chain.invoke(told, config)

    for question in ("One?", "Two?"):
        for session in ("a", "b"):
            await ask(session, question)
    one, other, two, another = served.bodies()
    assert [body["query"] for body in (one, other)] == ["<system>\nBe brief.\n</system>\n\nOne?"] * 2
    assert [body["query"] for body in (two, another)] == ["Two?"] * 2
    assert two["conversation_id"] != another["conversation_id"]
