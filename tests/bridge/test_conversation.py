"""Which conversation goes on, and what of the history is said again."""

from __future__ import annotations

import copy
import pickle

import pytest

from dify_integrations.bridge import conversation
from dify_integrations.bridge.conversation import ConversationMode, Plan, Threads, Tips, plan
from dify_integrations.bridge.turn import Anchor, Message, Turn, render
from dify_integrations.errors import InvalidArgument

APP = "app-fingerprint"
ANCHOR = Anchor("conversation-1", "message-1", APP)
HISTORY = [
    Message("system", "Be brief."),
    Message("user", "Hi"),
    Message("assistant", "Hello.", anchor=ANCHOR),
    Message("user", "And now?"),
]
MODES: list[ConversationMode] = ["auto", "stateless", "stateful"]


@pytest.mark.parametrize("mode", MODES)
def test_a_history_without_answers_starts_a_conversation(mode: ConversationMode) -> None:
    assert plan(HISTORY[:2], mode=mode, app=APP) == Plan("", render(HISTORY[:2]))


@pytest.mark.parametrize("mode", ["auto", "stateful"])
def test_a_known_history_goes_on_with_what_is_new(mode: ConversationMode) -> None:
    assert plan(HISTORY, mode=mode, app=APP, tips=Tips()) == Plan("conversation-1", Turn("And now?"))


def test_stateless_says_everything_again() -> None:
    assert plan(HISTORY, mode="stateless", app=APP) == Plan("", render(HISTORY))


@pytest.mark.parametrize("mode", MODES)
def test_a_given_conversation_gets_only_what_follows_the_last_answer(mode: ConversationMode) -> None:
    assert plan(HISTORY, mode=mode, app="other", conversation_id="given") == Plan("given", Turn("And now?"))
    assert plan(HISTORY[:1], mode=mode, app=APP, conversation_id="given") == Plan("given", render(HISTORY[:1]))


@pytest.mark.parametrize("anchor", [None, Anchor("c", "m", "another app")], ids=["foreign", "of another app"])
def test_an_answer_from_elsewhere_is_rendered_or_refused(anchor: Anchor | None) -> None:
    history = [*HISTORY[:2], Message("assistant", "Hello.", anchor=anchor), HISTORY[3]]
    assert plan(history, mode="auto", app=APP) == Plan("", render(history))
    with pytest.raises(InvalidArgument, match='conversation="auto"'):
        plan(history, mode="stateful", app=APP)


def test_going_on_from_an_older_answer_is_no_continuation() -> None:
    """Dify would put the new turn behind the words that the caller has taken back."""
    tips = Tips()
    tips.moved("conversation-1", "message-1")
    assert plan(HISTORY, mode="auto", app=APP, tips=tips).conversation_id == "conversation-1"
    tips.moved("conversation-1", "message-2")
    assert plan(HISTORY, mode="auto", app=APP, tips=tips) == Plan("", render(HISTORY))
    with pytest.raises(InvalidArgument):
        plan(HISTORY, mode="stateful", app=APP, tips=tips)


def test_nothing_new_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no message"):
        plan(HISTORY[:3], mode="auto", app=APP)


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
