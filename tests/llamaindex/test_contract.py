"""What LlamaIndex expects of the classes themselves: bases, ids, metadata, serialisation, secrecy."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.callbacks.simple_llm_handler import SimpleLLMHandler
from llama_index.core.llms import LLM, ChatMessage, CustomLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.tools import FunctionTool

import llamaindex_dify
from dify_integrations import AsyncDify, AuthenticationError, Dify, InvalidArgument, Timeouts
from llamaindex_dify import DifyChatLLM, DifyCompletionLLM, DifyRetriever, DifyWorkflowTool
from tests.llamaindex.trees import METHODS, call

CANARY = "app-canary-3f1c9a"
LLMS: list[type[DifyChatLLM] | type[DifyCompletionLLM]] = [DifyChatLLM, DifyCompletionLLM]


def offline(kind: type[Any], **options: Any) -> Any:
    return kind(api_key=CANARY, base_url="http://localhost:9/v1", user="ada", **options)


@pytest.mark.parametrize("kind", LLMS)
def test_llms_are_function_calling_llms_with_an_async_of_their_own(kind: type[LLM]) -> None:
    """Check 1: CustomLLM would run the sync methods on the event loop."""
    assert issubclass(kind, FunctionCallingLLM)
    assert not issubclass(kind, CustomLLM)


def test_the_other_classes_have_the_bases_agents_and_engines_look_for() -> None:
    """Check 1: the retriever is a BaseRetriever, the tool a FunctionTool."""
    assert issubclass(DifyRetriever, BaseRetriever)
    assert issubclass(DifyWorkflowTool, FunctionTool)


def test_class_names_are_stable() -> None:
    """They are ids in stored objects."""
    assert [kind.class_name() for kind in LLMS] == ["dify_chat_llm", "dify_completion_llm"]


def test_metadata_needs_no_server() -> None:
    chat, completion = offline(DifyChatLLM, context_window=8_000).metadata, offline(DifyCompletionLLM).metadata
    assert (chat.context_window, chat.is_chat_model, chat.is_function_calling_model) == (8_000, True, False)
    assert chat.model_name == "dify/chat"
    assert (completion.context_window, completion.num_output, completion.is_chat_model) == (32_768, 1_024, False)
    assert offline(DifyChatLLM, tool_calling="prompt").metadata.is_function_calling_model


@pytest.mark.parametrize("kind", LLMS)
def test_the_key_is_in_nothing_one_can_look_at(kind: type[LLM]) -> None:
    """Check 4: neither stored nor shown."""
    llm = offline(kind)
    pickled = pickle.dumps(llm)
    for shown in (pickled, llm.to_dict(), llm.to_json(), llm.to_payload(), repr(llm), str(llm), llm.model_dump(), vars(llm)):
        assert CANARY not in str(shown)


def test_the_key_is_in_no_event(serve: Callable[..., Any], told: Any) -> None:
    """Check 4: neither in instrumentation nor in the older callbacks, nor in the error of a refused key."""
    served = serve(api_key=CANARY)
    payloads: list[Any] = []

    class Keeper(SimpleLLMHandler):
        def on_event_start(
            self, event_type: Any, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
        ) -> str:
            payloads.append(payload)
            return event_id

        def on_event_end(self, event_type: Any, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
            payloads.append(payload)

    llm = served.llm(callback_manager=CallbackManager([Keeper()]))
    for method in METHODS:
        call(llm, method)
    assert len(payloads) == 2 * len(METHODS)
    other = serve(api_key="app-another")
    refused = DifyChatLLM(api_key=CANARY, base_url=other.server.base_url, user="ada", callback_manager=llm.callback_manager)
    for method in METHODS:
        with pytest.raises(AuthenticationError) as caught:
            call(refused, method)
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert CANARY not in str([(str(error), repr(error), vars(error) if error else "") for error in chain])
        assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in str(payloads)
    assert CANARY not in str([event.model_dump() for event in told.events])
    assert CANARY not in str(told.ended) + str(told.spans.arguments)


@pytest.mark.parametrize("kind", LLMS)
def test_every_clock_can_be_set_and_is_stored(kind: type[Any]) -> None:
    """Reaching the server is one of them."""
    clocks = Timeouts(connect_s=1.5, idle_s=90)
    llm = offline(kind, timeout=clocks)
    restored = kind.from_dict(json.loads(llm.to_json()), api_key=CANARY)
    for one in (llm, restored, copy.deepcopy(llm)):
        assert one.clients.sync.settings.timeouts == one.clients.asynchronous.settings.timeouts == clocks


def test_the_key_is_in_no_attribute_of_an_attribute() -> None:
    """Check 4: debuggers and crash reports look into objects, before they were used and afterwards."""
    retriever = DifyRetriever("d", dataset_api_key=CANARY, base_url="http://localhost:9/v1")
    tool = DifyWorkflowTool(name="x", description="y", api_key=CANARY, base_url="http://localhost:9/v1", user="ada")
    for kept in (retriever, tool, offline(DifyChatLLM)):
        for _ in range(2):
            assert CANARY not in str([kept, vars(kept), vars(kept._clients)])
            assert kept._clients.sync.settings


def test_payload_names_the_app_and_not_the_user() -> None:
    """Check 4: tracers store it."""
    payload = offline(DifyChatLLM, inputs={"secret": "x"}, model="support").to_payload()
    assert payload["model"] == "dify/support"
    assert (payload["dify_host"], payload["dify_endpoint"]) == ("localhost", "chat-messages")
    assert offline(DifyCompletionLLM).to_payload()["dify_endpoint"] == "completion-messages"
    assert not {"user", "inputs", "api_key"} & set(payload)
    json.dumps(payload)


@pytest.mark.parametrize("kind", LLMS)
def test_stored_objects_come_back_with_the_key_of_the_environment(kind: type[LLM], monkeypatch: pytest.MonkeyPatch) -> None:
    stored = json.loads(offline(kind, inputs={"a": 1}, context_window=9_000).to_json())
    monkeypatch.setenv("DIFY_API_KEY", "app-from-env")
    again: Any = kind.from_dict(stored)
    assert (again.user, again.inputs, again.context_window) == ("ada", {"a": 1}, 9_000)
    assert again._clients.settings.api_key.reveal() == "app-from-env"


def test_copies_share_the_connections(serve: Callable[..., Any]) -> None:
    """Check 4: the key is there behind `model_copy`, and shows no more than before."""
    llm = serve(api_key=CANARY).llm()
    answer = llm.complete("Hello").text
    copies = [llm.model_copy(), llm.model_copy(deep=True), copy.deepcopy(llm)]
    assert [one.complete("Hello").text for one in copies] == [answer] * 3
    assert CANARY not in str([(repr(one), one.to_dict(), one.to_json(), one.to_payload()) for one in copies])


def test_a_pickle_holds_no_key_and_works_where_the_key_is(
    serve: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check 4: ingestion pipelines hand LLMs to other processes. With another app's key there, the wrong app would answer."""
    llm = serve(api_key=CANARY).llm(context_window=9_000)
    answer = llm.complete("Hello").text
    with caplog.at_level(logging.WARNING):
        pickled = pickle.dumps(llm)
    assert CANARY.encode() not in pickled
    assert not caplog.records
    assert llm.complete("Hello").text == answer, "pickling must not change the object"
    for key in ("", "app-another"):
        monkeypatch.setenv("DIFY_API_KEY", key)
        with pytest.raises(InvalidArgument, match="DIFY_API_KEY"):
            pickle.loads(pickled)
    monkeypatch.setenv("DIFY_API_KEY", CANARY)
    again = pickle.loads(pickled)
    assert again.complete("Hello").text == answer
    assert again.context_window == 9_000


