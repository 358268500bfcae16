"""The key goes to Dify and nowhere else; caches never mix two apps; models travel without keys."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from unittest.mock import MagicMock

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.load import dumpd, dumps, load
from langchain_core.tracers import LangChainTracer
from pydantic import BaseModel

from dify_integrations import Dify, InvalidArgument
from dify_integrations.bridge.clients import Clients
from dify_integrations.local import App, Fail, Node, Text
from langchain_dify import ChatDify, DifyLLM, DifyRetriever, DifyWorkflowTool, _base
from tests.langchain.conftest import Recorder, Serve, answering, saying

CANARY = "app-canary-7f3a9"
BASE = "http://127.0.0.1:9/v1"


def objects() -> list[BaseModel]:
    client = Dify(CANARY, dataset_api_key=CANARY, base_url=BASE, user="ann")
    given: dict[str, Any] = {"api_key": CANARY, "base_url": BASE, "user": "ann"}
    return [
        ChatDify(**given),
        ChatDify(client=client),
        DifyLLM(**given),
        DifyRetriever(dataset_id="d", dataset_api_key=CANARY, base_url=BASE),
        DifyWorkflowTool(name="t", description="T.", **given),
        ChatDify(**given).bind_tools([]),  # type: ignore[list-item]
    ]


@pytest.mark.parametrize("number", range(6))
def test_key_shows_nowhere(number: int) -> None:
    thing = objects()[number]
    assert CANARY not in repr(thing) + str(thing) + dumps(thing) + json.dumps(dumpd(thing), default=str)
    assert CANARY not in repr(thing.model_dump()) if not hasattr(thing, "bound") else True


@pytest.mark.parametrize("number", range(6))
def test_object_with_a_key_is_not_pickled(number: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(objects()[number])


def test_model_that_reads_the_environment_travels(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve([Text("yes")])
    monkeypatch.setenv("DIFY_API_KEY", served.server.apps[0].api_key)
    monkeypatch.setenv("DIFY_BASE_URL", served.server.base_url)
    monkeypatch.setenv("DIFY_USER", "ann")
    model = served.keep(ChatDify())
    assert model.invoke("Hi").text == "yes"
    data = pickle.dumps(model)
    assert served.server.apps[0].api_key.encode() not in data
    assert served.keep(pickle.loads(data)).invoke("Hi").text == "yes"


def test_threads_that_begin_together_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two clients made at once, one would be closed while its thread still uses it."""
    together = threading.Barrier(2)

    class Slow(Clients):
        def __init__(self, **options: Any) -> None:
            with suppress(threading.BrokenBarrierError):
                together.wait(0.2)
            super().__init__(**options)

    monkeypatch.setattr(_base, "Clients", Slow)
    model = DifyLLM(api_key=CANARY, base_url=BASE, user="ann")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: model.clients, range(2))
    assert first is second


REFUSED: list[Any] = [
    (ChatDify, {"client": Dify(CANARY, base_url=BASE), "base_url": BASE}),
    (DifyRetriever, {}),
    (DifyLLM, {"mode": 1}),
]


@pytest.mark.parametrize(("kind", "fields"), REFUSED)
def test_refused_arguments_are_not_shown(kind: Any, fields: dict[str, Any]) -> None:
    """Pydantic likes to show what it was given."""
    with pytest.raises(ValueError, match=kind.__name__) as refusal:
        kind(api_key=CANARY, dataset_api_key=CANARY, **fields)
    assert CANARY[:8] not in str(refusal.value) and CANARY[-4:] not in str(refusal.value)


def test_copies_share_connections(serve: Serve) -> None:
    model = serve([Text("yes")]).chat()
    clients = model.clients
    assert copy.deepcopy(model).clients is clients


