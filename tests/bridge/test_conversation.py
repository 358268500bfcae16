"""Which conversation goes on, and what of the history is said again."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from dify_integrations.bridge import conversation
from dify_integrations.bridge.conversation import ConversationMode, Plan, Policy, Threads, Tips, anchor_in, plan
from dify_integrations.bridge.turn import Anchor, Message, Turn, digest, render
from dify_integrations.errors import InvalidArgument
from dify_integrations.files import FileInput

APP = "app-fingerprint"
ANCHOR = Anchor("conversation-1", "message-1", APP, digest("Be brief."))
HISTORY = [
    Message("system", "Be brief."),
    Message("user", "Hi"),
    Message("assistant", "Hello.", anchor=ANCHOR),
    Message("user", "And now?"),
]
MODES: list[ConversationMode] = ["auto", "stateless", "stateful"]


BRIEF = digest("Be brief.")


def sent(
    history: Sequence[Message],
    mode: ConversationMode = "auto",
    *,
    tips: Tips | None = None,
    conversation_id: str = "",
    **policy: Any,
) -> Plan:
    return plan(history, policy=Policy(mode, **policy), app=APP, tips=tips or Tips(), conversation_id=conversation_id)


@pytest.mark.parametrize("mode", MODES)
def test_a_history_without_answers_starts_a_conversation(mode: ConversationMode) -> None:
    assert sent(HISTORY[:2], mode) == Plan("", render(HISTORY[:2]), system=BRIEF)


@pytest.mark.parametrize("mode", ["auto", "stateful"])
def test_a_known_history_goes_on_with_what_is_new(mode: ConversationMode) -> None:
    assert sent(HISTORY, mode) == Plan("conversation-1", Turn("And now?"), system=BRIEF)


def test_stateless_says_everything_again() -> None:
    assert sent(HISTORY, "stateless") == Plan("", render(HISTORY), system=BRIEF)


@pytest.mark.parametrize("mode", MODES)
def test_a_given_conversation_gets_only_what_follows_the_last_answer(mode: ConversationMode) -> None:
    assert sent(HISTORY[1:], mode, conversation_id="given") == Plan("given", Turn("And now?"))
    assert sent(HISTORY[1:2], mode, conversation_id="given") == Plan("given", Turn("Hi"))


@pytest.mark.parametrize("anchor", [None, Anchor("c", "m", "another app")], ids=["foreign", "of another app"])
def test_an_answer_from_elsewhere_is_rendered_or_refused(anchor: Anchor | None) -> None:
    history = [*HISTORY[:2], Message("assistant", "Hello.", anchor=anchor), HISTORY[3]]
    assert sent(history, on_fork="raise") == Plan("", render(history), system=BRIEF)
    with pytest.raises(InvalidArgument, match='conversation="auto"'):
        sent(history, "stateful")


def test_going_on_from_an_older_answer_is_no_continuation() -> None:
    """Check 8: Dify would put the new turn behind the words that the caller has taken back."""
    tips = Tips()
    tips.moved("conversation-1", "message-1")
    assert sent(HISTORY, tips=tips).conversation_id == "conversation-1"
    tips.moved("conversation-1", "message-2")
    assert sent(HISTORY, tips=tips) == Plan("", render(HISTORY), system=BRIEF, forked=ANCHOR)
    with pytest.raises(InvalidArgument, match="has gone on"):
        sent(HISTORY, tips=tips, on_fork="raise")
    with pytest.raises(InvalidArgument, match="does not end where"):
        sent(HISTORY, "stateful", tips=tips)


def test_only_one_turn_at_a_time_goes_behind_an_answer() -> None:
    """Check 8: the second would be answered without the first, and stand behind it."""
    tips = Tips()

    def claimed() -> str:
        return plan(HISTORY, policy=Policy(), app=APP, tips=tips, claim=True).conversation_id

    assert [claimed(), claimed(), tips.is_tip(ANCHOR)] == ["conversation-1", "", False]
    tips.leave("conversation-1")
    assert [tips.is_tip(ANCHOR), claimed()] == [True, "conversation-1"]


def test_of_many_threads_one_continues() -> None:
    """Check 8: whoever comes first, for however many it is."""
    tips, won, start = Tips(), [], threading.Barrier(16)

    def turn() -> None:
        start.wait()
        won.append(plan(HISTORY, policy=Policy(), app=APP, tips=tips, claim=True).conversation_id)

    threads = [threading.Thread(target=turn) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [""] * 15 + ["conversation-1"]


def test_a_turn_in_a_given_conversation_keeps_others_from_continuing_it() -> None:
    tips = Tips()
    for _ in range(2):
        plan(HISTORY, policy=Policy(), app=APP, tips=tips, conversation_id="conversation-1", claim=True)
    tips.leave("conversation-1")
    assert not tips.is_tip(ANCHOR)
    tips.leave("conversation-1")
    assert tips.is_tip(ANCHOR)


def test_only_the_server_knows_about_what_was_not_seen_here() -> None:
    tips = Tips()
    assert tips.doubts(ANCHOR)
    tips.moved("conversation-1", "message-1")
    assert not tips.doubts(ANCHOR)
    tips.moved("conversation-1", "message-0")
    assert tips.doubts(ANCHOR)
    tips.moved("conversation-1", "message-1")
    tips.lost("conversation-1")
    assert tips.doubts(ANCHOR)
    tips.enter("conversation-1")
    assert not tips.doubts(ANCHOR), "it is not the tip, whatever the server says"


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_an_old_word_of_the_server_puts_nothing_behind_a_newer_turn(known: bool, lost: bool) -> None:
    """Check 8: it was asked before a turn began here, and its answer came after the end of that turn."""
    tips = Tips()
    if known:
        tips.moved("conversation-1", "message-0")
    seen = tips.seen("conversation-1")
    tips.heard("conversation-1", "message-1", tips.seen("conversation-1"))
    assert tips.take(ANCHOR, surely=True)
    if lost:
        tips.lost("conversation-1")
    else:
        tips.moved("conversation-1", "message-2")
    tips.leave("conversation-1")
    tips.heard("conversation-1", "message-1", seen)
    assert not tips.take(ANCHOR, surely=True)
    assert tips.doubts(ANCHOR), "the next turn asks again"


def test_a_turn_that_was_lost_meanwhile_is_not_gone_past_unasked() -> None:
    """Check 8: whoever did not ask because another turn was under way knows nothing once that one is lost."""
    tips = Tips()
    tips.moved("conversation-1", "message-1")
    assert tips.take(ANCHOR, surely=True)
    tips.lost("conversation-1")
    tips.leave("conversation-1")
    assert not tips.take(ANCHOR, surely=True)
    assert tips.take(ANCHOR), "a model that never asks goes on"


@pytest.mark.parametrize("mode", MODES)
def test_the_answer_to_go_on_from_is_the_last_one_of_this_app(mode: ConversationMode) -> None:
    expected = None if mode == "stateless" else ANCHOR
    assert anchor_in(HISTORY, mode=mode, app=APP) == expected
    assert anchor_in(HISTORY, mode=mode, app="another") is None
    assert anchor_in([*HISTORY, Message("assistant", "foreign")], mode=mode, app=APP) is None
    assert anchor_in(HISTORY[:2], mode=mode, app=APP) is None


def test_nothing_new_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no message"):
        sent(HISTORY[:3])


def test_a_home_takes_what_has_no_conversation_and_nothing_that_was_forked() -> None:
    tips = Tips()
    foreign = [HISTORY[1], Message("assistant", "foreign"), HISTORY[3]]
    assert sent(HISTORY[1:2], home="home") == Plan("home", Turn("Hi"))
    assert sent(foreign, home="home") == Plan("home", render(foreign)), "nothing of it is lost"
    assert sent(HISTORY, home="home").conversation_id == "conversation-1"
    tips.moved("conversation-1", "message-2")
    assert sent(HISTORY, home="home", tips=tips).conversation_id == ""


# -- system text


def told(system: str) -> list[Message]:
    """The same history, behind an answer that was given under this system text."""
    anchor = Anchor("conversation-1", "message-1", APP, digest(system))
    return [*HISTORY[:2], Message("assistant", "Hello.", anchor=anchor), HISTORY[3]]


def test_system_text_that_was_told_is_not_told_again() -> None:
    """Check 10: by the answer's digest, or by what this process remembers of the conversation."""
    tips = Tips()
    assert sent(told("Be brief.")).turn == Turn("And now?")
    tips.moved("conversation-1", "message-1", BRIEF)
    assert sent(told(""), tips=tips).turn == Turn("And now?")
    assert sent(HISTORY[1:], tips=tips, conversation_id="conversation-1").turn == Turn("And now?")
    assert sent(HISTORY[:2], tips=tips, conversation_id="conversation-1").turn == Turn("Hi")


