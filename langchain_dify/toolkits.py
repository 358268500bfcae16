"""Several Dify apps as the tools of one agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import Field, SecretStr
from typing_extensions import Self, override

from dify_integrations import AsyncDify, Dify, InvalidArgument
from dify_integrations.bridge.tool_schema import tool_name, unique_names
from dify_integrations.models.apps import AppInfo, AppParameters

from ._base import Connection
from .tools import AppTool, DifyChatTool, DifyWorkflowTool

AppGiven: TypeAlias = str | SecretStr | Dify | AsyncDify | Mapping[str, Any]
"""An app of a toolkit: its key, a client with its key, or the fields of its tool."""


class DifyToolkit(BaseToolkit):
    """The tools of several apps, under names that are valid and different.

    `DifyToolkit.from_apps(["app-…", "app-…"], base_url="https://…/v1", user="ann").get_tools()` asks each app who it is:
    workflows become `DifyWorkflowTool`s, chat, agent and chatflow apps `DifyChatTool`s.
    """

    tools: list[BaseTool] = Field(default_factory=list, description="The tools, in the order of the apps.")

    @classmethod
    def from_apps(cls, apps: Sequence[AppGiven], **shared: Any) -> Self:
        """Ask every app who it is and what it takes.

        Args:
            apps: A key, a client or the fields of a tool for each, such as
                `{"api_key": "app-…", "name": "write", "description": "Writes.", "inputs": {"tone": "formal"}}`. Servers before
                Dify 1.4 do not tell what kind an app is: say `"mode": "workflow"` or `"mode": "chat"` there.
            **shared: Fields of all tools, such as `base_url`, `user`, `handle_tool_error`.

        Raises:
            InvalidArgument: An app that cannot be a tool.
            APIError: An app cannot be asked.
        """
        plans = [_Plan(app, shared) for app in apps]
        for plan in plans:
            app = plan.connection.clients.sync.app
            plan.info, plan.parameters = app.info(), app.parameters()
        return cls(tools=_tools(plans))

    @classmethod
    async def afrom_apps(cls, apps: Sequence[AppGiven], **shared: Any) -> Self:
        """As `from_apps`, without blocking."""
        plans = [_Plan(app, shared) for app in apps]
        for plan in plans:
            app = plan.connection.clients.asynchronous.app
            plan.info, plan.parameters = await app.info(), await app.parameters()
        return cls(tools=_tools(plans))

    @override
    def get_tools(self) -> list[BaseTool]:
        return list(self.tools)


class _Plan:
    """One app on its way to a tool."""

    info: AppInfo
    parameters: AppParameters

    def __init__(self, app: AppGiven, shared: Mapping[str, Any]) -> None:
        given = {**shared, **_fields(app)}
        self.mode, self.name, self.description = (given.pop(key, None) for key in ("mode", "name", "description"))
        self.fields = given
        self.connection = Connection(**{name: value for name, value in given.items() if name in Connection.model_fields})

    @property
    def wanted_name(self) -> str:
        return tool_name(self.name or self.info.name)

    def tool(self, name: str) -> AppTool:
        mode = self.mode or self.info.mode
        if mode is None:
            raise InvalidArgument(f'this server does not tell what kind of app {self.info.name!r} is: add "mode" to its fields')
        kind = DifyWorkflowTool if mode == "workflow" else DifyChatTool
        tool = kind(name=name, description="", **self.fields)
        tool._clients = self.connection.clients
        about = self.description or self.info.description or f"Asks the Dify app {self.info.name!r}."
        return tool._introduced(self.info, self.parameters, name, about)


def _fields(app: AppGiven) -> dict[str, Any]:
    if isinstance(app, Dify):
        return {"client": app}
    if isinstance(app, AsyncDify):
        return {"async_client": app}
    return dict(app) if isinstance(app, Mapping) else {"api_key": app}


def _tools(plans: Sequence[_Plan]) -> list[BaseTool]:
    names = unique_names([plan.wanted_name for plan in plans])
    return [plan.tool(name) for plan, name in zip(plans, names, strict=True)]
