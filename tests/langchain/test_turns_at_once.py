"""Turns at once, here and in other processes: nobody's words end up behind what they have not seen."""

from __future__ import annotations

import pickle
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from dify_integrations import InvalidArgument, TransportError
from dify_integrations.bridge.conversation import Tips
from dify_integrations.local import Drop, Text
from langchain_dify import ChatDify
from tests.langchain.conftest import ONE, THREE, TWO, Ask, Serve, Served, answering, conversation_of, every_way


def test_turns_at_once_do_not_share_a_conversation(serve: Serve) -> None:
    """Check 8: a stream that is read slowly, and another turn from the same answer meanwhile, in the same thread."""
    served = serve([Text("yes "), Text("yes")])
    model = served.chat()
    first = model.invoke([ONE])
    slow = model.stream([ONE, first, TWO])
    next(slow)
    model.invoke([ONE, first, THREE])
    assert [body.get("conversation_id") or "" for body in served.bodies()] == ["", conversation_of(first), ""]
    assert "One?" in served.bodies()[-1]["query"], "it knows the history all the same"
    second = [*slow]
    assert second, "the stream was not disturbed"


def test_turns_of_two_models_at_once_do_not_share_a_conversation(serve: Serve) -> None:
    """Check 8: web servers make a model for each request, and people click twice."""
    served = serve([Text("yes "), Text("yes")])
    first = served.chat().invoke([ONE])
    slow = served.chat().stream([ONE, first, TWO])
    next(slow)
    served.chat().invoke([ONE, first, TWO])
    assert [body.get("conversation_id") or "" for body in served.bodies()] == ["", conversation_of(first), ""]
    assert [*slow]


