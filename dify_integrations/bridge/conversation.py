"""Which Dify conversation a list of messages continues, and which of them still need to be said."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from weakref import WeakValueDictionary

from ..errors import InvalidArgument
from .turn import Anchor, Message, Turn, digest, render, system_text, transcript

ConversationMode = Literal["auto", "stateless", "stateful"]
"""`stateless` renders the whole history into every request. `auto` continues the conversation of the last answer when
that is safe and renders otherwise. `stateful` continues, and refuses where `auto` would fall back."""

OnFork = Literal["stateless", "raise"]
"""What `auto` does with a history whose conversation has gone on elsewhere: render it into a new one, or refuse."""

KNOWN_TIPS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Tip:
    """What is known of a conversation's end; a new one whenever a turn ends there, so that identity tells whether one did.

    Attributes:
        message_id: The newest answer; `None` when only the server can tell.
        system: Digest of the system text the conversation has been told.
    """

    message_id: str | None
    system: str = ""


class Tips:
    """Remembers the newest answer of each conversation seen in this process, and which ones a turn is under way in.

    Dify's API can only append. Continuing from an older answer (an edited or repeated turn), or beside a turn that is still
    being answered, would put the new turn behind words the caller has taken back or never seen. Nobody ever waits here: a
    lock held by a stream that its reader has left open could not be released by the one who waits for it.
    """

    def __init__(self) -> None:
        self._tips: OrderedDict[str, Tip] = OrderedDict()
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()

    @classmethod
    def at(cls, base_url: str) -> Tips:
        """What the adapter objects of this process that live at the same time know together of one server's conversations.

        So that objects made anew for each request of a web server do not put their turns beside each other's.
        """
        with _SHARING:
            tips = _shared.get(base_url)
            if tips is None:
                _shared[base_url] = tips = cls()
            return tips

    def moved(self, conversation_id: str, message_id: str, system: str = "") -> None:
        """A turn ended in this conversation.

        Args:
            conversation_id: The conversation.
            message_id: Its newest answer.
            system: Digest of the system text it has been told.
        """
        with self._lock:
            self._keep(conversation_id, Tip(message_id, system))

    def lost(self, conversation_id: str) -> None:
        """A turn was sent and nothing heard of it: whether Dify has recorded it, only Dify knows."""
        with self._lock:
            self._keep(conversation_id, Tip(None))

    def seen(self, conversation_id: str) -> Tip | None:
        """What is known before the server is asked; for `heard`."""
        with self._lock:
            return self._tips.get(conversation_id)

    def heard(self, conversation_id: str, message_id: str, seen: Tip | None) -> None:
        """The server's word on the newest answer. It is old when a turn has ended here since it was asked for, and then ignored.

        Args:
            conversation_id: The conversation.
            message_id: Its newest answer; `""` when there is none.
            seen: What was known when the server was asked.
        """
        with self._lock:
            if self._tips.get(conversation_id) is seen:
                self._keep(conversation_id, Tip(message_id, seen.system if seen is not None else ""))

    def is_tip(self, anchor: Anchor) -> bool:
        """Whether nothing newer is known or under way; a conversation never seen here counts as untouched."""
        with self._lock:
            return self._free(anchor)

    def doubts(self, anchor: Anchor) -> bool:
        """Whether only the server can tell: what this process saw last is another answer, or nothing."""
        with self._lock:
            known = self._tips.get(anchor.conversation_id)
            return (known is None or known.message_id != anchor.message_id) and anchor.conversation_id not in self._busy

    def system_of(self, conversation_id: str) -> str:
        """Digest of the system text the conversation has been told in this process."""
        with self._lock:
            known = self._tips.get(conversation_id)
            return known.system if known is not None else ""

    def take(self, anchor: Anchor, *, surely: bool = False) -> bool:
        """Begin a turn behind this answer if it is the tip; from then on it is not, until `leave`.

        Args:
            anchor: The answer.
            surely: Whether a conversation of which nothing is known is left alone too.
        """
        with self._lock:
            if not self._free(anchor, surely=surely):
                return False
            self._busy[anchor.conversation_id] += 1
            return True

    def enter(self, conversation_id: str) -> None:
        """Begin a turn in this conversation wherever it stands."""
        with self._lock:
            self._busy[conversation_id] += 1

    def leave(self, conversation_id: str) -> None:
        """The turn is over."""
        with self._lock:
            self._busy[conversation_id] -= 1
            if self._busy[conversation_id] <= 0:
                del self._busy[conversation_id]

    def _free(self, anchor: Anchor, *, surely: bool = False) -> bool:
        known = self._tips.get(anchor.conversation_id)
        newest = known.message_id if known is not None else None
        is_tip = not surely if newest is None else newest == anchor.message_id
        return is_tip and anchor.conversation_id not in self._busy

    def _keep(self, conversation_id: str, tip: Tip) -> None:
        self._tips[conversation_id] = tip
        self._tips.move_to_end(conversation_id)
        while len(self._tips) > KNOWN_TIPS:
            self._tips.popitem(last=False)

    def __deepcopy__(self, _: dict[int, object]) -> Tips:
        return self  # what is known of a conversation holds for every copy of an adapter object in this process

    def __reduce__(self) -> tuple[type[Tips], tuple[()]]:
        return (Tips, ())


_SHARING = threading.Lock()
_shared: WeakValueDictionary[str, Tips] = WeakValueDictionary()


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
    """What to send, and into which conversation.

    Attributes:
        conversation_id: `""` starts one.
        turn: The query and its files.
        history: What was said before the conversation began, for an app that has a variable for it.
        system: Digest of the system text that the conversation knows with this turn.
        forked: The answer that would have been continued, had its conversation not gone on elsewhere.
    """

    conversation_id: str
    turn: Turn
    history: str = field(default="", kw_only=True)
    system: str = field(default="", kw_only=True)
    forked: Anchor | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Policy:
    """How histories are sent.

    Attributes:
        mode: Whether conversations are continued.
        on_fork: What `auto` does when the history is not where its conversation is.
        history_apart: The app has a variable for what was said before the conversation began; otherwise the query says it.
        home: Conversation of histories without an answer of this app, instead of a new one.
        surely: The server is asked about conversations of which nothing is known here, so none is continued unasked.
    """

    mode: ConversationMode = "auto"
    on_fork: OnFork = "stateless"
    history_apart: bool = False
    home: str = ""
    surely: bool = False


def anchor_in(messages: Sequence[Message], *, mode: ConversationMode, app: str) -> Anchor | None:
    """The answer that a turn would be put behind, if it is its conversation's last.

    Args:
        messages: All of the history, oldest first.
        mode: Whether conversations are continued.
        app: Fingerprint of the app that is asked; answers of others are text, no more.
    """
    last = _last_answer(messages)
    anchor = messages[last].anchor if last >= 0 else None
    return anchor if anchor is not None and anchor.app == app and mode != "stateless" else None


def plan(
    messages: Sequence[Message], *, policy: Policy, app: str, tips: Tips, conversation_id: str = "", claim: bool = False
) -> Plan:
    """Decide how to send a history.

    Args:
        messages: All of it, oldest first.
        policy: How.
        app: Fingerprint of the app that is asked.
        tips: What is known about newer answers.
        conversation_id: Continue this conversation, whatever the messages say; only what follows the last answer is sent.
        claim: Mark the conversation that is continued as under way; `tips.leave` it then, however the turn ends.

    Raises:
        InvalidArgument: Nothing to send, or the history cannot be continued and must not be rendered.
    """
    said = _last_answer(messages) + 1
    if conversation_id:
        planned = _continued(messages, said, Anchor(conversation_id, "", app), tips)
        if claim:
            tips.enter(conversation_id)
        return planned
    anchor = anchor_in(messages, mode=policy.mode, app=app)
    if anchor is not None and not anchor.edited:
        planned = _continued(messages, said, anchor, tips, history_apart=policy.history_apart)
        if tips.take(anchor, surely=policy.surely) if claim else tips.is_tip(anchor):
            return planned
    if policy.mode == "stateful" and said and not (anchor is None and policy.home):
        raise InvalidArgument(
            "this history does not end where its Dify conversation ends (an edited, repeated or foreign turn); "
            'start a new one, or use conversation="auto"'
        )
    if anchor is not None and policy.on_fork == "raise":
        raise InvalidArgument(
            "the Dify conversation of this history has gone on behind its last answer, or another turn is under way in it "
            '(an edited or repeated turn); on_fork="stateless" would say the history in a new one'
        )
    planned = _rendered(messages, said, history_apart=policy.history_apart)
    if anchor is None and policy.home:
        planned = replace(planned, conversation_id=policy.home)
        if claim:
            tips.enter(policy.home)
    return replace(planned, forked=anchor)


def _continued(messages: Sequence[Message], said: int, anchor: Anchor, tips: Tips, *, history_apart: bool = False) -> Plan:
    """A turn behind the answer: what follows it, and the system text when it has changed."""
    earlier, rest = messages[:said], messages[said:]
    system, told = _lasting(messages), anchor.system or tips.system_of(anchor.conversation_id)
    known = digest(system_text(system))
    if told and told == known:
        rest = [message for message in rest if message not in system]
    elif told != digest(system_text(_lasting(earlier))):
        rest = [*_lasting(earlier), *rest]
    seed = _before(messages, anchor.conversation_id) if history_apart else ()
    return Plan(anchor.conversation_id, render(rest), history=transcript(seed), system=known)


def _rendered(messages: Sequence[Message], said: int, *, history_apart: bool) -> Plan:
    """A turn that says everything."""
    system = digest(system_text(_lasting(messages)))
    earlier = [message for message in messages[:said] if message.role != "system"]
    rest = [*(message for message in messages[:said] if message.role == "system"), *messages[said:]]
    if not history_apart or not any(message.text.strip() or message.files for message in messages[said:]):
        return Plan("", render(messages), system=system)
    files = tuple(file for message in earlier for file in message.files)
    turn = render(rest)
    return Plan("", Turn(turn.query, (*files, *turn.files)), history=transcript(earlier), system=system)


def _lasting(messages: Sequence[Message]) -> list[Message]:
    """System messages that need to be said once."""
    return [message for message in messages if message.role == "system" and not message.every_turn]


def _before(messages: Sequence[Message], conversation_id: str) -> list[Message]:
    """What the conversation itself does not know: all up to the answer before its first question."""
    first = next(
        index
        for index, message in enumerate(messages)
        if message.anchor is not None and message.anchor.conversation_id == conversation_id
    )
    return [message for message in messages[: _last_answer(messages[:first]) + 1] if message.role != "system"]


def _last_answer(messages: Sequence[Message]) -> int:
    """Its index, -1 when there is none."""
    return max((index for index, message in enumerate(messages) if message.role == "assistant"), default=-1)
