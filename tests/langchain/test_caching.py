"""One cache for many apps, users and calls: nobody gets another's answer, and no conversation an old one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import HumanMessage

from dify_integrations import FileInput
from dify_integrations.local import App, Text
from tests.langchain.conftest import Serve, Served, answering, saying

Kind = Literal["chat", "llm"]
KINDS = ["chat", "llm"]


@pytest.fixture
def shared() -> Iterator[InMemoryCache]:
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


def apps(kind: Kind) -> list[App]:
    if kind == "chat":
        return [saying(Text(f"I am {name}"), name=name) for name in ("a", "b")]
    form = [{"paragraph": {"variable": name, "label": name, "required": name == "query"}} for name in ("query", "tone")]
    return [saying(Text(f"I am {name}"), mode="completion", name=name, inputs_form=form) for name in ("a", "b")]


def model_of(served: Served, kind: Kind, app: str = "a", **fields: Any) -> BaseChatModel | BaseLLM:
    return served.chat(app, **fields) if kind == "chat" else served.llm(app, prompt_key="query", **fields)


def asked(served: Served) -> int:
    return len(served.bodies()) + len(served.bodies("/completion-messages"))


def said(answer: Any) -> str:
    return answer if isinstance(answer, str) else answer.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("globally", [True, False], ids=["global cache", "one cache object"])
def test_two_apps_never_answer_for_each_other(serve: Serve, kind: Kind, globally: bool, shared: InMemoryCache) -> None:
    """Check 5: a key is an app, and the key is not in LangChain's key."""
    served = serve(*apps(kind))
    told: dict[str, Any] = {} if globally else {"cache": InMemoryCache()}
    a, b = (model_of(served, kind, name, **told) for name in ("a", "b"))
    assert [said(model.invoke("Who?")) for model in (a, b, a, b)] == ["I am a", "I am b"] * 2
    assert asked(served) == 2, "each was asked once, then the cache answered"


def test_two_apps_of_one_name_never_answer_for_each_other(serve: Serve, shared: InMemoryCache) -> None:
    """Check 5: what `model=` of a call means is the model's own business."""
    served = serve(*apps("chat"), saying(Text("I am main"), name="main"))
    models = [served.chat("main", apps={"x": served.server.app(name).api_key}) for name in ("a", "b")]
    assert [model.invoke("Who?", model="x").text for model in (*models, *models)] == ["I am a", "I am b"] * 2
    assert len(served.bodies()) == 2


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_two_apps_never_answer_for_each_other_async(serve: Serve, kind: Kind, shared: InMemoryCache) -> None:
    """Check 5: without blocking, too."""
    served = serve(*apps(kind))
    a, b = (model_of(served, kind, name) for name in ("a", "b"))
    assert [said(await model.ainvoke("Who?")) for model in (a, b, a, b)] == ["I am a", "I am b"] * 2
    assert asked(served) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("told_by", ["field", "argument", "config", "user_id", "function", "bind"])
def test_two_users_never_answer_for_each_other(serve: Serve, kind: Kind, told_by: str, shared: InMemoryCache) -> None:
    """Check 5: wherever the user comes from."""
    served = serve(*apps(kind))

    def ask(user: str) -> None:
        if told_by == "field":
            model_of(served, kind, user=user).invoke("Who?")
        elif told_by == "argument":
            model_of(served, kind).invoke("Who?", user=user)
        elif told_by == "bind":
            model_of(served, kind).bind(user=user).invoke("Who?")
        elif told_by == "function":
            config: Any = {"configurable": {"tenant": user}}
            model_of(served, kind, user=lambda config: config["configurable"]["tenant"]).invoke("Who?", config)
        else:
            name = "dify_user" if told_by == "config" else "user_id"
            model_of(served, kind).invoke("Who?", {"configurable": {name: user}})

    for user in ("bob", "eve", "bob"):
        ask(user)
    path = "/chat-messages" if kind == "chat" else "/completion-messages"
    assert [body["user"] for body in served.bodies(path)] == ["bob", "eve"]


@pytest.mark.parametrize("kind", KINDS)
def test_generate_knows_the_user_too(serve: Serve, kind: Kind, shared: InMemoryCache) -> None:
    """Check 5: it has no config, but the arguments."""
    served = serve(*apps(kind))
    model = model_of(served, kind)
    for user in ("bob", "eve", "bob"):
        if isinstance(model, BaseChatModel):
            model.generate([[HumanMessage("Who?")]], user=user)
        else:
            model.generate(["Who?"], user=user)
    assert asked(served) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_of_call_and_config_are_part_of_the_key(serve: Serve, kind: Kind, shared: InMemoryCache) -> None:
    """Check 5: another input is another question."""
    served = serve(*apps(kind))
    model = model_of(served, kind)
    for _ in range(2):
        model.invoke("Who?", inputs={"tone": "dry"})
        model.invoke("Who?", {"configurable": {"dify_inputs": {"tone": "warm"}}})
        model_of(served, kind, inputs={"tone": "cold"}).invoke("Who?")
    path = "/chat-messages" if kind == "chat" else "/completion-messages"
    assert [body["inputs"]["tone"] for body in served.bodies(path)] == ["dry", "warm", "cold"]


