"""Flows: one order of calls for both kinds of client."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from dify_integrations import AsyncDify, Dify, NotFound
from dify_integrations.bridge.flows import Flow, adriven, driven
from dify_integrations.local import Dataset, LocalDify


def names(dataset_id: str, seen: list[str]) -> Flow[list[str]]:
    """A failure that is caught, a lazy list, and a result."""
    try:
        yield lambda datasets: datasets.get("00000000-0000-4000-8000-00000000dead")
    except NotFound:
        seen.append("caught")
    try:
        documents = yield lambda datasets: datasets.documents.iterate(dataset_id)
        return [document.name for document in documents]
    finally:
        seen.append("over")


def test_answers_are_sent_and_failures_thrown_into_a_flow_the_same_both_ways() -> None:
    with LocalDify(datasets=[Dataset("Shop", {"a.txt": "x", "b.txt": "y"})]) as server:
        told: dict[str, Any] = {"dataset_api_key": server.dataset_api_key, "base_url": server.base_url}
        seen: list[str] = []
        with Dify(**told) as dify:
            found = driven(names(server.datasets[0].id, seen), dify.datasets)

        async def again() -> list[str]:
            async with AsyncDify(**told) as dify:
                return await adriven(names(server.datasets[0].id, seen), dify.datasets)

        assert sorted(found) == ["a.txt", "b.txt"] and anyio.run(again) == found
        assert seen == ["caught", "over"] * 2


def test_a_failure_nobody_catches_comes_out_and_ends_the_flow() -> None:
    with LocalDify(datasets=[Dataset("Shop")]) as server:
        told: dict[str, Any] = {"dataset_api_key": server.dataset_api_key, "base_url": server.base_url}
        seen: list[str] = []
        with Dify(**told) as dify, pytest.raises(NotFound):
            driven(names("00000000-0000-4000-8000-00000000dead", seen), dify.datasets)

        async def again() -> None:
            async with AsyncDify(**told) as dify:
                await adriven(names("00000000-0000-4000-8000-00000000dead", seen), dify.datasets)

        with pytest.raises(NotFound):
            anyio.run(again)
        assert seen == ["caught", "over"] * 2


def together(dataset_id: str) -> Flow[list[str]]:
    """Two lists at once, and then one that fails."""
    first, second = yield (
        lambda datasets: datasets.documents.iterate(dataset_id, keyword="b"),
        lambda datasets: datasets.documents.iterate(dataset_id, keyword="a"),
    )
    try:
        yield (lambda datasets: datasets.get(dataset_id), lambda datasets: datasets.get("00000000-0000-4000-8000-00000000dead"))
    except NotFound:
        return [document.name for document in [*first, *second]]
    raise AssertionError("it was there")


def test_calls_that_are_made_at_once_answer_in_their_order() -> None:
    with LocalDify(datasets=[Dataset("Shop", {"a.txt": "x", "b.txt": "y"})]) as server:
        told: dict[str, Any] = {"dataset_api_key": server.dataset_api_key, "base_url": server.base_url}
        with Dify(**told) as dify:
            assert driven(together(server.datasets[0].id), dify.datasets) == ["b.txt", "a.txt"]

        async def again() -> list[str]:
            async with AsyncDify(**told) as dify:
                return await adriven(together(server.datasets[0].id), dify.datasets)

        assert anyio.run(again) == ["b.txt", "a.txt"]