@pytest.mark.parametrize("before", ["", "Be kind."], ids=["unknown", "other"])
def test_system_text_that_was_not_told_is_told(before: str) -> None:
    """Check 10."""
    assert sent(told(before)).turn == Turn("<system>\nBe brief.\n</system>\n\nAnd now?")
    assert sent(told(before)).system == BRIEF


def test_of_system_text_that_grew_only_the_new_is_told() -> None:
    """Check 10."""
    history = [*told("Be brief."), Message("system", "And kind.")]
    planned = sent([*history[:-2], history[-1], history[-2]])
    assert planned.turn.query == "<system>\nAnd kind.\n</system>\n\nAnd now?"
    assert planned.system == digest("Be brief.\n\nAnd kind.")


def test_system_text_of_every_turn_is_always_told() -> None:
    offer = Message("system", "Tools.", every_turn=True)
    planned = sent([*told("Be brief.")[:3], offer, HISTORY[3]])
    assert planned == Plan("conversation-1", Turn("<system>\nTools.\n</system>\n\nAnd now?"), system=BRIEF)


# -- a variable for the history


def test_history_goes_apart_from_the_last_words() -> None:
    """Check 10."""
    foreign = [HISTORY[0], HISTORY[1], Message("assistant", "foreign"), HISTORY[3]]
    planned = sent(foreign, history_apart=True)
    assert planned.history == "<user>\nHi\n</user>\n<assistant>\nforeign\n</assistant>"
    assert planned.turn.query == "<system>\nBe brief.\n</system>\n\nAnd now?"


