"""What every shape of the knowledge API needs: who made it all, the release, and the fields older ones lack."""

from __future__ import annotations

from typing import Any

from ..datasets import NAMESPACE
from ..state import State
from .habits import Habits

ACCOUNT = str(NAMESPACE)
AUTHOR = "LocalDify"


def habits_of(state: State) -> Habits:
    """How the emulated release treats knowledge."""
    return Habits(state.version.number)


def without(shown: dict[str, Any], names: set[str], *, when: bool) -> dict[str, Any]:
    """A shape, where asked without the fields that came later."""
    return {name: value for name, value in shown.items() if name not in names} if when else shown
