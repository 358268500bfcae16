# Generated from dify_integrations/_async/resources/chat.py by .ci/twin.py; edit that file and run `make twin`.
"""Chat, agent and chatflow apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...files import FileInput
from ...models.messages import SuggestedQuestions
from ...operations import chat as operations
from ...operations.inputs import ResponseMode
from ...operations.uploads import Draft
from ...runs.blocking import fold_blocking
from ...runs.fold import Fold
from ...runs.result import RunResult
from ...runs.terminal import Shape
from ..resuming import Follower
from ..stream import Run
from ..uploads import send_draft

if TYPE_CHECKING:
    from ..transport import Transport


class Chat:
    """Turns of a conversation, for apps of mode `chat`, `agent-chat`, `advanced-chat` (chatflow) and `agent`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def stream(
        self,
        query: str,
        *,
        user: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        conversation_id: str = "",
        files: Sequence[FileInput] = (),
        auto_generate_name: bool | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        split_thinking: bool = False,
        audio: bool = False,
        resume: bool = False,
    ) -> Run:
        """Start a chat turn and get it while it is being written.

        The request goes out when the run is entered, iterated or opened.

        Args:
            query: The user's words. Dify keeps the history; do not send earlier turns again.
            user: Your identifier of the end user, the client's unless given. Uploads, stop and history need the same.
            inputs: The app's variables. Dify ≥ 1.0 checks required ones on every turn; misspelled names are dropped
                without an error. A file variable takes a `FileInput`, a file list several.
            conversation_id: Empty starts a conversation; the new id is on the events and on the result.
            files: For apps that accept files; others ignore them without an error. Local ones are uploaded on the way.
            auto_generate_name: `False` saves Dify a model call that titles a new conversation.
            workflow_id: A chatflow's published version (Dify ≥ 1.7.2).
            trace_id: 1 to 128 of `A-Za-z0-9_-` (Dify ≥ 1.7).
            split_thinking: Report `<think>…</think>` inside the answer as reasoning.
            audio: Read on behind the answer until the speech of an app with auto-play is complete.
            resume: Follow a chatflow's run by its id when the stream breaks (Dify ≥ 1.14), at most three times. What was
                lost meanwhile is then known at the end of the run, and the rest of the text comes at once.

        Returns:
            A run, to be used with `with`; leaving early asks Dify to stop.

        Raises:
            InvalidArgument: An empty query or no user.
        """
        name = self._transport.settings.user_for(user)
        draft = Draft(
            partial(operations.send, query, user=name),
            inputs=inputs,
            conversation_id=conversation_id,
            files=files,
            auto_generate_name=auto_generate_name,
            workflow_id=workflow_id,
            trace_id=trace_id,
        )
        return Run(
            self._transport,
            draft,
            Fold(Shape.MESSAGE, split_thinking=split_thinking, want_audio=audio),
            lambda task_id: operations.stop(task_id, user=name),
            user=name,
            follower=Follower(self._transport, name) if resume else None,
        )

    def send(
        self,
        query: str,
        *,
        user: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        conversation_id: str = "",
        files: Sequence[FileInput] = (),
        auto_generate_name: bool | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        split_thinking: bool = False,
        audio: bool = False,
        resume: bool = False,
        response_mode: ResponseMode = "streaming",
    ) -> RunResult:
        """Do a chat turn and return the whole of it.

        Streams on the wire even so: agent apps know no other way, and proxies cut silent requests.

        Args:
            query: See `stream`, as for the other arguments.
            response_mode: `blocking` asks for one JSON answer; there is then nothing to stop, and no steps.

        Returns:
            The result; a chatflow that waits for a person has `status` `paused` and the forms in `pause`.

        Raises:
            ConversationNotFound: Unknown id, or known under another `user` or key.
            TooManyRequests: Still refused after the configured retries.
            RunFailed: The chatflow failed; `result` holds what there is.
            ProviderError: The model failed.
            StreamInterrupted: The answer broke off; `partial` holds what had arrived.
        """
        options: dict[str, Any] = {
            "inputs": inputs,
            "conversation_id": conversation_id,
            "files": files,
            "auto_generate_name": auto_generate_name,
            "workflow_id": workflow_id,
            "trace_id": trace_id,
        }
        if response_mode == "blocking":
            name = self._transport.settings.user_for(user)
            draft = Draft(partial(operations.send, query, user=name, response_mode=response_mode), **options)
            return fold_blocking(send_draft(self._transport, draft, name), Shape.MESSAGE)
        run = self.stream(query, user=user, split_thinking=split_thinking, audio=audio, resume=resume, **options)
        return run.finish()

    def stop(self, task_id: str, *, user: str | None = None) -> None:
        """Ask Dify to stop a turn; it ends within about a second with what it has.

        Args:
            task_id: From any event of the turn.
            user: The turn's user; with another one chat and agent apps go on, and nothing says so.

        Raises:
            InvalidArgument: No task id or no user.
        """
        self._transport.send(operations.stop(task_id, user=self._transport.settings.user_for(user)))

    def suggested(self, message_id: str, *, user: str | None = None) -> SuggestedQuestions:
        """What the user might ask next; the server asks a model for it at every call.

        Args:
            message_id: The last answer's turn.
            user: The turn's user, the client's unless given.

        Returns:
            The questions, in `data`.

        Raises:
            BadRequest: The app does not suggest questions (`bad_request`).
            NotFound: Unknown message, or another user's.
        """
        name = self._transport.settings.user_for(user)
        return self._transport.send(operations.suggested(message_id, user=name))
