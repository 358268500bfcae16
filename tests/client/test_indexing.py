"""Indexing: rules for cutting, how far the server is, and waiting for its end."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import dify_integrations
from dify_integrations import (
    AsyncDify,
    DifyError,
    IndexingError,
    IndexingFailed,
    IndexingPaused,
    IndexingTimeout,
    InvalidArgument,
    NotFound,
    PreProcessingRule,
    ProcessRule,
    ProcessRules,
    Segmentation,
)
from dify_integrations.models.indexing import BatchStatus
from dify_integrations.operations.indexing import Watch
from tests.client.serving import Asked, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

KB, BATCH = "2de060fd-428c-453d-bcc1-8711384f3af0", "20261120102424471696"
KEY: dict[str, Any] = {"dataset_api_key": "dataset-x"}
QUICK: dict[str, Any] = {"poll_s": 0.001}
"""Looks as usual, without waiting for them."""


@pytest.fixture(params=["sync", "asyncio", "trio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


def states(*names: str | None, error: str | None = None) -> dict[str, Any]:
    """What a server says of a batch with documents in these states."""
    return {
        "data": [
            {"id": f"d-{number}", "indexing_status": name, "error": error if name == "error" else None}
            for number, name in enumerate(names)
        ]
    }


def seen(*names: str | None, error: str | None = None) -> BatchStatus:
    return BatchStatus.model_validate(states(*names, error=error))


# --- rules ---


def test_automatic() -> None:
    assert ProcessRule.automatic().to_wire() == {"mode": "automatic"}


def test_custom() -> None:
    """Dify wants every rule named, the separator too."""
    assert ProcessRule.custom(max_tokens=500).to_wire() == {
        "mode": "custom",
        "rules": {
            "pre_processing_rules": [
                {"id": "remove_extra_spaces", "enabled": True},
                {"id": "remove_urls_emails", "enabled": False},
            ],
            "segmentation": {"max_tokens": 500, "separator": "\n", "chunk_overlap": 0},
        },
    }
    stopwords = ProcessRule.custom(max_tokens=500, remove_stopwords=True).to_wire()["rules"]
    assert isinstance(stopwords, dict)
    assert {"id": "remove_stopwords", "enabled": True} in stopwords["pre_processing_rules"]  # type: ignore[operator]


def test_hierarchical() -> None:
    """Parents and pieces."""
    rule = ProcessRule.hierarchical(max_tokens=1024, child_max_tokens=200, parent_mode="full-doc", child_chunk_overlap=5)
    assert rule.to_wire()["mode"] == "hierarchical"
    rules = rule.to_wire()["rules"]
    assert isinstance(rules, dict)
    assert rules["parent_mode"] == "full-doc"
    assert rules["segmentation"] == {"max_tokens": 1024, "separator": "\n\n", "chunk_overlap": 0}
    assert rules["subchunk_segmentation"] == {"max_tokens": 200, "separator": "\n", "chunk_overlap": 5}


def test_a_rule_that_servers_took() -> None:
    """As it was recorded with Dify 1.14."""
    recorded_rule = {
        "mode": "hierarchical",
        "rules": {
            "pre_processing_rules": [],
            "segmentation": {"separator": "\n\n", "max_tokens": 500},
            "parent_mode": "full-doc",
            "subchunk_segmentation": {"separator": ".", "max_tokens": 100},
        },
    }
    sent = ProcessRule.model_validate(recorded_rule).to_wire()
    made = ProcessRule(
        mode="hierarchical",
        rules=ProcessRules(
            segmentation=Segmentation(separator="\n\n", max_tokens=500),
            parent_mode="full-doc",
            subchunk_segmentation=Segmentation(separator=".", max_tokens=100),
        ),
    )
    assert sent == made.to_wire()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ProcessRule.custom(max_tokens=49), "Segmentation.max_tokens: Input should be greater than or equal to 50"),
        (lambda: ProcessRule.custom(max_tokens=100, separator=""), "Segmentation.separator: String should have at least 1"),
        (lambda: ProcessRule.custom(max_tokens=100, chunk_overlap=-1), "Segmentation.chunk_overlap"),
        (lambda: ProcessRule.custom(max_tokens=100, chunk_overlap=101), "not be larger than max_tokens"),
        (lambda: ProcessRule.hierarchical(max_tokens=100, child_max_tokens=10), "Segmentation.max_tokens"),
        (lambda: ProcessRule(mode="custom"), "ProcessRule: the mode custom needs rules.segmentation"),
        (lambda: ProcessRule(mode="custom", rules=ProcessRules()), "needs rules.segmentation"),
        (
            lambda: ProcessRule(mode="hierarchical", rules=ProcessRules(segmentation=Segmentation(max_tokens=50))),
            "needs rules.subchunk_segmentation",
        ),
        (lambda: ProcessRule.model_validate({"mode": "magic"}), "ProcessRule.mode: Input should be 'automatic'"),
        (lambda: PreProcessingRule.model_validate({"id": "remove_all"}), "PreProcessingRule.id"),
        (
            lambda: ProcessRule.model_validate({"mode": "custom", "rules": {"segmentation": {"max_tokens": 1}}}),
            "Segmentation.max_tokens",
        ),
    ],
)
def test_rules_that_cannot_work(make: Callable[[], object], words: str) -> None:
    """Servers take some of them, and fail later, in the background."""
    with pytest.raises(InvalidArgument) as caught:
        make()
    assert words in caught.value.message


# --- one look ---


def test_indexing_status(side: Side) -> None:
    """As a real server said it."""
    answer = recorded("0.15.3/documents-pdf-error", r"GET .*/indexing-status")[0]
    with FaultServer(script(answer)) as server:
        batch = side.run(lambda dify: dify.datasets.documents.indexing_status(KB, BATCH), server.url, **KEY)
    assert asked(server) == [Asked("GET", f"/datasets/{KB}/documents/{BATCH}/indexing-status", {}, None)]
    assert batch.model_dump(exclude_unset=True) == value_of(answer)
    [status] = batch.data
    assert (status.indexing_status, status.error) == ("error", "Failed to load document (PDFium: Data format error).")
    assert batch.is_done


# --- the decision, without a clock ---


@pytest.mark.parametrize("name", ["waiting", "parsing", "cleaning", "splitting", "indexing", "brand_new", None])
def test_progress_is_waited_for(name: str | None) -> None:
    """States of newer servers are progress too."""
    watch = Watch(poll_s=1, timeout_s=100, started=0)
    assert watch.next_wait(seen("completed", name), now=0) == 1


def test_done() -> None:
    assert Watch(poll_s=1, timeout_s=100, started=0).next_wait(seen("completed", "completed"), now=99) is None


def test_done_at_last() -> None:
    """A look that comes late counts."""
    assert Watch(poll_s=1, timeout_s=100, started=0).next_wait(seen("completed"), now=500) is None


def test_nothing_is_not_done() -> None:
    """A batch without documents has nothing that could be searched."""
    watch = Watch(poll_s=1, timeout_s=10, started=0)
    assert watch.next_wait(seen(), now=0) == 1
    with pytest.raises(IndexingTimeout, match="no document in the batch"):
        watch.next_wait(seen(), now=10)


def test_waits_grow_to_ten_seconds() -> None:
    """Half as long again each time."""
    watch = Watch(poll_s=1, timeout_s=None, started=0)
    waits = [watch.next_wait(seen("indexing"), now=1e9) for _ in range(9)]
    assert waits == [1, 1.5, 2.25, 3.375, 5.0625, 7.59375, 10, 10, 10]


def test_a_slow_caller_stays_slow() -> None:
    """More than ten seconds between looks, when asked for."""
    watch = Watch(poll_s=60, timeout_s=None, started=0)
    assert [watch.next_wait(seen("indexing"), now=0) for _ in range(3)] == [60, 60, 60]


def test_the_last_wait_ends_with_the_time() -> None:
    """One more look when the time is over, then the error."""
    watch = Watch(poll_s=8, timeout_s=10, started=100)
    assert watch.next_wait(seen("indexing"), now=100) == 8
    assert watch.next_wait(seen("indexing"), now=109) == 1
    with pytest.raises(IndexingTimeout) as caught:
        watch.next_wait(seen("completed", "indexing", "indexing", "waiting"), now=110)
    assert "within 10 s (2 indexing, 1 waiting)" in caught.value.message
    assert "1.12" in caught.value.message
    assert [status.indexing_status for status in caught.value.statuses] == ["completed", "indexing", "indexing", "waiting"]


def test_a_failure_waits_for_the_others() -> None:
    """All of them are known when it is raised."""
    watch = Watch(poll_s=1, timeout_s=100, started=0)
    assert watch.next_wait(seen("error", "indexing"), now=0) == 1
    with pytest.raises(IndexingFailed) as caught:
        watch.next_wait(seen("error", "completed", "paused", error="broken pdf\nat page 1"), now=1)
    assert caught.value.message == "1 of 3 documents could not be indexed: broken pdf at page 1"
    assert [status.id for status in caught.value.statuses] == ["d-0", "d-1", "d-2"]


def test_a_failure_without_words() -> None:
    with pytest.raises(IndexingFailed, match="the server gave no reason"):
        Watch(poll_s=1, timeout_s=1, started=0).next_wait(seen("error"), now=0)


def test_secrets_of_a_provider_stay_out_of_the_message() -> None:
    """An error text can hold a key."""
    with pytest.raises(IndexingFailed) as caught:
        Watch(poll_s=1, timeout_s=1, started=0).next_wait(seen("error", error="key app-abcdefghijklmnopqrstuvwx refused"), now=0)
    assert "abcdefgh" not in caught.value.message


def test_a_pause_is_not_waited_out() -> None:
    """Only a person ends it."""
    watch = Watch(poll_s=1, timeout_s=100, started=0)
    assert watch.next_wait(seen("paused", "indexing"), now=0) == 1
    with pytest.raises(IndexingPaused, match="1 of 2 documents are paused"):
        watch.next_wait(seen("paused", "completed"), now=1)


@pytest.mark.parametrize("times", [{"poll_s": 0}, {"poll_s": -1}, {"timeout_s": 0}, {"poll_s": float("nan")}])
def test_times_are_positive(times: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match="more than 0 seconds"):
        Watch(**{"poll_s": 1.0, "timeout_s": 1.0, **times}, started=0)


def test_errors_have_one_base_and_can_be_pickled() -> None:
    """A job in another process raises them too."""
    error = IndexingFailed("words", statuses=seen("error", error="e").data)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, copy.statuses) == (IndexingFailed, "words", error.statuses)
    assert issubclass(IndexingTimeout, TimeoutError)
    for name in ("IndexingFailed", "IndexingPaused", "IndexingTimeout"):
        assert issubclass(getattr(dify_integrations, name), IndexingError)
    assert issubclass(IndexingError, DifyError)


# --- waiting ---


def test_wait_until_indexed(side: Side) -> None:
    """A real server's states one after the other; every look is shown."""
    answers = recorded("0.15.3/documents-file", r"GET .*/20261120094855556267/indexing-status")
    assert [value_of(answer)["data"][0]["indexing_status"] for answer in answers[-2:]] == ["indexing", "completed"]
    shown: list[BatchStatus] = []

    async def body(dify: AsyncDify) -> BatchStatus:
        return await dify.datasets.documents.wait_until_indexed(KB, BATCH, on_progress=shown.append, **QUICK)

    with FaultServer(*map(script, answers)) as server:
        last = side.run(body, server.url, **KEY)
    assert last.data[0].indexing_status == "completed"
    assert [one.model_dump(exclude_unset=True) for one in shown] == [value_of(answer) for answer in answers]
    assert shown[-1] is last
    assert len(server.requests) == len(answers)


