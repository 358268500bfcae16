"""Several apps on their way to being the tools of one agent: what each was given, what it tells, how it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import SecretStr

from .._async.client import AsyncDify
from .._sync.client import Dify
from ..errors import InvalidArgument
from .clients import Clients, clients_of
from .tool_schema import tool_name, unique_names

if TYPE_CHECKING:
    from ..models.apps import AppInfo, AppParameters

AppGiven: TypeAlias = str | SecretStr | Dify | AsyncDify | Mapping[str, Any]
"""An app of a group: its key, a client with its key, or the fields of its tool."""


class AppPlan:
    """One app on its way to a tool.

    Attributes:
        fields: What the tool is made with, without name and description.
        info, parameters: What the app tells; set them before asking anything else.
    """

    info: AppInfo
    parameters: AppParameters

    def __init__(self, app: AppGiven, shared: Mapping[str, Any]) -> None:
        """Plan a tool.

        Args:
            app: The app.
            shared: Fields of all tools of the group.
        """
        given = {**shared, **_fields(app)}
        self._mode, self._name, self._description = (given.pop(key, None) for key in ("mode", "name", "description"))
        self.fields: dict[str, Any] = given

    @property
    def is_workflow(self) -> bool:
        """Whether the app is a workflow; others are asked questions.

        Raises:
            InvalidArgument: The server does not tell, and nobody else.
        """
        mode = self._mode or self.info.mode
        if mode is None:
            raise InvalidArgument(f'this server does not tell what kind of app {self.info.name!r} is: add "mode" to its fields')
        return bool(mode == "workflow")

    @property
    def wanted_name(self) -> str:
        """What the tool would be called if it were alone."""
        return tool_name(self._name or self.info.name)

    @property
    def about(self) -> str:
        """What a model is told of the tool."""
        return self._description or self.info.description or f"Asks the Dify app {self.info.name!r}."


def tool_clients(fields: Mapping[str, Any]) -> Clients:
    """The connections of a tool with these fields; a `user` that is told at every call is none of their settings."""
    known = ("client", "async_client", "api_key", "base_url", "user", "timeout", "max_retries")
    given = {name: value for name, value in fields.items() if name in known and not (name == "user" and callable(value))}
    return clients_of(given.pop("client", None), given.pop("async_client", None), **given)


def description_of(info: AppInfo, given: str | None) -> str:
    """What a model is told of a tool that was asked for alone; in a group, apps may go without.

    Args:
        info: What the app tells.
        given: Instead of the app's.

    Raises:
        InvalidArgument: Nobody describes it.
    """
    about = given or info.description or ""
    if not about.strip():
        raise InvalidArgument(f"the app {info.name!r} has no description: pass description=… so that a model can choose it")
    return about


def named(plans: Sequence[AppPlan], taken: Sequence[str] = ()) -> list[tuple[AppPlan, str]]:
    """The plans with names that are valid and different.

    Args:
        plans: In the order of the apps.
        taken: Names that other tools of the same agent have.
    """
    names = unique_names([*taken, *(plan.wanted_name for plan in plans)])[len(taken) :]
    return list(zip(plans, names, strict=True))


def _fields(app: AppGiven) -> dict[str, Any]:
    if isinstance(app, Dify):
        return {"client": app}
    if isinstance(app, AsyncDify):
        return {"async_client": app}
    return dict(app) if isinstance(app, Mapping) else {"api_key": app}
