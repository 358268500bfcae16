"""Sides and kinds as parameters; servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.faults.server import FaultServer, Script
from tests.faults.sides import Side
from tests.faults.wire import CHAT, WORKFLOW, Kind

Serve = Callable[..., FaultServer]


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def any_side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


@pytest.fixture(params=[CHAT, WORKFLOW], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """A message app and a workflow app."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts fault servers; the arguments are those of FaultServer."""
    with ExitStack() as stack:

        def start(*scripts: Script, **options: Any) -> FaultServer:
            return stack.enter_context(FaultServer(*scripts, **options))

        yield start