def test_waiting_for_an_update_that_hangs(side: Side) -> None:
    """1.12.1 stays at `indexing` for ever; the batch is the one of the creation."""
    answers = [script(states("indexing"))]

    async def body(dify: AsyncDify) -> None:
        await dify.datasets.documents.wait_until_indexed(KB, BATCH, timeout_s=0.5, **QUICK)

    with FaultServer(*answers) as server:
        error = side.error(body, server.url, **KEY)
    assert type(error) is IndexingTimeout
    assert isinstance(error, TimeoutError)
    assert [status.indexing_status for status in error.statuses] == ["indexing"]
    assert len(server.requests) >= 2


def test_waiting_for_a_failure(side: Side) -> None:
    with FaultServer(script(states("parsing", "completed")), script(states("error", "completed", error="no text"))) as server:
        error = side.error(
            lambda dify: dify.datasets.documents.wait_until_indexed(KB, BATCH, timeout_s=None, **QUICK), server.url, **KEY
        )
    assert type(error) is IndexingFailed
    assert [(status.id, status.error) for status in error.statuses] == [("d-0", "no text"), ("d-1", None)]


def test_waiting_for_documents_that_are_deleted_meanwhile(side: Side) -> None:
    gone = refusal(404, "not_found", "Documents not found.")
    with FaultServer(script(states("waiting")), gone) as server:
        error = side.error(lambda dify: dify.datasets.documents.wait_until_indexed(KB, BATCH, **QUICK), server.url, **KEY)
    assert type(error) is NotFound


def test_a_progress_callback_may_give_up(side: Side) -> None:
    """What it raises ends the waiting."""

    class Enough(Exception):
        pass

    def enough(_: BatchStatus) -> None:
        raise Enough

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(Enough):
            await dify.datasets.documents.wait_until_indexed(KB, BATCH, on_progress=enough, **QUICK)

    with FaultServer(script(states("waiting"))) as server:
        side.run(body, server.url, **KEY)
    assert len(server.requests) == 1


def test_times_are_checked_before_the_first_look(side: Side) -> None:
    error = side.error(lambda dify: dify.datasets.documents.wait_until_indexed(KB, BATCH, poll_s=0), "http://127.0.0.1:1/v1", **KEY)
    assert type(error) is InvalidArgument
