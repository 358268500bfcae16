"""How a call stands whose run waits for a person: what is done, what comes next.

It is plain data, so that whoever goes on with it, in whatever process, starts nothing and submits nothing twice. Where it
is kept and how the person is asked is the framework's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

from typing_extensions import NotRequired, TypedDict

from ..errors import BadRequest, Conflict, InvalidArgument, NotFound
from .answers import answers_of
from .record import pause_record

if TYPE_CHECKING:
    from .. import AsyncDify
    from ..errors import APIError, StreamInterrupted
    from ..runs.result import RunResult

Change = dict[str, Any]
"""What a step changes of a `Stand`."""

NextStep = Literal["ask", "submit", "follow", "end"]

ANSWERED_ELSEWHERE: Final = (Conflict,)
"""Of a submission: answered by somebody else, or expired. The run goes on either way."""
REFUSED: Final = (BadRequest, NotFound)
"""Of a submission: Dify does not take the answer, and the form stays open."""


class Stand(TypedDict):
    """How a call stands.

    Attributes:
        key: Which call this is.
        user: Who started the run, and alone can follow it.
        run_id: The run's id.
        pause: The forms it waits for, `None` when it does not.
        answers: What is still to be submitted.
        answered: Tokens of the forms that were.
        error: Why the last answer was refused.
        output: What the call gives, once the run is over.
    """

    key: str
    user: str | None
    run_id: str
    pause: dict[str, Any] | None
    answers: list[dict[str, Any]]
    answered: list[str]
    error: str | None
    output: NotRequired[Any]


def begun(key: str, user: str | None) -> Change:
    """A new call."""
    return {"key": key, "user": user, "answered": [], "pause": None, "error": None}


def reached(result: RunResult, output: Callable[[RunResult], Any]) -> Change:
    """The run was followed to its end or its next pause.

    Args:
        result: The run.
        output: What the call gives for a run that is over, as JSON values.
    """
    if result.pause is None:
        return {"pause": None, "output": output(result)}
    return {"pause": pause_record(result), "run_id": result.workflow_run_id or result.pause.workflow_run_id}


def broke(error: StreamInterrupted) -> Change:
    """The stream broke and the run goes on: it is followed, not started again.

    Raises:
        StreamInterrupted: The same one, when it does not tell the run's id.
    """
    if not error.ids.get("workflow_run_id"):
        raise error
    return {"run_id": error.ids["workflow_run_id"]}


def asked(stand: Stand, given: object) -> Change:
    """The person has answered; what cannot be an answer is told in `error`."""
    forms = (stand["pause"] or {})["forms"]
    try:
        answers = answers_of(forms, given)
    except InvalidArgument as refused:
        return {"error": str(refused)}
    tokens = [form["form_token"] for form in forms]
    return {
        "error": None,
        "answers": [asdict(answer) for answer in answers],
        "answered": stand["answered"] + ([] if answers else tokens),
    }


def submitted(stand: Stand) -> Change:
    """The first of the answers was submitted."""
    first, *others = stand["answers"]
    return {"answers": others, "answered": [*stand["answered"], first["form_token"]]}


def refused(stand: Stand, error: APIError) -> Change:
    """Dify did not take the answer: the person is asked again, for the forms that are still open."""
    pause = stand["pause"] or {}
    forms = [form for form in pause["forms"] if form["form_token"] not in stand["answered"]]
    return {"answers": [], "error": f"Dify refused the answer: {error.message}", "pause": {**pause, "forms": forms}}


async def asubmit(client: AsyncDify, stand: Stand, user: str | None) -> Change:
    """Send the first of the answers, in the name of the user; a refusal is kept to be told, every other failure is raised."""
    try:
        await client.forms.submit(**stand["answers"][0], user=user)
    except ANSWERED_ELSEWHERE:
        pass
    except REFUSED as error:
        return refused(stand, error)
    return submitted(stand)


def next_step(stand: Stand) -> NextStep:
    """What comes next."""
    if "output" in stand:
        return "end"
    if stand.get("answers"):
        return "submit"
    pause = stand.get("pause")
    open_forms = pause is not None and not {form["form_token"] for form in pause["forms"]} & set(stand["answered"])
    return "ask" if stand.get("error") or open_forms else "follow"
