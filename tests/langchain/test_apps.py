"""Which app answers: apps by name, and what an app tells of itself."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage

from dify_integrations import AuthenticationError, InvalidArgument
from dify_integrations.local import App, Say, Text, Turn
from dify_integrations.models.apps import AppParameters
from langchain_dify import ChatDify
from langchain_dify._apps import modalities
from tests.langchain.conftest import Serve, Served


def naming(turn: Turn) -> tuple[Say, ...]:
    return (Text(f"{turn.app.name} heard {turn.query}"),)


def two(serve: Serve, **options: Any) -> tuple[Served, ChatDify]:
    """A model of the app `one` that knows the app `two`."""
    served: Served = serve(App("one", "chat", naming), App("two", "chat", naming), **options)
    return served, served.chat("one", model="one", apps={"two": served.server.app("two").api_key})


# -- apps by name


@pytest.mark.anyio
async def test_a_call_chooses_its_app(serve: Serve) -> None:
    """Check 1, `supports_model_override`: each way to call asks the app that is named."""
    _, model = two(serve)
    results: list[Any] = [model.invoke("Hi", model="two"), await model.ainvoke("Hi", model="two")]
    results.append(sum_of(list(model.stream("Hi", model="two"))))
    results.append(sum_of([chunk async for chunk in model.astream("Hi", model="two")]))
    assert [message.text for message in results] == ["two heard Hi"] * 4
    assert {message.response_metadata["model_name"] for message in results} == {"two"}
    for own in (model.invoke("Hi"), model.invoke("Hi", model="one"), model.bind(model="one").invoke("Hi")):
        assert own.text == "one heard Hi" and own.response_metadata["model_name"] == "one"


def sum_of(chunks: list[Any]) -> Any:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


def test_conversations_stay_with_their_app(serve: Serve) -> None:
    """Check 8: the answer of one app is never continued in another's conversation."""
    served, model = two(serve)
    history: list[Any] = [HumanMessage("Hi")]
    for name in ("two", "two", "one", "one"):
        history += [model.invoke(history, model=name), HumanMessage("And?")]
    first, second, third, fourth = served.bodies()
    known = [message.response_metadata["dify"] for message in history[1::2]]
    assert "conversation_id" not in first and "conversation_id" not in third
    assert second["conversation_id"] == known[0]["conversation_id"] == known[1]["conversation_id"]
    assert fourth["conversation_id"] == known[2]["conversation_id"] != known[0]["conversation_id"]
    assert (second["query"], fourth["query"]) == ("And?", "And?") and "two heard Hi" in third["query"]
    assert known[0]["app"] == known[1]["app"] != known[2]["app"] == known[3]["app"]
    assert known[0]["app"] == served.chat("two").app_fingerprint


def test_the_conversation_of_the_model_is_not_another_apps(serve: Serve) -> None:
    served, model = two(serve)
    home = model.invoke("Hi").response_metadata["dify"]["conversation_id"]
    key = served.server.app("two").api_key
    homing = served.chat("one", apps={"two": key}, conversation_id=home)
    assert homing.invoke("Hi").text == "one heard Hi" and homing.invoke("Hi", model="two").text == "two heard Hi"
    assert [body.get("conversation_id") for body in served.bodies()[1:]] == [home, None]


def test_an_unknown_name_is_refused(serve: Serve) -> None:
    served, model = two(serve)
    with pytest.raises(InvalidArgument, match="no app 'gpt-4o', only 'one', 'two'"):
        model.invoke("Hi", model="gpt-4o")
    with pytest.raises(InvalidArgument, match="a Dify key is one app"):
        list(served.chat("one").stream("Hi", model="two"))
    assert served.bodies() == []


def test_one_client_serves_them_all(serve: Serve) -> None:
    served, model = two(serve)
    shared = served.chat("one").clients.sync
    again = ChatDify(client=shared, user="ann", model="one", apps={"two": served.server.app("two").api_key})
    assert again.invoke("Hi", model="two").text == "two heard Hi" and model.invoke("Hi").text == "one heard Hi"


def test_a_wrong_key_of_a_named_app_is_an_error(serve: Serve) -> None:
    served, _ = two(serve)
    with pytest.raises(AuthenticationError):
        served.chat("one", apps={"two": "app-wrong"}).invoke("Hi", model="two")


def test_models_that_know_different_apps_share_no_cache(serve: Serve) -> None:
    """Check 5: one name, two apps, one cache."""
    served: Served = serve(*(App(name, "chat", naming) for name in ("one", "two", "three")))
    cache = InMemoryCache()
    answers = [
        served.chat("one", cache=cache, apps={"other": served.server.app(name).api_key}).invoke("Hi", model="other").text
        for name in ("two", "three", "two")
    ]
    assert answers == ["two heard Hi", "three heard Hi", "two heard Hi"] and len(served.bodies()) == 2


