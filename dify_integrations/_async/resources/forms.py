"""Forms of runs that wait for a person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...models.forms import Form
from ...operations import forms as operations
from ...operations.uploads import Draft
from ..uploads import send_draft

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncForms:
    """Forms of workflow and chatflow runs that wait for a person (Dify ≥ 1.14)."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, form_token: str) -> Form:
        """A form as a person should see it.

        Args:
            form_token: From the paused run: `result.pause.forms[0].form_token`. A form that is not delivered to the web
                app has a token this call does not know.

        Returns:
            The form, its text with values filled in.

        Raises:
            NotFound: No such form, or not one of this app.
            Conflict: It was submitted already (`human_input_form_submitted`) or has expired (`human_input_form_expired`).
            EndpointNotAvailable: Dify before 1.14.
        """
        return await self._transport.send(operations.get(form_token))

    async def submit(
        self, form_token: str, *, action: str, inputs: Mapping[str, Any] | None = None, user: str | None = None
    ) -> None:
        """Answer a form; the run goes on at once, by itself. Sent once, never repeated by itself.

        Follow the run with `dify.workflows.resume(run_id, answered=[form_token])`.

        Args:
            form_token: The form's token.
            action: Id of the button, one of `user_actions`.
            inputs: Values by `output_variable_name`; every field needs one. Dify checks less than one would think: a
                number for a paragraph is accepted and fails the run later. File fields (servers after 1.14.2) take a
                `FileInput`; local files are uploaded on the way.
            user: Who answers. Dify accepts anybody.

        Raises:
            BadRequest: A field is missing or has a wrong value (`invalid_form_data`); the form stays open.
            NotFound: No such form.
            Conflict: It was submitted already or has expired.
        """
        name = self._transport.settings.user_for(user)
        draft = Draft(partial(operations.submit, form_token, action=action, user=name), inputs=inputs)
        await send_draft(self._transport, draft, name)