def named() -> str:
    return "bob"


def test_a_user_that_is_a_function_is_pickled_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """LlamaIndex would leave a function out that cannot travel, and everybody would be the environment's user."""
    monkeypatch.setenv("DIFY_API_KEY", CANARY)
    again = pickle.loads(pickle.dumps(offline(DifyChatLLM).model_copy(update={"user": named})))
    assert again.user is named
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(offline(DifyChatLLM).model_copy(update={"user": lambda: "bob"}))


def test_retrievers_are_not_pickled() -> None:
    """They would lose their key and ask somewhere else."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(DifyRetriever("d", dataset_api_key=CANARY))


def test_misspelt_arguments_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="temperature"):
        offline(DifyChatLLM, temperature=0.1)
    assert offline(DifyChatLLM, callback_manager=None).callback_manager is not None


def test_a_shared_client_is_used_and_its_async_twin_made(serve: Callable[..., Any]) -> None:
    served = serve()
    with Dify(served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        llm = DifyChatLLM(dify)
        assert llm._clients.sync is dify
        assert llm._clients.asynchronous.settings == dify.settings
        assert llm.user == "ada"
    asynchronous = AsyncDify(served.app.api_key, base_url=served.server.base_url, user="ada")
    llm = DifyChatLLM(async_client=asynchronous)
    assert llm._clients.asynchronous is asynchronous
    assert llm.complete("Hello").text


def test_a_wrong_address_is_told_at_once() -> None:
    with pytest.raises(InvalidArgument, match="base_url"):
        DifyChatLLM(api_key="app-x", base_url="dify.example")


def test_a_dify_llm_can_be_the_global_one() -> None:
    llm = offline(DifyChatLLM)
    Settings.llm = llm
    try:
        assert Settings.llm is llm
    finally:
        Settings._llm = None


def test_token_counters_see_difys_numbers(serve: Callable[..., Any]) -> None:
    """Check 7: not an estimate of their own, in either family and also when streaming."""
    counter = TokenCountingHandler(tokenizer=lambda _: ["estimated"] * 1_000)
    llm = serve().llm(callback_manager=CallbackManager([counter]))
    final = llm.chat([ChatMessage(content="Hello")])
    list(llm.stream_chat([ChatMessage(content="Hello")]))
    list(llm.stream_complete("Hello"))
    seen = [(count.prompt_token_count, count.completion_token_count) for count in counter.llm_token_counts]
    usage = final.raw["usage"]
    assert seen == [(usage["prompt_tokens"], usage["completion_tokens"])] * 3


def test_legacy_callbacks_come_in_pairs(serve: Callable[..., Any]) -> None:
    """One start and one end per call; the end has the last response."""
    seen: list[tuple[str, Any]] = []

    class Pairs(SimpleLLMHandler):
        def on_event_start(
            self, event_type: CBEventType, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
        ) -> str:
            seen.append(("start", event_type))
            return event_id

        def on_event_end(self, event_type: CBEventType, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
            seen.append(("end", str(payload[EventPayload.COMPLETION])))

    llm = serve().llm(callback_manager=CallbackManager([Pairs()]))
    *_, last = llm.stream_complete("Hello")
    assert seen == [("start", CBEventType.LLM), ("end", last.text)]


def test_exports() -> None:
    """Sorted, true, and listed for completion in shells."""
    assert llamaindex_dify.__all__ == sorted(llamaindex_dify.__all__)
    assert set(llamaindex_dify.__all__) <= set(dir(llamaindex_dify))
    with pytest.raises(AttributeError, match="Nothing"):
        llamaindex_dify.Nothing  # noqa: B018


def test_without_llama_index_the_import_says_what_to_install() -> None:
    code = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "llama_index":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Block())
try:
    from llamaindex_dify import DifyChatLLM
except ImportError as error:
    print(error)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 'install with `pip install "dify-integrations[llamaindex]"`' in shown


def test_importing_the_package_does_not_import_llama_index() -> None:
    """It takes seconds."""
    code = "import sys, llamaindex_dify; sys.exit('llama_index' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
