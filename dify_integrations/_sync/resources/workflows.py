# Generated from dify_integrations/_async/resources/workflows.py by .ci/twin.py; edit that file and run `make twin`.
"""Workflow apps and workflow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...files import FileInput
from ...models.workflows import WorkflowRun
from ...operations import workflows as operations
from ...operations.inputs import ResponseMode
from ...runs.blocking import fold_blocking
from ...runs.fold import Fold
from ...runs.result import RunResult
from ...runs.terminal import Shape
from ..stream import Run

if TYPE_CHECKING:
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
    ) -> Run:
        """Start a run and get it while it happens.

        Args:
            inputs: The start node's variables; a file variable takes a `FileInput`, a file list takes several.
            user: Your identifier of the end user, the client's unless given.
            workflow_id: A published version instead of the current one (Dify ≥ 1.7.2).
            files: Legacy `sys.files`; file variables belong into `inputs`.
            trace_id: 1 to 128 of `A-Za-z0-9_-` (Dify ≥ 1.7).
            split_thinking: Report `<think>…</think>` inside the text as reasoning.

        Returns:
            A run, to be used with `with`; leaving early asks Dify to stop.

        Raises:
            InvalidArgument: Inputs that are no mapping, no user, or a local file that was not uploaded.
        """
        name = self._transport.settings.user_for(user)
        operation = operations.run(inputs, user=name, workflow_id=workflow_id, files=files, trace_id=trace_id)
        fold = Fold(Shape.WORKFLOW, split_thinking=split_thinking)
        return Run(self._transport, operation, fold, lambda task_id: operations.stop(task_id, user=name))

    def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        user: str | None = None,
        workflow_id: str | None = None,
        files: Sequence[FileInput] = (),
        trace_id: str | None = None,
        split_thinking: bool = False,
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
            operation = operations.run(inputs, user=name, response_mode=response_mode, **options)
            return fold_blocking(self._transport.send(operation), Shape.WORKFLOW)
        return self.stream(inputs, user=user, split_thinking=split_thinking, **options).finish()

    def stop(self, task_id: str, *, user: str | None = None) -> None:
        """Ask Dify to stop a run; it ends within about a second. Unknown task ids succeed too.

        Args:
            task_id: From any event.
            user: Required by the API, not compared with the run's.
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
