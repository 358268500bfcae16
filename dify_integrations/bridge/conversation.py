"""Which Dify conversation a list of messages continues, and which of them still need to be said."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import InvalidArgument
from .turn import Anchor, Message, Turn, render

ConversationMode = Literal["auto", "stateless", "stateful"]
"""`stateless` renders the whole history into every request. `auto` continues the conversation of the last answer when
that is safe and renders otherwise. `stateful` continues, and refuses where `auto` would fall back."""

KNOWN_TIPS = 10_000


class Tips:
    """Remembers the newest answer of each conversation seen in this process.

    Dify's API can only append. Continuing from an older answer (an edited or repeated turn) would put the new turn behind
    words the caller has taken back.
    """

    def __init__(self) -> None:
        self._tips: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def moved(self, conversation_id: str, message_id: str) -> None:
        """A turn ended in this conversation."""
        with self._lock:
            self._tips[conversation_id] = message_id
            self._tips.move_to_end(conversation_id)
            while len(self._tips) > KNOWN_TIPS:
                self._tips.popitem(last=False)

    def is_tip(self, anchor: Anchor) -> bool:
        """Whether nothing newer is known; a conversation never seen here counts as untouched."""
        with self._lock:
            return self._tips.get(anchor.conversation_id, anchor.message_id) == anchor.message_id

    def __deepcopy__(self, _: dict[int, object]) -> Tips:
        return self  # what is known of a conversation holds for every copy of an adapter object in this process

    def __reduce__(self) -> tuple[type[Tips], tuple[()]]:
        return (Tips, ())


class Threads:
    """Which Dify conversation belongs to which thread of the calling application, in this process.

    One that is in use is nobody else's: two turns at once in one conversation would answer past each other.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, str] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, thread: Hashable) -> str:
        """The thread's conversation; `""` when it has none yet, or it is in use."""
        with self._lock:
            return self._known.pop(thread, "")

    def keep(self, thread: Hashable, conversation_id: str) -> None:
        """The turn is over, and the thread goes on here."""
        with self._lock:
            self._known[thread] = conversation_id
            while len(self._known) > KNOWN_TIPS:
                self._known.popitem(last=False)

    def __deepcopy__(self, _: dict[int, object]) -> Threads:
        return self

    def __reduce__(self) -> tuple[type[Threads], tuple[()]]:
        return (Threads, ())


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and into which conversation (`""` starts one)."""

    conversation_id: str
    turn: Turn


def plan(
    messages: Sequence[Message], *, mode: ConversationMode, app: str, tips: Tips | None = None, conversation_id: str = ""
) -> Plan:
    """Decide how to send a history.

    Args:
        messages: All of it, oldest first.
        mode: The policy.
        app: Fingerprint of the app that is asked.
        tips: What is known about newer answers.
        conversation_id: Continue this conversation, whatever the messages say; only what follows the last answer is sent.

    Raises:
        InvalidArgument: Nothing to send, or `stateful` and the history cannot be continued.
    """
    answered = max((index for index, message in enumerate(messages) if message.role == "assistant"), default=-1)
    rest = messages[answered + 1 :]
    if conversation_id:
        return Plan(conversation_id, render(rest))
    anchor = messages[answered].anchor if answered >= 0 else None
    if mode == "stateless" or answered < 0:
        return Plan("", render(messages))
    if anchor is not None and anchor.app == app and (tips is None or tips.is_tip(anchor)):
        return Plan(anchor.conversation_id, render(rest))
    if mode == "stateful":
        raise InvalidArgument(
            "this history does not end where its Dify conversation ends (an edited, repeated or foreign turn); "
            'start a new one, or use conversation="auto"'
        )
    return Plan("", render(messages))
