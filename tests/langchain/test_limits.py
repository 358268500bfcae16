"""What the page of limits claims of LangChain: should one of these stop being true, the page is to be changed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waited

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.load import dumps, loads
from langchain_core.output_parsers import StrOutputParser

from dify_integrations import ProviderError
from dify_integrations.local import Fail, Gate, Text
from langchain_dify import ChatDify
from tests.langchain.conftest import Serve


def test_closed_sync_chain_reads_the_model_to_its_end(serve: Serve) -> None:
    """LangChain gathers the whole input of the last step before it closes: closing waits for the app, and stops nothing."""
    written = threading.Event()
    served = serve((Text("one "), Gate(written), Text("two")))
    stream = (served.chat() | StrOutputParser()).stream("Hi")
    assert next(stream) == "one "
    with ThreadPoolExecutor(1) as worker:
        closing = worker.submit(stream.close)  # type: ignore[attr-defined]  # declared an iterator, it is a generator
        with pytest.raises(Waited):
            closing.result(timeout=0.3)
        written.set()
        closing.result(timeout=10)
    assert served.server.stops == []


def test_with_retry_does_not_repeat_streams(serve: Serve) -> None:
    served = serve((Fail("overloaded"),))
    stubborn = served.chat().with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    with pytest.raises(ProviderError):
        list(stubborn.stream("Hi"))
    assert len(served.bodies()) == 1
    with pytest.raises(ProviderError):
        stubborn.invoke("Hi")
    assert len(served.bodies()) == 1 + 3


def test_fallbacks_do_not_take_over_behind_the_first_word(serve: Serve) -> None:
    served = serve((Text("One "), Fail("overloaded")))
    heard: list[str] = []
    with pytest.raises(ProviderError):
        heard.extend(str(chunk.text) for chunk in served.chat().with_fallbacks([served.chat()]).stream("Hi"))
    assert heard == ["One "]
    assert len(served.bodies()) == 1


def test_init_chat_model_knows_no_dify() -> None:
    with pytest.raises(ValueError, match="Unable to infer model provider"):
        init_chat_model("dify:support")


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_loads_wants_to_be_told_the_class() -> None:
    with pytest.raises(ValueError, match="not allowed"):
        loads(dumps(ChatDify()), allowed_objects="all", valid_namespaces=["langchain_dify"])
