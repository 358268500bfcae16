"""Every event name has its class, and no JSON a server may send breaks one."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.errors import MalformedEvent
from dify_integrations.events import (
    EVENT_CLASSES,
    ErrorEvent,
    Event,
    MessageEndEvent,
    MessageEvent,
    MessageFileEvent,
    NodeFinishedEvent,
    PingEvent,
    TextChunkEvent,
    UnknownEvent,
    WorkflowFinishedEvent,
    parse_event,
)
from dify_integrations.events.fields import Field

CONTRACT = Path(__file__).parents[2].parent / "shared" / "contract" / "streaming.md"
CATALOGUE = [
    *("message", "agent_message", "agent_thought", "message_file", "message_end", "message_replace", "tts_message"),
    *("tts_message_end", "error", "ping", "workflow_started", "workflow_finished", "workflow_paused", "node_started"),
    *("node_finished", "node_retry", "iteration_started", "iteration_next", "iteration_completed", "loop_started", "loop_next"),
    *("loop_completed", "parallel_branch_started", "parallel_branch_finished", "text_chunk", "text_replace", "agent_log"),
    *("reasoning_chunk", "human_input_required", "human_input_form_filled", "human_input_form_timeout"),
    *("datasource_processing", "datasource_completed", "datasource_error"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def parse(raw: object, name: str = "") -> Event:
    return parse_event((name, json.dumps(raw).encode()))


def field_names(cls: type[Event]) -> list[str]:
    return [name for base in cls.__mro__ for name, value in vars(base).items() if isinstance(value, Field)]


def test_every_name_of_the_catalogue_has_a_class() -> None:
    """Exactly the events of contract/streaming.md §5, and those of data sources."""
    assert sorted(cls.name for cls in EVENT_CLASSES) == sorted(CATALOGUE)


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not beside this checkout")
def test_the_catalogue_is_the_contracts() -> None:
    """The list above has not fallen behind the document."""
    section = CONTRACT.read_text("utf-8").partition("## 5. Event catalogue")[2].partition("## 6.")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    named = {name for cell in rows for name in re.findall(r"`([a-z_]+)`", cell)}
    assert named - set(CATALOGUE) - {"running", "succeeded", "failed"} == set()


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.name)
def test_an_event_keeps_what_it_does_not_know(cls: type[Event]) -> None:
    """Unknown fields stay in raw."""
    raw = {"event": cls.name, "brand_new": [1], "data": {"brand_new": 2}}
    event = parse(raw)
    assert type(event) is cls
    assert event.raw == raw


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.name)
@given(values=st.lists(json_values, min_size=1, max_size=8))
@settings(max_examples=40)
def test_no_value_breaks_a_field(cls: type[Event], values: list[object]) -> None:
    """Null, wrong types and missing keys give each field its documented nothing, never an exception."""
    names = field_names(cls)
    keys = {name: values[i % len(values)] for i, name in enumerate(names)}
    data = values[0] if len(values) > 5 else keys
    event = parse({**keys, "event": cls.name, "data": data, "metadata": keys, "answer": values[-1]})
    for name in [*names, "answer", "text"]:
        getattr(event, name, None)
    assert repr(event).startswith(cls.__name__)


@given(raw=st.dictionaries(st.text(), json_values, max_size=4), name=st.text(max_size=8))
@settings(max_examples=100)
def test_any_object_is_some_event(raw: dict[str, object], name: str) -> None:
    """Whatever the object and the `event:` line, an event comes out and keeps it."""
    event = parse(raw, name)
    assert event.raw == raw or isinstance(event, PingEvent)


@pytest.mark.parametrize("raw", [{"event": "from_the_future", "x": 1}, {"x": 1}, {"event": None}, {"event": ["message"]}], ids=str)
def test_an_unknown_name_is_no_error(raw: dict[str, object]) -> None:
    """A name nobody knows, or none, is an UnknownEvent."""
    event = parse(raw)
    assert isinstance(event, UnknownEvent)
    assert event.name == (
        raw["event"] if isinstance(raw.get("event"), str) else "" if raw.get("event") is None else str(raw["event"])
    )


def test_the_event_line_counts_where_the_json_names_nothing() -> None:
    """`event: error` with data that has no event key is an error all the same; a name in the JSON wins."""
    assert isinstance(parse({"message": "m"}, "error"), ErrorEvent)
    assert isinstance(parse({"event": "message", "answer": "a"}, "error"), MessageEvent)
    assert parse({}, "strange").name == "strange"


def test_a_ping_with_empty_data_is_a_ping() -> None:
    """A proxy's bare `data:` line is no malformed event."""
    assert isinstance(parse_event(("", b"")), PingEvent)


