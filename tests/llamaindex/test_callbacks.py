"""What the handlers of a `CallbackManager` are told of a run: the older way, which many tracers still use."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler
from llama_index.core.callbacks.base import global_stack_trace

from dify_integrations import RunFailed
from dify_integrations.local import Gate, Node, Text, Tool
from llamaindex_dify import DifyChatLLM
from tests.llamaindex.conftest import Serve
from tests.llamaindex.trees import HELLO, METHODS, PARALLEL, call, cancelled, left_early, run
from tests.wire.played import clients_of


class Debugging(LlamaDebugHandler):
    """Remembers which event began inside which."""

    def __init__(self) -> None:
        super().__init__(print_trace_on_end=False)
        self.parents: dict[str, str] = {}
        self.types: dict[str, str] = {}

    def on_event_start(
        self, event_type: CBEventType, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
    ) -> str:
        self.parents[event_id], self.types[event_id] = parent_id, event_type.value
        return super().on_event_start(event_type, payload, event_id, parent_id, **kwargs)

    def tree(self) -> Counter[tuple[str, str]]:
        return Counter((self.types.get(parent, parent), self.types[event_id]) for event_id, parent in self.parents.items())

    def payloads(self, kind: CBEventType) -> list[list[dict[str, Any]]]:
        """Of start and end of every event of the kind."""
        return [[event.payload or {} for event in pair] for pair in self.get_event_pairs(kind)]

    def left_open(self) -> list[str]:
        """Types of events that never ended, but for core's `exception`, which has no end."""
        types = [self.types[event_id] for event_id, events in self._event_pairs_by_id.items() if len(events) != 2]
        return [one for one in types if one != CBEventType.EXCEPTION.value]


@pytest.fixture
def debugging() -> Debugging:
    return Debugging()


@pytest.mark.parametrize("method", METHODS)
def test_nodes_are_steps_of_an_agent(debugging: Debugging, method: str) -> None:
    """Check 5: beside the LLM's own event, which is a leaf; children of an iteration inside it."""
    call(DifyChatLLM(**clients_of(PARALLEL), callback_manager=CallbackManager([debugging])), method)
    assert debugging.tree() == {("root", "llm"): 1, ("root", "agent_step"): 4, ("agent_step", "agent_step"): 2}
    assert debugging.left_open() == []
    assert global_stack_trace.get() == ["root"]


def test_tools_are_function_calls(debugging: Debugging, serve: Serve) -> None:
    """Check 5: those of the app's agent and the tool nodes of a flow."""
    manager = CallbackManager([debugging])
    agent = serve(lambda _: [Tool("clock", {"zone": "UTC"}, "noon"), Text("noon")], "agent-chat")
    agent.llm(callback_manager=manager).chat(HELLO)
    flow = serve(lambda _: [Node("tool", "Clock", {"zone": "UTC"}, {"text": "noon"}), Text("noon")], "advanced-chat")
    flow.llm(callback_manager=manager).chat(HELLO)
    of_agent, of_flow = debugging.payloads(CBEventType.FUNCTION_CALL)
    assert of_agent[0][EventPayload.TOOL].name == "clock"
    assert of_flow[0][EventPayload.TOOL].name == "Clock"
    assert "noon" in str(of_agent[1][EventPayload.FUNCTION_OUTPUT])
    assert "noon" in str(of_flow[1][EventPayload.FUNCTION_OUTPUT])
    assert debugging.left_open() == []


@pytest.mark.parametrize("method", METHODS)
def test_a_failed_node_ends_with_its_error(debugging: Debugging, serve: Serve, method: str) -> None:
    """Check 5: and the next call begins where the first did."""
    served = serve(lambda _: [Node("code", "Code", status="failed", error="boom")], "advanced-chat")
    llm = served.llm(callback_manager=CallbackManager([debugging]))
    for _ in range(2):
        with pytest.raises(RunFailed):
            call(llm, method)
    ends = [end for _, end in debugging.payloads(CBEventType.AGENT_STEP)]
    assert [str(payload[EventPayload.EXCEPTION]) for payload in ends if EventPayload.EXCEPTION in payload] == ["boom", "boom"]
    assert debugging.left_open() == []


@pytest.mark.parametrize("leave", [left_early, cancelled])
def test_a_stream_that_is_left(debugging: Debugging, serve: Serve, leave: Callable[[Any], Any]) -> None:
    """Check 5: every step that began ends."""
    script = [Node("llm", "LLM", inside=[Text("one"), Gate(threading.Event()), Text("two")])]
    run(leave(serve(lambda _: script, "advanced-chat").llm(callback_manager=CallbackManager([debugging]))))
    assert debugging.left_open() == []
    assert debugging.tree()["root", "agent_step"] == 2  # Start, and the node that was left
