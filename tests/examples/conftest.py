"""The server that examples find when nothing is set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dify_integrations.local import LocalDify
from examples.stage import local_dify, settings_of


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalDify]:
    """The server of `make demo`, and the environment that points to it."""
    with local_dify(pace_s=0.0) as server:
        for name, value in settings_of(server).items():
            monkeypatch.setenv(name, value)
        yield server
