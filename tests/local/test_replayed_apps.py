"""The recordings of the app routes, played against LocalDify: every answer has the recorded shape."""

from __future__ import annotations

import re

import pytest

from tests.local import wire
from tests.local.recorded import cassette
from tests.local.replaying import Scenario, play
from tests.local.scenarios.chats import CHATS
from tests.local.scenarios.flows import FLOWS
from tests.local.scenarios.old import OLD

SCENARIOS = [*CHATS, *FLOWS, *OLD]
# What `test_replayed_runs` and `test_replayed_knowledge` play.
OTHERS = re.compile(
    r"newer_endpoints_404|human_input_|streams_mode_|workflow_events_|_then_resume|two_subscribers|ops_worker_killed"
)
LEFT_OUT = {"1.14/ops_worker_down": "LocalDify has no worker that could be down"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_recording_is_answered_as_recorded(scenario: Scenario) -> None:
    assert play(scenario) == []


@pytest.mark.parametrize("folder", ["0.15.3", "1.12.1", "1.14.2", "1.14"])
def test_no_recording_of_the_app_routes_is_forgotten(folder: str) -> None:
    asked = re.compile(r"uri: \S+/v1/(?!datasets|workspaces)")
    names = {f"{folder}/{name}" for name in wire.cassettes(folder) if not OTHERS.search(name)}
    of_apps = {name for name in names if asked.search(cassette(name).read_text("utf-8"))}
    assert of_apps - set(LEFT_OUT) <= {str(scenario) for scenario in SCENARIOS}
