"""The recordings of human input, resumption and followed runs, played against LocalDify."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.local import App, Cut, Drop, Fail, Node, Outputs, Text, UntilFollowed
from tests.local import wire
from tests.local.conftest import script
from tests.local.replaying import Scenario, play
from tests.local.run_apps import DRAFTED, GREETING, Apps, approval, branches, interrupted, questions, review

RELEASE, MAIN = "1.14.2", "1.14"
LEFT = "the recorder left"
ENDED = "the run ends in the background"
AT_ONCE = "made while the exchange before was waited for: test_events.test_nothing_is_told_of_a_blocking_run"
ANSWER_NODE = "the recorded graph says the fixed words of an answer node while another node is open"
BRANCHES = "the recorded graph runs its branches at the same time"
PINGS = "where pings fall is a matter of time"
UNPACED: dict[str, Any] = {"silence_s": 20.0}


def scenario(cassette: str, apps: Apps, **options: Any) -> Scenario:
    return Scenario(cassette, apps=apps, **{"options": UNPACED, **options})


def both(name: str, release: Apps, main: Apps | None = None, **options: Any) -> list[Scenario]:
    """One scenario of both servers."""
    return [scenario(f"{RELEASE}/{name}", release, **options), scenario(f"{MAIN}/{name}", main or release, **options)]


def streams_mode(name: str, apps: Apps, **options: Any) -> Scenario:
    """The other event bus, which is no other to clients."""
    return scenario(f"{MAIN}/streams_mode_{name}", apps, **options)


TYPED = review(typed=True)
SUBMITTED: dict[str, Any] = {"during": {2: (1, "ping")}}
NEVER_ENDS: dict[str, Any] = {**SUBMITTED, "unordered": {1: PINGS}, "options": {"silence_s": 1.0}}
SLOW: dict[str, Any] = {"during": {3: (2, "workflow_started")}, "unordered": {2: PINGS, 3: PINGS}}
RESUMED: dict[str, Any] = {"cut": {0: LEFT}}

WORKFLOWS = [
    *both("human_input_pause", review(), TYPED),
    scenario(f"{RELEASE}/human_input_approve", review(), **SUBMITTED),
    streams_mode("human_input_approve", TYPED, **SUBMITTED),
    *both("human_input_blocking", review(), TYPED, during={3: (2, "ping")}),
    *both("human_input_snapshot_paused", review(), TYPED),
    *both("human_input_snapshot_continue_on_pause", review(), TYPED, **SUBMITTED),
    streams_mode("human_input_snapshot_continue_on_pause", TYPED, **SUBMITTED),
    *both("human_input_continue_on_pause_no_snapshot", review(), TYPED, **NEVER_ENDS),
    streams_mode("human_input_continue_on_pause_no_snapshot", TYPED, **NEVER_ENDS),
    *both("human_input_events_paused_no_snapshot", review(), TYPED, cut={1: LEFT}),
    streams_mode("human_input_events_paused_no_snapshot", TYPED, cut={1: LEFT}),
    *both("human_input_slow_resume", review(followers=2), review(followers=2, typed=True), **SLOW),
    streams_mode("human_input_slow_resume", review(followers=2, typed=True), **SLOW),
    *both("human_input_stop_paused", review(), TYPED, during={4: (3, "ping")}),
    *both("human_input_form_wrong_types", review(), TYPED, **SUBMITTED),
    scenario(f"{MAIN}/human_input_form_errors", TYPED, app_of={2: "other", 3: "chat", 6: "other"}, keys={4: "app-WRONG"}),
    scenario(
        f"{MAIN}/human_input_reject",
        review(typed=True, until_followed=True),
        again={4: ENDED},
        left_out={3: "a moment between submission and end"},
    ),
    scenario(
        f"{MAIN}/human_input_timeout",
        review(typed=True, expires_s=0, until_followed=True),
        unordered={3: ANSWER_NODE},
    ),
    scenario(
        f"{RELEASE}/human_input_twice",
        questions(),
        during={3: (2, "ping"), 8: (7, "ping")},
        unordered={7: ANSWER_NODE},
    ),
    scenario(
        f"{MAIN}/human_input_twice",
        questions(typed=True),
        during={3: (2, "ping"), 8: (7, "ping"), 9: (7, "ping")},
        unordered={7: ANSWER_NODE},
    ),
    scenario(
        f"{MAIN}/human_input_twice_one_stream",
        questions(typed=True),
        during={2: (1, "workflow_paused"), 3: (1, "workflow_paused x2"), 4: (1, "workflow_paused x2")},
    ),
    *both(
        "human_input_parallel",
        lambda: [App("app", "workflow", branches)],
        during={3: (2, "ping")},
        unordered={0: BRANCHES},
        again={5: ENDED},
    ),
]
COUNTING = approval(before=GREETING, counts=True, until_followed=True)
CHATFLOWS = [
    scenario(f"{RELEASE}/human_input_chatflow_simple", approval(), during={2: (1, "ping")}),
    scenario(f"{RELEASE}/human_input_chatflow_mid", approval(before=DRAFTED), during={2: (1, "ping")}, unordered={1: ANSWER_NODE}),
    scenario(f"{MAIN}/human_input_chatflow_mid", approval(before=DRAFTED), during={2: (1, "ping")}),
    scenario(f"{RELEASE}/human_input_chatflow_approve", COUNTING, during={5: (4, "ping")}, unordered={4: ANSWER_NODE}),
    scenario(
        f"{MAIN}/human_input_chatflow_approve",
        COUNTING,
        during={5: (4, "ping")},
        unordered={0: ANSWER_NODE, 10: ANSWER_NODE},
    ),
    scenario(f"{RELEASE}/human_input_chatflow_new_turn_while_paused", COUNTING),
    scenario(f"{MAIN}/human_input_chatflow_new_turn_while_paused", COUNTING, unordered={0: ANSWER_NODE, 1: ANSWER_NODE}),
    scenario(f"{RELEASE}/human_input_chatflow_snapshot", COUNTING, during={3: (2, "ping")}, unordered={2: ANSWER_NODE}),
    scenario(f"{MAIN}/human_input_chatflow_blocking", COUNTING, during={3: (2, "ping")}),
    streams_mode("human_input_chatflow_approve", COUNTING, during={5: (4, "ping")}, unordered={0: ANSWER_NODE, 10: ANSWER_NODE}),
]


def ended() -> list[App]:
    failing = script(Fail("ValueError: boom was requested"))
    excepting = script(Node("code", status="exception", error="ValueError: scripted failure"), Outputs({}))
    apps = [App("app", "workflow"), App("failing", "workflow", failing), App("excepting", "workflow", excepting)]
    return [*apps, App("chatflow", "advanced-chat", script(Node("llm", inside=[Text("Echo")])))]


def named() -> list[App]:
    return [App("app", "workflow", inputs_form=[{"text-input": {"variable": "name", "required": True}}])]


TWO = interrupted(UntilFollowed(), Text("tok2"))
of_the_runs = {6: "failing", 7: "excepting", 8: "chatflow", 9: "chatflow"}
FOLLOWED = [
    *both("chatflow_close_then_resume", interrupted(UntilFollowed(), Text("tok2"), mode="advanced-chat"), **RESUMED),
    *both("chatflow_close_then_resume_snapshot", interrupted(UntilFollowed(), Text("tok2"), mode="advanced-chat"), **RESUMED),
    scenario(f"{RELEASE}/workflow_close_then_resume", interrupted(UntilFollowed(), Text("tok2")), **RESUMED),
    scenario(f"{MAIN}/workflow_close_then_resume_snapshot", interrupted(UntilFollowed(), Text("tok2")), **RESUMED),
    *both("workflow_close_then_resume_late", interrupted(Cut(), Text("tok2")), cut={0: LEFT}, again={1: ENDED}),
    streams_mode("workflow_close_then_resume", interrupted(UntilFollowed(), Text("tok2")), **RESUMED),
    streams_mode("workflow_close_then_resume_snapshot", interrupted(UntilFollowed(), Text("tok2")), **RESUMED),
    streams_mode("workflow_close_then_resume_late", interrupted(Cut(), Text("tok2")), cut={0: LEFT}, again={1: ENDED}),
    scenario(f"{RELEASE}/workflow_events_finished", ended, app_of={1: "failing", 2: "excepting", 3: "chatflow", **of_the_runs}),
    *both("workflow_two_subscribers", TWO, during={1: (0, "text_chunk")}),
    streams_mode("workflow_two_subscribers", TWO, during={1: (0, "text_chunk")}),
    streams_mode("chatflow_plain_streaming", interrupted(mode="advanced-chat")),
    streams_mode("relay_workflow_missing_input", named, cut={0: LEFT}),
    scenario(
        f"{MAIN}/ops_worker_killed_mid_run",
        interrupted(Drop()),
        cut={0: LEFT, 2: LEFT, 3: LEFT},
        unordered={0: PINGS},
        options={"ping_interval_s": 0.1, **UNPACED},
    ),
    scenario(
        f"{MAIN}/workflow_events_errors",
        interrupted(),
        app_of={6: "other", 7: "chat", 8: "completion"},
        keys={10: "app-WRONG"},
    ),
    *both("workflow_events_while_blocking", interrupted(), left_out={1: AT_ONCE}),
]


SCENARIOS = [*WORKFLOWS, *CHATFLOWS, *FOLLOWED]
AREA = ("human_input_", "streams_mode_", "workflow_events_")


@pytest.mark.parametrize("played", SCENARIOS, ids=str)
def test_a_recording_is_answered_as_recorded(played: Scenario) -> None:
    assert play(played) == []


@pytest.mark.parametrize("folder", [RELEASE, MAIN])
def test_every_recording_of_the_area_is_played(folder: str) -> None:
    recorded = [name for name in wire.cassettes(folder) if name.startswith(AREA) or "_then_resume" in name]
    assert {f"{folder}/{name}" for name in recorded} <= {str(played) for played in SCENARIOS}
