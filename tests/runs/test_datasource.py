"""The stream of a data source node: it has no ids and no last event, and ends with its body."""

from __future__ import annotations

from typing import Any

from dify_integrations.errors import RunFailed, StreamInterrupted
from dify_integrations.events import EVENT_CLASSES, Event
from dify_integrations.runs.datasource import DatasourceFold
from dify_integrations.runs.items import Ended
from tests.runs.builders import feed, started

_CLASSES = {cls.name: cls for cls in EVENT_CLASSES}


def ev(name: str, **fields: Any) -> Event:
    return _CLASSES[f"datasource_{name}"]({"event": f"datasource_{name}", **fields})


def test_what_was_found() -> None:
    """Several answers are one list; the end of the body is the end of the run."""
    fold = DatasourceFold()
    assert not fold.ends_here
    assert feed(fold, ev("processing", total=2, completed=0)) == []
    assert feed(fold, ev("completed", data=[{"url": "a"}], time_consuming=1.5), ev("completed", data=[{"url": "b"}])) == []
    assert (fold.ends_here, fold.over) == (True, False)
    assert [type(item) for item in fold.end()] == [Ended]
    assert fold.failure() is None
    result = fold.result()
    assert (result.status, result.outputs) == ("succeeded", {"data": [{"url": "a"}, {"url": "b"}]})
    assert list(fold.end()) == feed(fold, ev("completed", data=[1])) == []


def test_a_failure() -> None:
    fold = DatasourceFold()
    items = feed(fold, ev("error", error="no such site"))
    assert isinstance(items[-1], Ended)
    failure = fold.failure()
    assert isinstance(failure, RunFailed)
    assert "no such site" in failure.message
    assert failure.result is not None
    assert failure.result.status == "failed"


def test_a_body_that_ends_early() -> None:
    """Nothing was found yet: nothing is over."""
    fold = DatasourceFold()
    feed(fold, ev("processing", total=2, completed=1))
    assert (list(fold.end()), fold.over, fold.ends_here) == ([], False, False)
    fold.abort(StreamInterrupted("cut"))
    assert fold.ends_here


def test_other_events_mean_what_they_always_mean() -> None:
    """A data source that is a workflow inside."""
    assert feed(DatasourceFold(), started()) != []