def test_no_key_shows(serve: Serve) -> None:
    served, model = two(serve)
    key = served.server.app("two").api_key
    shown = [
        repr(model),
        str(model),
        dumps(model),
        str(model.model_dump()),
        model.model_dump_json(),
        str(model._identifying_params),
    ]
    shown += [repr(model.bind(model="two")), str(model.with_config(configurable={"a": 1}))]
    assert not any(key in text for text in shown)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(model)
    with pytest.raises(TypeError, match="apps"):
        pickle.dumps(ChatDify(apps={"two": key}))


def test_a_name_needs_a_key() -> None:
    with pytest.raises(ValueError, match="apps"):
        ChatDify(apps={"two": 3})  # type: ignore[dict-item]


# -- what an app tells of itself


@pytest.mark.anyio
async def test_an_app_introduces_itself(serve: Serve) -> None:
    served = serve(App("Front desk", "advanced-chat", naming))
    models = [ChatDify.from_app(**served.connection()), await ChatDify.afrom_app(**served.connection())]
    for model in map(served.keep, models):
        assert model.model == "Front desk" and model.invoke("Hi").response_metadata["model_name"] == "Front desk"
        assert model.profile is not None
        told = (
            "tool_calling",
            "tool_choice",
            "tool_call_streaming",
            "structured_output",
            "image_inputs",
            "pdf_inputs",
            "audio_inputs",
        )
        assert [model.profile[name] for name in told] == [True, True, True, False, True, True, True]  # type: ignore[literal-required]
        assert model.profile.get("name") == "Front desk"
    asked = [request.path.rpartition("/")[2] for request in served.server.requests]
    assert asked.count("info") == asked.count("parameters") == 2


def test_what_is_given_stays(serve: Serve) -> None:
    served = serve(App("Front desk", "chat", naming))
    model = served.keep(ChatDify.from_app(**served.connection(), model="mine", profile={"max_input_tokens": 8000}))
    assert (model.model, model.profile) == ("mine", {"max_input_tokens": 8000})


@pytest.mark.parametrize("mode", ["workflow", "completion"])
@pytest.mark.anyio
async def test_other_kinds_of_app_are_refused(serve: Serve, mode: str) -> None:
    served = serve(App("app", mode, naming))
    with pytest.raises(InvalidArgument, match=f"of mode '{mode}', which a ChatDify does not run"):
        ChatDify.from_app(**served.connection())
    with pytest.raises(InvalidArgument, match=mode):
        await ChatDify.afrom_app(**served.connection())


def test_the_constructor_asks_nobody() -> None:
    """The profile it has holds for every app."""
    model = ChatDify(api_key="app-x", base_url="http://127.0.0.1:9/v1", user="ann")
    assert model.profile is not None and model.profile.get("tool_calling") is True and "image_inputs" not in model.profile
    assert model.model == "dify"


@pytest.mark.parametrize(
    ("upload", "mode", "expected"),
    [
        ({}, "chat", set()),
        ({"image": {"enabled": True, "transfer_methods": ["remote_url"]}}, "chat", {"image_inputs", "image_url_inputs"}),
        ({"image": {"enabled": True, "transfer_methods": ["local_file"]}}, "chat", {"image_inputs"}),
        ({"image": {"enabled": False}}, "chat", set()),
        ({"enabled": True, "allowed_file_types": ["document", "audio"]}, "advanced-chat", {"pdf_inputs", "audio_inputs"}),
        ({"enabled": False, "allowed_file_types": ["document"]}, "advanced-chat", set()),
        ({"enabled": True, "allowed_file_types": ["custom"], "allowed_file_extensions": [".PDF"]}, "chat", {"pdf_inputs"}),
        ({"enabled": True, "allowed_file_types": ["custom"], "allowed_file_extensions": [".txt"]}, "chat", set()),
        ({"enabled": True, "allowed_file_types": ["video"]}, "chat", {"video_inputs"}),
        ({"enabled": True, "allowed_file_types": ["image", "video"]}, "agent", set()),
    ],
)
def test_which_files_an_app_looks_at(upload: dict[str, Any], mode: str, expected: set[str]) -> None:
    found = modalities(AppParameters.model_validate({"file_upload": upload}), mode)
    assert {name for name, on in found.items() if on and name.endswith("_inputs")} == expected
    assert found.get("image_tool_message") is ("image_inputs" in expected)
    assert found.get("attachment") is (bool(upload.get("enabled")) and mode != "agent" or "image_inputs" in expected)