@pytest.mark.filterwarnings("ignore:The function `load`")
def test_dump_loads_again_with_the_key_of_the_environment(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat(inputs={"a": "b"}, conversation="stateless")
    secrets = {"DIFY_API_KEY": served.server.apps[0].api_key}
    again = load(dumpd(model), secrets_map=secrets, valid_namespaces=["langchain_dify"], allowed_objects=[ChatDify])
    assert isinstance(again, ChatDify) and again.inputs == {"a": "b"} and again.conversation == "stateless"
    assert served.keep(again).invoke("Hi").text == "yes"


@pytest.mark.parametrize("mode", ["advanced-chat", "agent-chat"])
def test_tracers_and_callbacks_never_see_the_key(serve: Serve, recorder: Recorder, mode: str) -> None:
    app = App("app", mode, lambda turn: (Text("x"), Fail(f"refused {turn.query}")), api_key=CANARY)
    if mode == "advanced-chat":
        app = App("app", mode, lambda turn: (Node("llm", "L", inside=[Text("x")]), Fail("no")), api_key=CANARY)
    client = MagicMock()
    model = serve(app).chat()
    with pytest.raises(Exception, match="no|refused"):
        model.invoke("Hi", config={"callbacks": [recorder, LangChainTracer(client=client)]})
    shown = repr(recorder.seen) + repr(client.mock_calls) + repr([vars(x) for x in recorder.seen if isinstance(x, Exception)])
    assert CANARY not in shown and len(recorder.seen) > 2


@pytest.mark.parametrize("kind", ["chat", "llm"])
def test_two_apps_on_one_cache_never_answer_for_each_other(serve: Serve, kind: str) -> None:
    mode = "chat" if kind == "chat" else "completion"
    served = serve(saying(Text("I am a"), name="a", mode=mode), saying(Text("I am b"), name="b", mode=mode))
    cache = InMemoryCache()
    make: Any = served.chat if kind == "chat" else served.llm
    fields = {} if kind == "chat" else {"prompt_key": "query"}
    answers = [make(name, cache=cache, **fields).invoke("Who?") for name in ("a", "b", "a")]
    assert [getattr(answer, "text", answer) for answer in answers] == ["I am a", "I am b", "I am a"]
    paths = ("/chat-messages", "/completion-messages")
    assert sum(len(served.bodies(path)) for path in paths) == 2


def test_two_users_on_one_cache_never_answer_for_each_other(serve: Serve) -> None:
    served = serve(answering(lambda turn: [Text(turn.user)]))
    model = served.chat(cache=InMemoryCache())
    configs: list[Any] = [{"configurable": {"dify_user": user}} for user in ("bob", "eve", "bob")]
    assert [model.invoke("Who?", config=config).text for config in configs] == ["bob", "eve", "bob"]
    assert len(served.bodies()) == 2


def test_unknown_fields_are_told(serve: Serve) -> None:
    with pytest.warns(UserWarning, match="ChatDify has no temperature: ignored"):
        ChatDify(api_key="app-x", temperature=0)  # type: ignore[call-arg]


def test_name_and_tokens() -> None:
    model = ChatDify(api_key="app-x", model="support", base_url=BASE, user="u")
    params = model._get_ls_params()
    assert params.get("ls_provider") == "dify" and params.get("ls_model_name") == "support"
    assert 0 < model.get_num_tokens("some words here") < 10
    assert "app_fingerprint" in model._identifying_params and "app-x" not in str(model._identifying_params)


def test_a_copy_with_another_key_asks_another_app(serve: Serve) -> None:
    """Also when the first one was used before; connections are shared only where nothing of them changes."""
    served = serve(saying(Text("one"), name="one"), saying(Text("two"), name="two"), saying(Text("three"), name="three"))
    keys = {name: served.connection(name)["api_key"] for name in ("one", "two", "three")}
    model = served.chat("one", apps={"other": keys["two"]})
    assert [model.invoke("Hi").text, model.invoke("Hi", model="other").text] == ["one", "two"]
    copied = served.keep(model.model_copy(update={"api_key": keys["two"], "apps": {"other": keys["three"]}}))
    assert [copied.invoke("Hi").text, copied.invoke("Hi", model="other").text] == ["two", "three"]
    assert [model.invoke("Hi").text, model.invoke("Hi", model="other").text] == ["one", "two"], "the first is as it was"
    assert model.model_copy(update={"user": "bob"}).clients is model.clients
    assert copied.app_fingerprint != model.app_fingerprint


def test_a_changed_copy_shows_no_key_and_a_given_client_keeps_its_server() -> None:
    """`model_copy` validates nothing: the key would show, and another address be told to nobody."""
    with Dify("app-x", base_url=BASE, user="u") as dify:
        model = ChatDify(client=dify)
        copied = model.model_copy(update={"api_key": CANARY})
        assert CANARY not in f"{copied!r} {copied}" and copied.clients.sync.settings.key_for("app") == CANARY
        with pytest.raises(InvalidArgument, match="base_url belongs to the client"):
            _ = model.model_copy(update={"base_url": "http://127.0.0.1:8/v1"}).clients


def test_a_copy_of_a_text_model_asks_its_own_form(serve: Serve) -> None:
    def shows(name: str, variable: str) -> App:
        form = [{"paragraph": {"variable": variable, "label": variable, "required": True}}]
        return App(name, "completion", lambda turn: [Text(str(turn.inputs.get(variable)))], inputs_form=form)

    served = serve(shows("one", "first"), shows("two", "second"))
    model = served.llm("one")
    assert model.invoke("Hi") == "Hi"
    assert served.keep(model.model_copy(update={"api_key": served.connection("two")["api_key"]})).invoke("Hi") == "Hi"
