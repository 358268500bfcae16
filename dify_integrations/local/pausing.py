"""A graph that waits for people: the frames of the pause, the wait, and how the run goes on.

The order of a resumed run is the recorded one: `workflow_started` (reason `resumption`), the human nodes again with their old
execution ids, what became of the forms, and the rest. Its task id stays; its clock starts again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .channel import Signal
from .ending import Ending
from .forms import Form
from .nodes import NodeTracker, SendData
from .pauses import Filled, Pause
from .run import Failed, Run
from .says import Fail, Node

_FOLLOWED_S = 5.0


class Pausing:
    """Pauses and resumes one run; `restart` sends what comes before the nodes of a resumed one."""

    def __init__(
        self, run: Run, nodes: NodeTracker, ending: Ending, send: SendData, restart: Callable[[], Awaitable[None]]
    ) -> None:
        self.forms: list[Form] = []
        self._run = run
        self._nodes = nodes
        self._ending = ending
        self._send = send
        self._restart = restart

    async def ask(self, pauses: Sequence[Pause]) -> tuple[Filled, ...]:
        """Pause until every form was submitted or has expired.

        Raises:
            Stopped: A stop was asked for meanwhile; Dify notices it when the run goes on.
            Failed: A value has a type that its input does not take.
        """
        asked = [await self._form(pause) for pause in pauses]
        self.forms = list(asked)
        try:
            while self.forms:
                await self._suspend()
                await self._go_on(await self._answered())
        finally:
            _take(asked)
        return tuple(form.filled or Filled() for form in asked)

    async def _form(self, say: Pause) -> Form:
        run, state = self._run, self._run.state
        node = await self._nodes.start(Node("human-input", say.title, id=say.id), self._send)
        token = state.new_id("form-token").replace("-", "")[:22]
        deadline = asyncio.get_running_loop().time() + say.expires_s
        form = Form(run, say, node, state.new_id("form"), token, state.now() + int(say.expires_s), deadline)
        state.forms[token] = form
        return form

    async def _suspend(self) -> None:
        """`human_input_required` for every form, `workflow_paused`, and the end of the client's stream."""
        run = self._run
        for form in self.forms:
            await self._send("human_input_required", form.definition)
        self._nodes.suspend()
        run.paused = True
        await self._ending.pause([form.definition for form in self.forms])
        run.publishes = True
        await run.channel.put(Signal.END)

    async def _answered(self) -> list[Form]:
        waits = {form: asyncio.ensure_future(_wait(form)) for form in self.forms}
        try:
            await asyncio.wait(waits.values(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits.values():
                wait.cancel()
        # A slow worker: whoever subscribes now still sees the pause, and then what follows it.
        if any(form.say.until_followed for form in self.forms):
            _take(self.forms)
            await self._run.topic.until_followed(_FOLLOWED_S)
        return [form for form in self.forms if form.filled]

    async def _go_on(self, done: Sequence[Form]) -> None:
        run = self._run
        run.paused, run.resumed = False, True
        run.begin()
        self._ending.resume()
        await self._restart()
        await run.pause(0)
        await self._nodes.resume(self._send)
        for form in done:
            await self._finish(form)
            self.forms.remove(form)
        _take(done)

    async def _finish(self, form: Form) -> None:
        filled = form.filled or Filled()
        _check_texts(form, filled)
        if filled.expired:
            about = {"node_id": form.node.node_id, "node_title": form.say.title}
            await self._send("human_input_form_timeout", {**about, "expiration_time": form.expires_at})
        else:
            echo = self._run.state.version.types_form_inputs
            await self._send("human_input_form_filled", form.submission(echo=echo))
        form.node.inputs = {name: _typed(value) for name, value in filled.inputs.items()}
        chosen = {"__action_id": filled.action, "__rendered_content": filled.text, "__action_value": form.action_title}
        form.node.outputs = {**filled.inputs, **chosen}
        await self._nodes.finish(self._send, form.node)


def _take(forms: Sequence[Form]) -> None:
    for form in forms:
        form.taken.set()


async def _wait(form: Form) -> None:
    try:
        await asyncio.wait_for(form.answered.wait(), form.deadline - asyncio.get_running_loop().time())
    except asyncio.TimeoutError:
        form.filled = form.filled or Filled(text=form.say.form_content, expired=True)


def _check_texts(form: Form, filled: Filled) -> None:
    # Dify takes any value when the form is submitted, and stumbles over it when the run goes on.
    for item in form.say.inputs:
        name = str(item["output_variable_name"])
        value = filled.inputs.get(name, "")
        if item.get("type") == "paragraph" and not isinstance(value, str):
            kind = type(value).__name__
            text = f"HumanInput file list input expects a string, output_variable_name={name}, got={kind}"
            raise Failed(Fail(text))


def _typed(value: Any) -> dict[str, Any]:
    kind = "string" if isinstance(value, str) else "file" if isinstance(value, dict) else "array[file]"
    return {"value_type": kind, "value": value}
