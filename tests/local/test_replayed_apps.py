"""The recordings of the app routes, played against LocalDify: every answer has the recorded shape."""

from __future__ import annotations

import pytest

from tests.local.replaying import Scenario, play

SCENARIOS = [
    Scenario("1.14.2/chat_plain_streaming"),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_recording_is_answered_as_recorded(scenario: Scenario) -> None:
    play(scenario)
