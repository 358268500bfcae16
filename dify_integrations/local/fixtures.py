"""The pytest fixture: a fresh server for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import LocalDify


@pytest.fixture
def local_dify() -> Iterator[LocalDify]:
    """A running LocalDify with one app of every mode and a small handbook."""
    with LocalDify() as server:
        yield server