@pytest.mark.parametrize("data", [b"[1]", b"null", b'"text"', b"{", b"{oops}"], ids=repr)
def test_what_is_no_object_is_malformed(data: bytes) -> None:
    """Data that is no JSON object raises MalformedEvent."""
    with pytest.raises(MalformedEvent):
        parse_event(("", data))


def test_fields_read_where_the_wire_has_them() -> None:
    """Top-level fields, fields in data, fields in metadata."""
    finished = parse(
        {
            "event": "workflow_finished",
            "workflow_run_id": "r",
            "task_id": "t",
            "data": {"status": "failed", "error": "e", "outputs": None},
        }
    )
    assert isinstance(finished, WorkflowFinishedEvent)
    assert (finished.workflow_run_id, finished.task_id, finished.status, finished.error, finished.outputs) == (
        "r",
        "t",
        "failed",
        "e",
        None,
    )
    end = parse({"event": "message_end", "metadata": {"usage": {"total_tokens": 3}, "retriever_resources": None}, "files": None})
    assert isinstance(end, MessageEndEvent)
    assert (end.usage, end.retriever_resources, end.files, end.annotation_reply) == ({"total_tokens": 3}, [], [], None)
    node = parse(
        {"event": "node_finished", "data": {"elapsed_time": 1, "index": 2.0, "execution_metadata": None, "files": [{"id": 1}, 2]}}
    )
    assert isinstance(node, NodeFinishedEvent)
    assert (node.elapsed_time, node.index, node.execution_metadata, node.files) == (1.0, 2, {}, [{"id": 1}])


def test_text_events_read_their_text_at_once() -> None:
    """answer and text are strings whatever the server sends."""
    message = parse({"event": "message", "answer": None})
    chunk = parse({"event": "text_chunk", "data": None})
    assert isinstance(message, MessageEvent)
    assert isinstance(chunk, TextChunkEvent)
    assert (message.answer, chunk.text) == ("", "")
    assert MessageEvent({"answer": 5}).answer == "5"
    assert TextChunkEvent({"data": {"text": 1.5}}).text == "1.5"


def test_message_file_with_answer_is_text() -> None:
    """Dify 1.7.2 to 1.12.1 sends text as message_file when the turn has a file; only a url makes a file."""
    assert MessageFileEvent({"answer": "x"}).is_text
    assert not MessageFileEvent({"url": "http://f", "answer": "x"}).is_text
    assert not MessageFileEvent({"url": "http://f"}).is_text


def test_fields_are_read_only_and_documented_on_the_class() -> None:
    """A field is a descriptor on the class."""
    assert isinstance(MessageEvent.task_id, Field)
    with pytest.raises(AttributeError):
        MessageEvent({}).conversation = "x"  # type: ignore[attr-defined]


def test_events_compare_copy_and_pickle() -> None:
    """Equal when class and JSON are; survive copying and pickling; not hashable."""
    one, other = MessageEvent({"answer": "a"}), MessageEvent({"answer": "b"})
    assert one == MessageEvent({"answer": "a"})
    assert one != other
    assert one != UnknownEvent({"answer": "a"})
    assert copy.deepcopy(one) == one == pickle.loads(pickle.dumps(one))
    with pytest.raises(TypeError):
        hash(one)


@pytest.mark.parametrize(
    ("value", "integer", "number"),
    [(True, None, None), (3, 3, 3.0), (2.9, 2, 2.9), ("7", None, None), (float("inf"), None, float("inf")), (None, None, None)],
    ids=repr,
)
def test_numbers(value: object, integer: int | None, number: float | None) -> None:
    """Booleans and texts are no numbers; infinity is no integer."""
    event = WorkflowFinishedEvent({"data": {"total_tokens": value, "elapsed_time": value}})  # type: ignore[dict-item]
    assert (event.total_tokens, event.elapsed_time) == (integer, number)
