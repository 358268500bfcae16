"""Rows for scenarios that were recorded on several servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dify_integrations.local import App
from tests.local.replaying import Scenario

# The letters by which rows name the servers a scenario was recorded on.
SERVERS = {"a": "1.12.1", "b": "1.14.2", "c": "1.14", "o": "0.15.3"}


def row(servers: str, name: str, *apps: Callable[[], App], **options: Any) -> list[Scenario]:
    """One scenario on each of the servers."""
    return [Scenario(f"{SERVERS[letter]}/{name}", apps=lambda: [make() for make in apps], **options) for letter in servers]


def same(make: Callable[[], App], names: str, **options: Any) -> list[Scenario]:
    """Scenarios of one app: words of letters and names, such as `abc:chat_blocking`."""
    pairs = [word.split(":") for word in names.split()]
    return [scenario for letters, name in pairs for scenario in row(letters, name, make, **options)]
