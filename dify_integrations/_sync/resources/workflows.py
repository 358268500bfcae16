# Generated from dify_integrations/_async/resources/workflows.py by .ci/twin.py; edit that file and run `make twin`.
"""Workflow apps and workflow runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...files import FileInput
from ...models.workflows import WorkflowLog, WorkflowLogPage, WorkflowRun
from ...operations import chat
from ...operations import workflows as operations
from ...operations.inputs import ResponseMode
from ...operations.paging import Numbers
from ...operations.uploads import Draft
from ...runs.blocking import fold_blocking
from ...runs.fold import Fold
from ...runs.result import RunResult
from ...runs.terminal import Shape
from ..paging import Pages
from ..resuming import Follower
from ..stream import Run
from ..uploads import send_draft

if TYPE_CHECKING:
    from ...core.operation import Operation
    from ..transport import Transport


class Workflows:
    """Runs of an app of mode `workflow`; `detail` serves chatflow runs too."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def stream(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        user: str | None = None,
        workflow_id: str | None = None,
        files: Sequence[FileInput] = (),
        trace_id: str | None = None,
        split_thinking: bool = False,
        resume: bool = False,
    ) -> Run:
        """Start a run and get it while it happens.

        Args:
            inputs: The start node's variables; a file variable takes a `FileInput`, a file list takes several. Local
                files are uploaded on the way.
            user: Your identifier of the end user, the client's unless given.
            workflow_id: A published version instead of the current one (Dify ≥ 1.7.2).
            files: Legacy `sys.files`; file variables belong into `inputs`.
            trace_id: 1 to 128 of `A-Za-z0-9_-` (Dify ≥ 1.7).
            split_thinking: Report `<think>…</think>` inside the text as reasoning.
            resume: Follow the run by its id when the stream breaks (Dify ≥ 1.14), at most three times. What was lost
                meanwhile is then known at the end of the run, and the rest of the text comes at once.

        Returns:
            A run, to be used with `with`; leaving early asks Dify to stop.

        Raises:
            InvalidArgument: Inputs that are no mapping, or no user.
        """
        name = self._transport.settings.user_for(user)
        build = partial(operations.run, user=name, workflow_id=workflow_id, trace_id=trace_id)
        return Run(
            self._transport,
            Draft(build, inputs=inputs, files=files),
            Fold(Shape.WORKFLOW, split_thinking=split_thinking),
            lambda task_id: operations.stop(task_id, user=name),
            user=name,
            follower=Follower(self._transport, name) if resume else None,
        )

    def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        user: str | None = None,
        workflow_id: str | None = None,
        files: Sequence[FileInput] = (),
        trace_id: str | None = None,
        split_thinking: bool = False,
        resume: bool = False,
        response_mode: ResponseMode = "streaming",
    ) -> RunResult:
        """Run the workflow and return its result; arguments as for `stream`.

        Args:
            inputs: The start node's variables.
            response_mode: `blocking` asks for one JSON answer; proxies cut it after about 100 s, and no steps are told.

        Returns:
            The result, values in `outputs`; a run that waits for a person has `status` `paused` and the forms in `pause`.

        Raises:
            RunFailed: A node failed; `result.steps` shows which.
            RunStopped: Somebody stopped it.
            StreamStalled: Dify 1.13 to 1.14.2 falls silent after inputs it refuses.
            StreamInterrupted: The stream broke off; the run itself goes on, see `detail`.
        """
        options: dict[str, Any] = {"workflow_id": workflow_id, "files": files, "trace_id": trace_id}
        if response_mode == "blocking":
            name = self._transport.settings.user_for(user)
            draft = Draft(partial(operations.run, user=name, response_mode=response_mode), inputs=inputs, **options)
            return fold_blocking(send_draft(self._transport, draft, name), Shape.WORKFLOW)
        return self.stream(inputs, user=user, split_thinking=split_thinking, resume=resume, **options).finish()

    def resume(
        self,
        workflow_run_id: str,
        *,
        user: str | None = None,
        include_state_snapshot: bool = True,
        continue_on_pause: bool = False,
        answered: Collection[str] = (),
        split_thinking: bool = False,
    ) -> Run:
        """Follow a run of a workflow or chatflow that was started before (Dify ≥ 1.14).

        For a run whose stream was lost, and to go on after the forms of a paused one were submitted. Servers send only
        what happens from now on; of a run that is over, its end. Leaving it early does not stop the run.

        Args:
            workflow_run_id: The run's id, such as `result.workflow_run_id` of a paused run.
            user: Who started the run; for anybody else it does not exist.
            include_state_snapshot: Begin with the steps so far, and a paused chatflow's answer so far.
            continue_on_pause: Read on through pauses instead of ending at the next one. Right after a form was
                submitted the server may still show the old pause, so ask for this then, or name the form in `answered`. A
                pause nobody answers ends the stream after about 300 s.
            answered: Tokens of the forms that were just submitted: read on through the old pause that shows one of them, and
                end at the next one.
            split_thinking: Report `<think>…</think>` inside the text as reasoning.

        Returns:
            A run, to be used with `with`. A chatflow's `text` is whole at its end; that of a workflow is what was
            sent from now on, its `outputs` are whole. A finished chatflow tells the answer as the model gave it, also
            when moderation replaced it: read `dify.messages` for what the user saw.

        Raises:
            InvalidArgument: An id that cannot be sent, or no user.
        """
        name = self._transport.settings.user_for(user)
        reads_on = continue_on_pause or bool(answered)
        build = partial(operations.events, workflow_run_id, user=name, continue_on_pause=reads_on)
        # Without a snapshot ≤ 1.14.2 never closes such a stream, but the run's own end ends the reading here.
        fold = Fold(
            Shape.EVENTS,
            split_thinking=split_thinking,
            pause_ends=not continue_on_pause,
            answered=answered,
            snapshot=include_state_snapshot,
        )
        draft = Draft(build, include_state_snapshot=include_state_snapshot)

        def stop(task_id: str) -> Operation[None]:
            return (chat.stop if fold.result().message_id else operations.stop)(task_id, user=name)

        return Run(self._transport, draft, fold, stop, user=name, stops_on_close=False)

    def stop(self, task_id: str, *, user: str | None = None) -> None:
        """Ask Dify to stop a run; it ends within about a second. Unknown task ids succeed too.

        Args:
            task_id: From any event.
            user: Required by the API, not compared with the run's.

        Raises:
            InvalidArgument: No task id or no user.
        """
        self._transport.send(operations.stop(task_id, user=self._transport.settings.user_for(user)))

    def detail(self, workflow_run_id: str) -> WorkflowRun:
        """Look a run up.

        Args:
            workflow_run_id: From any event behind `workflow_started`, or from an interrupted run's `ids`.

        Returns:
            Its state. Dify 0.15 knows workflow apps' runs only.

        Raises:
            NotFound: No such run.
        """
        return self._transport.send(operations.detail(workflow_run_id))

    def logs(
        self,
        *,
        keyword: str | None = None,
        status: str | None = None,
        created_at_before: datetime | str | None = None,
        created_at_after: datetime | str | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        page: int = 1,
        limit: int = 20,
    ) -> WorkflowLogPage:
        """One page of the runs of a workflow app, newest first; an app of another mode has none, without an error.

        Args:
            keyword: Only runs with this text in their inputs, outputs or user.
            status: `succeeded`, `failed` or `stopped`. Servers up to 1.14.2 refuse others, and Dify ≤ 1.12 does not
                notice that a run was stopped.
            created_at_before: Only runs up to then: a datetime with a time zone, or ISO 8601 text.
            created_at_after: Only runs from then on, in the same way.
            created_by_end_user_session_id: Only runs of this `user`.
            created_by_account: Only runs of the member of the workspace with this email address.
            page: From 1.
            limit: 1 to 100.

        Returns:
            The page, without inputs and outputs; see `detail`. A server ignores filters that are younger than it is.

        Raises:
            BadRequest: A status, time or account the server does not know.
            InvalidArgument: Another page or limit, or a datetime without a time zone.
        """
        operation = operations.logs(
            keyword=keyword,
            status=status,
            created_at_before=created_at_before,
            created_at_after=created_at_after,
            created_by_end_user_session_id=created_by_end_user_session_id,
            created_by_account=created_by_account,
            page=page,
            limit=limit,
        )
        return self._transport.send(operation)

    def iterate_logs(
        self,
        *,
        keyword: str | None = None,
        status: str | None = None,
        created_at_before: datetime | str | None = None,
        created_at_after: datetime | str | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        limit: int = 100,
    ) -> Pages[WorkflowLog]:
        """Every run of a workflow app, newest first, read page by page as they are needed.

        Args:
            keyword: As for `logs`, like the other filters.
            status: As for `logs`.
            created_at_before: As for `logs`. Give it to keep runs that start meanwhile from moving the pages.
            created_at_after: As for `logs`.
            created_by_end_user_session_id: As for `logs`.
            created_by_account: As for `logs`.
            limit: Runs per page, 1 to 100.

        Returns:
            The runs, lazily; the errors of `logs` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        filters: dict[str, Any] = {
            "keyword": keyword,
            "status": status,
            "created_at_before": created_at_before,
            "created_at_after": created_at_after,
            "created_by_end_user_session_id": created_by_end_user_session_id,
            "created_by_account": created_by_account,
        }
        return Pages(
            self._transport,
            lambda: Numbers(limit),
            lambda cursor: operations.logs(**filters, page=int(cursor), limit=limit),
        )