@pytest.mark.parametrize("where", ["files", "inputs", "message", "base64"])
def test_files_of_the_same_name_are_not_taken_for_each_other(serve: Serve, where: str, shared: InMemoryCache) -> None:
    """Check 5: the text form of a file does not tell its content, so such calls are not cached."""
    served = serve([Text("seen")])
    model = served.chat()
    for content in (b"one", b"two"):
        file = FileInput.from_bytes(content, "a.png")
        if where == "files":
            model.invoke("What?", files=[file])
        elif where == "inputs":
            model.invoke("What?", inputs={"pictures": [file]})
        elif where == "message":
            model.invoke([HumanMessage([{"type": "image", "image": file}, "What?"])])
        else:
            block = {"type": "image", "base64": base64.b64encode(content).decode(), "mime_type": "image/png"}
            model.invoke([HumanMessage([block, "What?"])])
    assert len(served.bodies()) == 2
    model.invoke("What?")
    model.invoke("What?")
    assert len(served.bodies()) == 3, "calls without such files are cached"


def test_text_model_is_not_cached_with_files_of_the_same_name(serve: Serve, shared: InMemoryCache) -> None:
    """Check 5."""
    served = serve(*apps("llm"))
    for content in (b"one", b"two"):
        served.llm("a", prompt_key="query").invoke("What?", files=[FileInput.from_bytes(content, "a.png")])
    assert len(served.bodies("/completion-messages")) == 2


def test_the_form_is_asked_for_once_although_calls_are_cached(serve: Serve, shared: InMemoryCache) -> None:
    served = serve(*apps("llm"))
    llm = served.llm("a")
    llm.invoke("One?")
    llm.invoke("Two?")
    assert [request.path for request in served.server.requests].count("/v1/parameters") == 1


def test_a_batch_of_text_has_the_user_of_each_config(serve: Serve) -> None:
    """Check 11: core would answer all of it with the arguments of the first."""
    served = serve(*apps("llm"))
    configs: Any = [{"configurable": {"dify_user": user}} for user in ("bob", "eve")]
    served.llm("a", prompt_key="query").batch(["I am bob", "I am eve"], configs)
    bodies = served.bodies("/completion-messages")
    assert {(body["user"], body["inputs"]["query"]) for body in bodies} == {("bob", "I am bob"), ("eve", "I am eve")}


# -- conversations and caches


@pytest.mark.parametrize("fields", [{"conversation": "stateful"}, {"conversation_id": "c"}], ids=["stateful", "conversation_id"])
@pytest.mark.parametrize("cache", [True, InMemoryCache()], ids=["True", "object"])
def test_a_model_that_continues_cannot_be_cached(serve: Serve, fields: dict[str, Any], cache: Any) -> None:
    """Check 6."""
    with pytest.raises(ValueError, match="cannot be cached"):
        serve([Text("yes")]).chat(**fields, cache=cache)


def test_a_global_cache_is_not_used_by_a_stateful_model(serve: Serve, shared: InMemoryCache) -> None:
    """Check 6: every turn reaches Dify, the second the conversation of the first."""
    served = serve(answering(lambda turn: [Text(f"turn {len(turn.history) + 1}")]))
    model = served.chat(conversation="stateful")
    first = model.invoke("Go on.")
    second = model.invoke([HumanMessage("Go on."), first, HumanMessage("Go on.")])
    assert model.invoke("Go on.").text == "turn 1"
    assert (second.text, len(served.bodies())) == ("turn 2", 3)


def test_the_same_words_in_a_given_conversation_are_asked_again(serve: Serve, shared: InMemoryCache) -> None:
    """Check 6: the history is in Dify, not in the key."""
    served = serve(answering(lambda turn: [Text(f"turn {len(turn.history) + 1}")]))
    model = served.chat()
    conversation = model.invoke("Hi").response_metadata["dify"]["conversation_id"]
    assert [model.invoke("Go on.", conversation_id=conversation).text for _ in range(2)] == ["turn 2", "turn 3"]
    config: Any = {"configurable": {"dify_conversation_id": conversation}}
    assert [model.invoke("Go on.", config).text for _ in range(2)] == ["turn 4", "turn 5"]


def test_who_continues_a_cached_answer_second_gets_a_conversation_of_their_own(serve: Serve, shared: InMemoryCache) -> None:
    """Check 8: two callers got the same answer, and only one of them may go on behind it."""
    served = serve([Text("yes")])
    model = served.chat()
    answers = [model.invoke("Hi") for _ in range(2)]
    for number, answer in enumerate(answers):
        model.invoke([HumanMessage("Hi"), answer, HumanMessage(f"I am {number}")])
    sent = [body.get("conversation_id") or "" for body in served.bodies()]
    assert sent == ["", answers[0].response_metadata["dify"]["conversation_id"], ""]
