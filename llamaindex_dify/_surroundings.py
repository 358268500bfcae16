"""The workflow or agent that a tool is called in: who it is, what it keeps for us, how it is told what happens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from llama_index.core.workflow import Context
from workflows.context.state_store import DictState
from workflows.errors import WorkflowRuntimeError

SLOT = "dify"
"""The one name in a workflow's state that is ours."""


def running_context() -> Context[Any] | None:
    """The workflow whose step runs this code, if there is one."""
    find = getattr(Context, "get_step_context", None)  # newer than the oldest release we work with
    try:
        return find() if find is not None else None
    except WorkflowRuntimeError:
        return None


def tool_call_id() -> str:
    """The id of the agent's tool call that this code answers; `""` outside of an agent."""
    return str(getattr(getattr(step_worker(), "event", None), "tool_id", "") or "")


def call_key(name: str, arguments: Mapping[str, Any]) -> str:
    """Names one call of a tool, the same when the step is run again from its top.

    Args:
        name: The tool's.
        arguments: The call's.
    """
    which = tool_call_id() or getattr(getattr(step_worker(), "state", None), "work_item_id", None) or ""
    text = json.dumps([name, which, arguments], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def step_worker() -> Any:
    """What core knows of the run of the step that runs this code; `None` outside of one."""
    # Core hands neither the call nor the step to a tool, so this looks where `Context.get_step_context` looks.
    try:
        from workflows.runtime.types.results import StepWorkerStateContextVar
    except ImportError:
        return None
    return StepWorkerStateContextVar.get(None)


class Kept:
    """Values by key that a workflow keeps for us in its state, and with it in `Context.to_dict`.

    Args:
        context: The running workflow.
        section: Whose values.
    """

    def __init__(self, context: Context[Any], section: str) -> None:
        self._store = context.store
        self._section = section

    async def possible(self) -> bool:
        """Whether the state has a place for it: a state of the user's own class needs a field `dify: dict`."""
        state = await self._store.get_state()
        return isinstance(state, DictState) or hasattr(state, SLOT)

    async def get(self, key: str) -> Any:
        """The value, or `None`."""
        return ((await self._store.get(SLOT, default=None) or {}).get(self._section) or {}).get(key)

    async def put(self, key: str, value: Any) -> None:
        """Keep a value."""
        async with self._edited() as values:
            values[key] = value

    async def pop(self, key: str) -> Any:
        """The value, or `None`; it is not kept any longer."""
        if await self.get(key) is None:
            return None
        async with self._edited() as values:
            return values.pop(key, None)

    async def drop(self, keys: Collection[str]) -> None:
        """Keep none of these any longer; costs the same for many."""
        kept = (await self._store.get(SLOT, default=None) or {}).get(self._section) or {}
        if any(key in keys for key in kept):
            async with self._edited() as values:
                for key in [key for key in values if key in keys]:
                    del values[key]

    @asynccontextmanager
    async def _edited(self) -> AsyncIterator[dict[str, Any]]:
        async with self._store.edit_state() as state:
            kept = dict(getattr(state, SLOT, None) or {})
            values = dict(kept.get(self._section) or {})
            yield values
            setattr(state, SLOT, {**kept, self._section: values})
