"""One turn of a conversation, from the question whether it may go on there to what is remembered of it. Knows no framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import ConversationNotFound, NotFound, RunStopped
from .conversation import Plan, Policy, Tip, Tips, anchor_in, plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .._async.client import AsyncDify
    from .._async.stream import AsyncRun
    from .._sync.client import Dify
    from .._sync.stream import Run
    from ..models.messages import MessagePage
    from ..runs.result import RunResult
    from .turn import Message


class TurnTaking:
    """Takes a history's next turn. Whoever began one ends it, however it went.

    Args:
        parts: All of the history, oldest first.
        policy: How it is sent.
        app: Fingerprint of the app that is asked, and of its user.
        tips: What is known about newer answers.
        conversation_id: Continue this conversation, whatever the history says.
        verify: Ask Dify whether the history is complete: always, never, or when this process cannot tell.

    Attributes:
        lost: The conversation that the history would have gone on in, had Dify not forgotten it.
    """

    def __init__(
        self,
        parts: Sequence[Message],
        *,
        policy: Policy,
        app: str,
        tips: Tips,
        conversation_id: str = "",
        verify: bool | None = None,
    ) -> None:
        self._parts = parts
        self._policy = replace(policy, surely=verify is not False)
        self._app = app
        self._tips = tips
        self._conversation_id = conversation_id
        self._verify = verify
        self._seen: Tip | None = None
        self._plan: Plan | None = None
        self.lost = ""

    def ask(self, dify: Dify, user: str | None) -> None:
        """Ask Dify whether the history ends where its conversation does, if only Dify can tell.

        Args:
            dify: Client of the app.
            user: Whose conversation it is.
        """
        question = self._question(user)
        if question is not None:
            try:
                self._hear(dify.messages.list(**question))
            except NotFound:
                self._hear(None)

    async def aask(self, dify: AsyncDify, user: str | None) -> None:
        """As `ask`, without blocking."""
        question = self._question(user)
        if question is not None:
            try:
                self._hear(await dify.messages.list(**question))
            except NotFound:
                self._hear(None)

    def _question(self, user: str | None) -> dict[str, Any] | None:
        """Arguments of `messages.list`, when the server must be asked."""
        if self._verify is False or self._conversation_id:
            return None
        anchor = anchor_in(self._parts, mode=self._policy.mode, app=self._app)
        if anchor is None or not (self._verify or self._tips.doubts(anchor)):
            return None
        self._seen = self._tips.seen(anchor.conversation_id)
        return {"conversation_id": anchor.conversation_id, "user": user, "limit": 1}

    def _hear(self, page: MessagePage | None) -> None:
        """Take note of the server's answer; `None` when it knows no such conversation."""
        anchor = anchor_in(self._parts, mode=self._policy.mode, app=self._app)
        if anchor is not None:
            newest = page.data[-1].id if page is not None and page.data else ""
            self._tips.heard(anchor.conversation_id, newest, self._seen)
            self.lost = anchor.conversation_id if page is None else ""

    def begin(self) -> Plan:
        """How to send the turn; from now on no other turn goes into its conversation, until `end`.

        Raises:
            InvalidArgument: There is nothing to say, or the conversation must not be continued and the policy refuses to
                begin another.
        """
        self._plan = self._planned(claim=True)
        return self._plan

    @property
    def can_lose(self) -> bool:
        """Whether the turn goes on in a conversation that it could do without: the history is at hand, and may be said anew."""
        planned, policy = self._plan, self._policy
        if planned is None or self._conversation_id or policy.mode != "auto" or policy.on_fork == "raise":
            return False
        anchor = anchor_in(self._parts, mode=policy.mode, app=self._app)
        return anchor is not None and anchor.conversation_id == planned.conversation_id

    def lose(self) -> None:
        """Dify has forgotten the turn's conversation; `begin` again says the history in a new one."""
        planned, self._plan = self._plan, None
        if planned is not None:
            self.lost = planned.conversation_id
            self._tips.moved(self.lost, "")
            self._tips.leave(self.lost)

    @property
    def system(self) -> str:
        """Digest of the system text that the conversation knows with this turn."""
        return self._plan.system if self._plan is not None else ""

    def end(self, result: RunResult | None) -> None:
        """However the run ended, its conversation has moved on: a repeated turn must not be put behind this one.

        Args:
            result: What is known of the run; `None` when it never began.
        """
        planned, self._plan = self._plan, None
        if planned is None:
            return
        if result is not None and result.conversation_id and result.message_id:
            self._tips.moved(result.conversation_id, result.message_id, planned.system)
        elif planned.conversation_id:
            self._tips.lost(planned.conversation_id)
        if planned.conversation_id:
            self._tips.leave(planned.conversation_id)

    def _planned(self, *, claim: bool) -> Plan:
        return plan(
            self._parts,
            policy=self._policy,
            app=self._app,
            tips=self._tips,
            conversation_id=self._conversation_id,
            claim=claim,
        )


def started(turn: TurnTaking, start: Callable[[Plan], Run]) -> Run:
    """The run of a turn; of a second try, with all of the history, when Dify does not know its conversation any more.

    Args:
        turn: The turn; its end is the caller's business.
        start: Makes the run of a plan.

    Returns:
        The run, perhaps open: enter it with `with`.

    Raises:
        InvalidArgument: As `TurnTaking.begin`.
        DifyError: The conversation cannot be asked.
    """
    run = start(turn.begin())
    if turn.can_lose:
        try:
            run.open()
        except ConversationNotFound:
            turn.lose()
            return start(turn.begin())
        except RunStopped:
            return run  # whoever enters it is told
    return run


async def astarted(turn: TurnTaking, start: Callable[[Plan], Awaitable[AsyncRun]]) -> AsyncRun:
    """As `started`, without blocking."""
    run = await start(turn.begin())
    if turn.can_lose:
        try:
            await run.open()
        except ConversationNotFound:
            turn.lose()
            return await start(turn.begin())
        except RunStopped:
            return run
    return run
