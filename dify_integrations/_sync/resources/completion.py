# Generated from dify_integrations/_async/resources/completion.py by .ci/twin.py; edit that file and run `make twin`.
"""Completion (text generator) apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...files import FileInput
from ...operations import completion as operations
from ...operations.inputs import ResponseMode
from ...operations.uploads import Draft
from ...runs.blocking import fold_blocking
from ...runs.fold import Fold
from ...runs.result import RunResult
from ...runs.terminal import Shape
from ..stream import Run
from ..uploads import send_draft

if TYPE_CHECKING:
    from ..transport import Transport


class Completion:
    """Texts from an app of mode `completion`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def stream(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        user: str | None = None,
        query: str = "",
        files: Sequence[FileInput] = (),
        trace_id: str | None = None,
        split_thinking: bool = False,
        audio: bool = False,
    ) -> Run:
        """Start a text and get it while it is being written.

        Args:
            inputs: The app's variables, by name.
            user: Your identifier of the end user, the client's unless given.
            query: Legacy; overrides `inputs["query"]` but does not satisfy a required variable of that name.
            files: For apps that accept files. Local ones are uploaded on the way.
            trace_id: 1 to 128 of `A-Za-z0-9_-` (Dify ≥ 1.7).
            split_thinking: Report `<think>…</think>` inside the text as reasoning.
            audio: Read on until the speech of an app with auto-play is complete.

        Returns:
            A run, to be used with `with`; leaving early asks Dify to stop.

        Raises:
            InvalidArgument: Inputs that are no mapping, or no user.
        """
        name = self._transport.settings.user_for(user)
        draft = Draft(partial(operations.send, user=name, query=query, trace_id=trace_id), inputs=inputs, files=files)
        fold = Fold(Shape.MESSAGE, split_thinking=split_thinking, want_audio=audio)
        return Run(self._transport, draft, fold, lambda task_id: operations.stop(task_id, user=name), user=name)

    def send(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        user: str | None = None,
        query: str = "",
        files: Sequence[FileInput] = (),
        trace_id: str | None = None,
        split_thinking: bool = False,
        audio: bool = False,
        response_mode: ResponseMode = "streaming",
    ) -> RunResult:
        """Write a text and return the whole of it; arguments as for `stream`.

        Args:
            inputs: The app's variables, by name.
            response_mode: `blocking` asks for one JSON answer.

        Returns:
            The result, with usage.

        Raises:
            ProviderError: The model failed.
            StreamInterrupted: The text broke off; `partial` holds what had arrived.
        """
        options: dict[str, Any] = {"query": query, "files": files, "trace_id": trace_id}
        if response_mode == "blocking":
            name = self._transport.settings.user_for(user)
            draft = Draft(partial(operations.send, user=name, response_mode=response_mode), inputs=inputs, **options)
            return fold_blocking(send_draft(self._transport, draft, name), Shape.MESSAGE)
        return self.stream(inputs, user=user, split_thinking=split_thinking, audio=audio, **options).finish()

    def stop(self, task_id: str, *, user: str | None = None) -> None:
        """Ask Dify to stop a text; with another `user` than the text's own nothing happens, and nothing says so.

        Args:
            task_id: From any event.
            user: The text's user.

        Raises:
            InvalidArgument: No task id or no user.
        """
        self._transport.send(operations.stop(task_id, user=self._transport.settings.user_for(user)))
