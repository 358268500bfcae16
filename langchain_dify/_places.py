"""Where in LangGraph a call that can be interrupted stands: whether it could be resumed at all, and where its steps are kept.

LangGraph has no public way to ask either; the private names are here and nowhere else.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig

from dify_integrations import InvalidArgument

_CHECKPOINTER: Final = "__pregel_checkpointer"
_SCRATCHPAD: Final = "__pregel_scratchpad"
_CALL: Final = "__pregel_call"
_RUNTIME: Final = "__pregel_runtime"
_RESUMING: Final = "__pregel_resuming"
_STREAM: Final = "__pregel_stream"
_REMEMBERED: Final = 10_000
_STEPS: Final = 1_000_000

Place = tuple[str, str]


@dataclass(slots=True)
class Made:
    """The last call that was made in a step.

    Attributes:
        step: Once for every time the step is run.
        number: Which of its calls it is.
        call: Digest of what was called with what.
        is_over: Whether it came to an end; otherwise it was interrupted, or failed.
    """

    step: tuple[Any, int]
    number: int
    call: bytes
    is_over: bool = False

    def was(self, step: tuple[Any, int]) -> bool:
        """Whether it was made in this run of the step."""
        return self.step[0] is step[0] and self.step[1] == step[1]


_busy: set[Place] = set()
_made: OrderedDict[Place, Made] = OrderedDict()
_lock = threading.Lock()


@contextmanager
def alone(config: RunnableConfig, key: str, given: Any) -> Iterator[RunnableConfig]:
    """The config for the inner graph of a call. Refuses what could not be resumed, before anything is started.

    The inner graph's steps are nobody's business: no callbacks, no stream, and no recursion limit of the caller's. A call that
    was interrupted or failed and is made again in the same run of its step (`with_retry`, a retrying middleware) gets the same
    inner graph, which goes on where it was.

    Args:
        config: The call's.
        key: Names the call.
        given: What it is called with.
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
        made, again = _next(place, configurable, sha256(repr((key, given)).encode("utf-8", "surrogatepass")).digest())
    try:
        yield _within(config, made.number, again=again)
        made.is_over = True
    finally:
        with _lock:
            _busy.discard(place)


def _keeps_nothing(configurable: Mapping[str, Any]) -> bool:
    """Whether the graph of the step was compiled with `checkpointer=False`: its steps see that of the graph above all the same."""
    schedule = (getattr(configurable.get(_CALL), "keywords", None) or {}).get("schedule_task")
    loop = getattr(schedule, "__self__", None)
    return getattr(loop, "checkpointer", loop) is None and loop is not None


def _next(place: Place, configurable: Mapping[str, Any], call: bytes) -> tuple[Made, bool]:
    """The call, and whether it was made before. Numbers start anew with every run of the step, that of a retry policy, too.

    LangGraph's own counter goes on in a retry, so that the call would not find its steps and start the run a second time.
    """
    attempt = getattr(getattr(configurable.get(_RUNTIME), "execution_info", None), "node_attempt", 1)
    counter = getattr(configurable.get(_SCRATCHPAD), "interrupt_counter", None)  # LangGraph makes one for every run
    step = (counter, attempt)
    before = _made.pop(place, None)
    again = before is not None and before.was(step) and not before.is_over and before.call == call
    if before is None or not before.was(step):
        made = Made(step, 0, call)
    else:
        made = before if again else Made(step, before.number + 1, call)
    _made[place] = made
    if len(_made) > _REMEMBERED:
        _made.popitem(last=False)
    return made, again


def _within(config: RunnableConfig, number: int, *, again: bool) -> RunnableConfig:
    kept = {name: value for name, value in config.items() if name not in ("run_id", "run_name")}
    configurable = {name: value for name, value in (config.get("configurable") or {}).items() if name != _STREAM}
    configurable["checkpoint_ns"] = f"{configurable.get('checkpoint_ns')}|dify:{number}"
    if (scratchpad := configurable.get(_SCRATCHPAD)) is not None:
        configurable[_SCRATCHPAD] = replace(scratchpad, subgraph_counter=_first)
    if again:
        configurable[_RESUMING] = True
    return cast("RunnableConfig", {**kept, "configurable": configurable, "callbacks": [], "recursion_limit": _STEPS})


def _first() -> int:
    return 0
