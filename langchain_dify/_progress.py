"""Steps of a run in LangGraph's custom stream, for user interfaces: small dictionaries, as things happen.

Outside a graph nothing is told and nothing imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from dify_integrations import Paused, StepFinished, StepStarted

if TYPE_CHECKING:
    from dify_integrations import Item, Step

Tell = Callable[["Item"], None]
SHOWN: frozenset[type] = frozenset({StepStarted, StepFinished, Paused})


def progress_of(config: RunnableConfig, about: Mapping[str, Any]) -> Tell | None:
    """Tells items to the custom stream of the LangGraph graph around the call; `None` outside a graph.

    Args:
        config: The call's.
        about: Who tells; part of every dictionary.
    """
    if "langgraph.config" not in sys.modules:  # whoever runs a graph has imported it
        return None
    from langgraph.config import get_stream_writer

    try:
        with surrounded_by(config):
            write = get_stream_writer()
    except (KeyError, RuntimeError):
        return None

    def tell(item: Item) -> None:
        if (shown := _shown(item)) is not None:
            with surrounded_by(config):  # whose step it is, is asked when it is written
                write({**shown, **about})

    return tell


@contextmanager
def surrounded_by(config: RunnableConfig) -> Iterator[None]:
    """What LangGraph takes for the config of the surrounding step.

    In a coroutine on Python 3.10 nobody else says so; and the config of a call is merged with that one.
    """
    token = var_child_runnable_config.set(config)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _shown(item: Item) -> dict[str, Any] | None:
    if isinstance(item, StepStarted):
        return {"type": "dify.step_started", **_step(item.step)}
    if isinstance(item, StepFinished):
        step = item.step
        more = {"error": step.error} if step.error else {}
        return {"type": "dify.step_finished", **_step(step), "elapsed_s": step.elapsed_s, **more}
    if isinstance(item, Paused):
        nodes = [form.node_title for form in item.forms]
        return {"type": "dify.paused", "workflow_run_id": item.workflow_run_id, "nodes": nodes}
    return None


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.title or step.type or step.kind,
        "kind": step.kind,
        "node_type": step.type,
        "id": step.id,
        "parent_id": step.parent_id,
        "index": step.index,
        "status": step.status,
    }