def test_a_model_of_the_environment_takes_no_conversations_along(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check 8: where it arrives it shares what the models there know."""
    served = serve([Text("yes")])
    for name, value in served.connection().items():
        monkeypatch.setenv(f"DIFY_{name.upper()}", str(value))
    first = served.chat().invoke([ONE])
    model = served.keep(ChatDify())
    slow = model.stream([ONE, first, TWO])
    next(slow)
    served.keep(pickle.loads(pickle.dumps(model))).invoke([ONE, first, TWO])  # noqa: S301  # our own bytes
    assert [body.get("conversation_id") or "" for body in served.bodies()] == ["", conversation_of(first), ""]
    slow.close()


@pytest.mark.anyio
async def test_tasks_at_once_do_not_share_a_conversation(serve: Serve) -> None:
    """Check 8."""
    served = serve([Text("yes")])
    model = served.chat()
    first = await model.ainvoke([ONE])
    await model.abatch([[ONE, first, HumanMessage(f"Two, {number}?")] for number in range(6)])
    continued = [body for body in served.bodies()[1:] if body.get("conversation_id")]
    assert [body["conversation_id"] for body in continued] == [conversation_of(first)]


def test_threads_at_once_do_not_share_a_conversation(serve: Serve) -> None:
    """Check 8."""
    served = serve([Text("yes")])
    model = served.chat()
    first = model.invoke([ONE])
    model.batch([[ONE, first, HumanMessage(f"Two, {number}?")] for number in range(6)])
    continued = [body for body in served.bodies()[1:] if body.get("conversation_id")]
    assert [body["conversation_id"] for body in continued] == [conversation_of(first)]


def test_an_old_answer_about_the_tip_is_ignored(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check 8: two threads of a fresh process go on from one answer; one hears from the server when the other is done."""
    served = serve([Text("yes")])
    first = elsewhere(served).invoke([ONE])
    model = served.chat()
    resource = type(model.clients.sync.messages)
    ask = resource.list

    def slowly(self: Any, *args: Any, **kwargs: Any) -> Any:
        page = ask(self, *args, **kwargs)
        monkeypatch.setattr(resource, "list", ask)
        model.invoke([ONE, first, THREE])
        return page

    monkeypatch.setattr(resource, "list", slowly)
    model.invoke([ONE, first, TWO])
    assert [body["query"] for body in served.bodies() if body.get("conversation_id")] == ["Three?"]


@pytest.mark.anyio
@every_way
async def test_a_turn_of_which_nothing_was_heard_may_have_happened(serve: Serve, ask: Ask) -> None:
    """Check 8: Dify recorded the question before the connection broke; the server is asked."""
    served = serve(answering(lambda turn: [Drop()] if turn.query == "Lost?" else [Text("yes")]))
    model = served.chat()
    first = await ask(model, [ONE])
    with pytest.raises(TransportError):
        await ask(model, [ONE, first, HumanMessage("Lost?")])
    await ask(model, [ONE, first, TWO])
    body = served.bodies()[-1]
    assert not body.get("conversation_id") and "One?" in body["query"]


def test_a_conversation_is_free_again_after_a_turn_that_could_not_be_sent(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    first = model.invoke([ONE])
    with pytest.raises(InvalidArgument):
        model.invoke([ONE, first, TWO], inputs={"x": object()})
    model.invoke([ONE, first, TWO])
    assert served.bodies()[-1]["conversation_id"] == conversation_of(first)


# -- what another process did


def elsewhere(served: Served) -> ChatDify:
    """The same app and user, in a process that has seen nothing of this one's turns."""
    model = served.chat()
    model._tips = Tips()
    return model


@pytest.mark.anyio
@every_way
async def test_a_turn_of_another_process_is_noticed(serve: Serve, ask: Ask) -> None:
    """Check 8: one question to the server, and only where this process cannot tell."""
    served = serve([Text("yes")])
    first = await ask(elsewhere(served), [ONE])
    await ask(elsewhere(served), [ONE, first, TWO])
    model = elsewhere(served)
    await ask(model, [ONE, first, TWO])
    assert not served.bodies()[-1].get("conversation_id")
    asked = [request for request in served.server.requests if request.method == "GET"]
    assert [(request.path, request.query["limit"]) for request in asked] == [("/v1/messages", "1")] * 2


@pytest.mark.anyio
@every_way
async def test_a_conversation_that_others_took_further_goes_on_from_its_end(serve: Serve, ask: Ask) -> None:
    """Check 7: workers that take turns continue one conversation; what they saw last says nothing."""
    served = serve([Text("yes")])
    workers = [served.chat(conversation="stateful") for _ in range(2)]
    for worker in workers:
        worker._tips = Tips()
    history: list[BaseMessage] = []
    for number in range(4):
        history.append(HumanMessage(f"{number}?"))
        history.append(await ask(workers[number % 2], history))
    assert {body.get("conversation_id") or "" for body in served.bodies()[1:]} == {conversation_of(cast("AIMessage", history[1]))}
    assert [body["query"] for body in served.bodies()] == ["0?", "1?", "2?", "3?"]


def test_the_tip_is_asked_for_always_or_never(serve: Serve) -> None:
    """Check 8: `verify_tip=True` sees what happens beside a process that believes to know."""
    served = serve([Text("yes")])
    careful, bold = elsewhere(served), elsewhere(served)
    careful.verify_tip, bold.verify_tip = True, False
    first, other = careful.invoke([ONE]), bold.invoke([ONE])
    for model, answer in ((elsewhere(served), first), (elsewhere(served), other)):
        model.invoke([ONE, answer, TWO])
    before = len(served.server.requests)
    careful.invoke([ONE, first, THREE])
    assert not served.bodies()[-1].get("conversation_id")
    bold.invoke([ONE, other, THREE])
    assert served.bodies()[-1]["conversation_id"] == conversation_of(other), "as told"
    assert [request.method for request in served.server.requests[before:]] == ["GET", "POST", "POST"]


@pytest.mark.anyio
@every_way
async def test_a_conversation_deleted_in_dify_is_begun_anew(serve: Serve, ask: Ask) -> None:
    served = serve([Text("yes")])
    first = await ask(elsewhere(served), [ONE])
    model = elsewhere(served)
    model.clients.sync.conversations.delete(conversation_of(first))
    await ask(model, [ONE, first, TWO])
    body = served.bodies()[-1]
    assert not body.get("conversation_id") and "One?" in body["query"]
