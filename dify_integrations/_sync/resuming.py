# Generated from dify_integrations/_async/resuming.py by .ci/twin.py; edit that file and run `make twin`.
"""A run whose stream broke off, followed by its id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from ..errors import APIError, DifyError, ProtocolError, StreamInterrupted, TransportError
from ..operations import messages, workflows
from ..runs.resumption import Resumption
from .waiting import within

if TYPE_CHECKING:
    from ..core.operation import Operation
    from ..events.base import Event
    from ..models.workflows import WorkflowRun
    from .transport import Body, Transport

T = TypeVar("T")


class Follower:
    """Follows one run over the breaks of its streams.

    Args:
        transport: Sends.
        user: Who started the run; nobody else may follow it.
    """

    def __init__(self, transport: Transport, user: str) -> None:
        self._transport = transport
        self._user = user
        self._joint = Resumption()
        self._settled = False
        self._left: Callable[[], float | None] = lambda: None

    @property
    def over(self) -> bool:
        """Whether the run's last event has come, or that of its pause."""
        return self._joint.over

    def taking(self, pick: Callable[[Event], Sequence[T]]) -> Callable[[Event], Sequence[T]]:
        """`pick` for events that were not told before."""
        return lambda event: [out for told in self._joint.admit(event) for out in pick(told)]

    def follow(self, error: StreamInterrupted, left: Callable[[], float | None]) -> Body | None:
        """Open the run's events behind a break.

        Args:
            error: The break.
            left: Tells the seconds left of the whole-run limit, `None` without one.

        Returns:
            The open stream, or `None` when the run is over and its detail tells how.

        Raises:
            StreamInterrupted: `error`, when the run cannot be followed.
        """
        self._left = left
        if not self._joint.broke():
            raise error
        try:
            events = workflows.events(self._joint.run_id, user=self._user, include_state_snapshot=True)
            answer = self._transport.open(events, left())
        except TransportError as failure:
            raise error from failure
        except (APIError, ProtocolError) as refusal:
            if not self._joint.settle(self._detail()):
                raise error from refusal
            self._settled = True
            return None
        body: Body = answer.stream
        return body

    def conclude(self) -> Sequence[Event]:
        """The last events of a run that was followed, confirmed by its detail; `()` of one that was not."""
        if self._joint.finished is not None and not self._settled:
            self._joint.settle(self._detail())
        return self._joint.conclude(self._stored_answer() if self.over else None)

    def must_be_whole(self) -> None:
        """Refuse to pass off a text with a hole as the run's.

        Raises:
            StreamInterrupted: Text that was sent during a break is not among the run's outputs.
        """
        if self._joint.text_lost:
            raise StreamInterrupted(
                "the run is over, but text it sent while the connection was broken cannot be told from its outputs; "
                "partial.outputs is complete, partial.text ends at the break"
            )

    def _stored_answer(self) -> str | None:
        """The answer of a chatflow's turn as its user may see it."""
        if self._joint.message is None:
            return None
        conversation_id, message_id = self._joint.message
        page = self._asked(messages.page(conversation_id, user=self._user))
        return next((turn.answer for turn in page.data if turn.id == message_id), None) if page is not None else None

    def _detail(self) -> WorkflowRun | None:
        return self._asked(workflows.detail(self._joint.run_id))

    def _asked(self, operation: Operation[T]) -> T | None:
        """The answer, `None` when there is none in time."""
        left = self._left()
        try:
            return within(left, lambda: self._transport.send(operation, left))
        except (DifyError, TimeoutError):
            return None
