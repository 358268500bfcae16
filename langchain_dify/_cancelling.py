"""The cancel token of a call, on its way past core: as an argument it would be traced and would belong to a cache's key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables.config import var_child_runnable_config

from dify_integrations import RunStopped
from dify_integrations.bridge.cancelling import CancelToken, token_in

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from dify_integrations import AsyncRun, Run

RunT = TypeVar("RunT", bound="Run | AsyncRun")
_current: ContextVar[CancelToken | None] = ContextVar("langchain_dify_cancel", default=None)


class Cancelling:
    """The call's token, found by the model's hooks inside `with`. Use it around the first step of a generator only.

    Args:
        config: The call's.
        kwargs: The call's; `cancel` is taken out.

    Raises:
        InvalidArgument: What was given is no token.
    """

    def __init__(self, config: RunnableConfig, kwargs: dict[str, Any]) -> None:
        # A stream that core turns into an `invoke` comes by here twice, the second time without its arguments.
        self._told = token_in(kwargs.pop("cancel", None)) or token_of(config) or _current.get()
        self._before: Token[CancelToken | None] | None = None

    def __enter__(self) -> None:
        self._before = _current.set(self._told)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            _current.reset(self._before)
            self._before = None


def token_of(config: RunnableConfig | None) -> CancelToken | None:
    """The token in a call's config.

    Raises:
        InvalidArgument: What is there is no token.
    """
    return token_in(((config or {}).get("configurable") or {}).get("dify_cancel"))


def with_token(kwargs: dict[str, Any]) -> dict[str, Any]:
    """For a hook: its arguments, with the call's token as `cancel`. Core has made its traces and its key by then."""
    token = _current.get() or token_of(var_child_runnable_config.get())
    return kwargs if token is None else {"cancel": token, **kwargs}


def watcher(config: RunnableConfig | None, kwargs: Mapping[str, Any] | None = None) -> Callable[[RunT], RunT]:
    """Makes runs end with the token of a call that core hands over whole; `cancel` among its arguments wins."""
    token = token_in((kwargs or {}).get("cancel")) or token_of(config)
    return _unwatched if token is None else token.watch


def gate(config: RunnableConfig | None, kwargs: Mapping[str, Any] | None = None) -> Callable[[], None]:
    """Raises `RunStopped` once the call's token is cancelled, before something that no run stands for is sent."""
    token = token_in((kwargs or {}).get("cancel")) or token_of(config)

    def allow() -> None:
        if token is not None and token.cancelled:
            raise RunStopped("the call was cancelled before the answer was submitted")

    return allow


def _unwatched(run: RunT) -> RunT:
    return run


def cancelled_by(told: Mapping[str, Any], run: RunT) -> RunT:
    """The run, which ends with the token among a call's arguments."""
    token = token_in(told.get("cancel"))
    return run if token is None else token.watch(run)