def test_what_came_before_a_conversation_is_said_again_in_every_turn_of_it() -> None:
    """Check 10: Dify remembers queries and answers, not what variables said in earlier turns."""
    foreign = [HISTORY[1], Message("assistant", "foreign"), Message("user", "First here?")]
    later = [*foreign, Message("assistant", "Yes.", anchor=ANCHOR), HISTORY[3]]
    planned = sent(later, history_apart=True)
    assert (planned.conversation_id, planned.turn.query) == ("conversation-1", "And now?")
    assert planned.history == sent(foreign, history_apart=True).history != ""
    assert sent(HISTORY, history_apart=True).history == ""


def test_files_of_the_history_go_along_and_a_history_without_last_words_is_rendered() -> None:
    file = FileInput.from_url("https://files.example/a.png")
    foreign = [Message("user", "See", (file,)), Message("assistant", "foreign")]
    assert sent([*foreign, HISTORY[3]], history_apart=True).turn == Turn("And now?", (file,))
    assert sent(foreign, history_apart=True) == Plan("", render(foreign))


def test_copies_of_an_object_share_what_is_known_and_other_processes_start_anew() -> None:
    tips = Tips()
    tips.moved("conversation-1", "message-2")
    assert copy.deepcopy(tips) is tips
    assert pickle.loads(pickle.dumps(tips)).is_tip(ANCHOR)


def test_tips_forget_the_oldest_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "KNOWN_TIPS", 2)
    tips = Tips()
    for name in ("a", "b", "a", "c"):
        tips.moved(name, "new")
    stale = [name for name in ("a", "b", "c") if not tips.is_tip(Anchor(name, "old", APP))]
    assert stale == ["a", "c"]


def test_a_thread_has_its_conversation_until_somebody_uses_it() -> None:
    threads = Threads()
    assert threads.take("t1") == ""
    threads.keep("t1", "c1")
    assert [threads.take("t2"), threads.take("t1"), threads.take("t1")] == ["", "c1", ""]


def test_threads_are_bounded_shared_by_copies_and_not_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "KNOWN_TIPS", 2)
    threads = Threads()
    for number in range(3):
        threads.keep(number, f"c{number}")
    assert copy.deepcopy(threads) is threads
    assert pickle.loads(pickle.dumps(threads)).take(2) == ""
    assert [threads.take(number) for number in range(3)] == ["", "c1", "c2"]
