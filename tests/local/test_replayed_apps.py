"""The recordings of the app routes, played against LocalDify: every answer has the recorded shape."""

from __future__ import annotations

import pytest

from tests.local.replaying import Scenario, play
from tests.local.scenarios.chats import CHATS
from tests.local.scenarios.flows import FLOWS
from tests.local.scenarios.old import OLD


@pytest.mark.parametrize("scenario", [*CHATS, *FLOWS, *OLD], ids=str)
def test_a_recording_is_answered_as_recorded(scenario: Scenario) -> None:
    play(scenario)
