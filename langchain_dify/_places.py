"""Where in LangGraph a call that can be interrupted stands: whether it could be resumed at all, and where its steps are kept.

LangGraph has no public way to ask either; the private names are here and nowhere else.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig

from dify_integrations import InvalidArgument

_CHECKPOINTER: Final = "__pregel_checkpointer"
_SCRATCHPAD: Final = "__pregel_scratchpad"
_CALL: Final = "__pregel_call"
_RUNTIME: Final = "__pregel_runtime"
_STREAM: Final = "__pregel_stream"
_REMEMBERED: Final = 10_000
_STEPS: Final = 1_000_000

Place = tuple[str, str]
_busy: set[Place] = set()
_made: OrderedDict[Place, tuple[Any, int, int]] = OrderedDict()
_lock = threading.Lock()


@contextmanager
def alone(config: RunnableConfig, key: str) -> Iterator[RunnableConfig]:
    """The config for the inner graph of a call. Refuses what could not be resumed, before anything is started.

    The inner graph's steps are nobody's business: no callbacks, no stream, and no recursion limit of the caller's.
    """
    configurable = config.get("configurable") or {}
    if configurable.get(_CHECKPOINTER) is None or _keeps_nothing(configurable):
        raise InvalidArgument(
            'on_pause="interrupt" works inside a LangGraph graph with a checkpointer (on Python 3.10 pass the config of the node on), '
            'and not in a subgraph that was compiled with checkpointer=False; elsewhere use on_pause="return"'
        )
    place = (str(configurable.get("thread_id")), str(configurable.get("checkpoint_ns")))
    with _lock:
        if place in _busy:
            raise InvalidArgument(
                f"{key} was called while another call of the same graph step is under way: answers could not be told apart. Give "
                'each call a step of its own, as create_agent does with Send, or use on_pause="return"'
            )
        _busy.add(place)
        number = _number(place, configurable)
    try:
        yield _within(config, number)
    finally:
        with _lock:
            _busy.discard(place)


def _keeps_nothing(configurable: Mapping[str, Any]) -> bool:
    """Whether the graph of the step was compiled with `checkpointer=False`: its steps see that of the graph above all the same."""
    schedule = (getattr(configurable.get(_CALL), "keywords", None) or {}).get("schedule_task")
    loop = getattr(schedule, "__self__", None)
    return getattr(loop, "checkpointer", loop) is None and loop is not None


def _number(place: Place, configurable: Mapping[str, Any]) -> int:
    """Which call of this step it is. Every time the step is run it counts from 0, when its retry policy runs it again, too.

    LangGraph's own counter goes on in a retry, so that the call would not find its steps and start the run a second time.
    """
    scratchpad = configurable.get(_SCRATCHPAD)
    attempt = getattr(getattr(configurable.get(_RUNTIME), "execution_info", None), "node_attempt", 1)
    before, attempt_before, last = _made.pop(place, (None, 0, -1))
    number = last + 1 if before is scratchpad and attempt_before == attempt else 0
    _made[place] = (scratchpad, attempt, number)
    if len(_made) > _REMEMBERED:
        _made.popitem(last=False)
    return number


def _within(config: RunnableConfig, number: int) -> RunnableConfig:
    kept = {name: value for name, value in config.items() if name not in ("run_id", "run_name")}
    configurable = {name: value for name, value in (config.get("configurable") or {}).items() if name != _STREAM}
    configurable["checkpoint_ns"] = f"{configurable.get('checkpoint_ns')}|dify:{number}"
    if (scratchpad := configurable.get(_SCRATCHPAD)) is not None:
        configurable[_SCRATCHPAD] = replace(scratchpad, subgraph_counter=_first)
    return cast("RunnableConfig", {**kept, "configurable": configurable, "callbacks": [], "recursion_limit": _STEPS})


def _first() -> int:
    return 0
