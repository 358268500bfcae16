"""What users' type checkers see; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from typing_extensions import assert_type

from dify_integrations import AsyncDify, AsyncRun, Dify, Event, Item, Run, RunResult, Timeouts
from dify_integrations.models.apps import AppParameters
from dify_integrations.models.messages import MessagePage
from dify_integrations.models.retrieval import Retrieval
from dify_integrations.models.workflows import WorkflowRun


def sync(dify: Dify) -> None:
    assert_type(dify.chat.stream("q", user="u"), Run)
    assert_type(dify.chat.send("q"), RunResult)
    assert_type(dify.workflows.run({"a": 1}), RunResult)
    assert_type(dify.workflows.detail("r"), WorkflowRun)
    assert_type(dify.datasets.retrieve("d", "q"), Retrieval)
    assert_type(dify.messages.list("c"), MessagePage)
    assert_type(dify.app.parameters(), AppParameters)
    assert_type(dify.with_options(user="v", timeout=Timeouts(idle_s=None)), Dify)
    with dify.completion.stream({"a": 1}) as run:
        assert_type(run, Run)
        assert_type(iter(run), Iterator[Event])
        assert_type(run.items(), Iterator[Item])
        assert_type(run.text(), Iterator[str])
        assert_type(run.result, RunResult)
    with Dify("app-x") as client:
        assert_type(client, Dify)


async def asynchronous(dify: AsyncDify) -> None:
    assert_type(dify.chat.stream("q", user="u"), AsyncRun)
    assert_type(await dify.chat.send("q"), RunResult)
    assert_type(await dify.workflows.run(), RunResult)
    assert_type(await dify.datasets.retrieve("d", "q"), Retrieval)
    async with dify.chat.stream("q") as run:
        assert_type(run, AsyncRun)
        assert_type(run.items(), AsyncIterator[Item])
        async for event in run:
            assert_type(event, Event)
    async with AsyncDify("app-x") as client:
        assert_type(client, AsyncDify)
