"""Several Dify apps as the tools of one agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import Field
from typing_extensions import Self, override

from dify_integrations.bridge.app_tools import AppGiven, AppPlan, named

from ._base import Connection
from .tools import AppTool, DifyChatTool, DifyWorkflowTool


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
        plans = [AppPlan(app, shared) for app in apps]
        connections = [_connection(plan) for plan in plans]
        for plan, connection in zip(plans, connections, strict=True):
            app = connection.clients.sync.app
            plan.info, plan.parameters = app.info(), app.parameters()
        return cls(tools=[_tool(plan, name, its) for (plan, name), its in zip(named(plans), connections, strict=True)])

    @classmethod
    async def afrom_apps(cls, apps: Sequence[AppGiven], **shared: Any) -> Self:
        """As `from_apps`, without blocking."""
        plans = [AppPlan(app, shared) for app in apps]
        connections = [_connection(plan) for plan in plans]
        for plan, connection in zip(plans, connections, strict=True):
            app = connection.clients.asynchronous.app
            plan.info, plan.parameters = await app.info(), await app.parameters()
        return cls(tools=[_tool(plan, name, its) for (plan, name), its in zip(named(plans), connections, strict=True)])

    @override
    def get_tools(self) -> list[BaseTool]:
        return list(self.tools)


def _connection(plan: AppPlan) -> Connection:
    return Connection(**{name: value for name, value in plan.fields.items() if name in Connection.model_fields})


def _tool(plan: AppPlan, name: str, connection: Connection) -> AppTool:
    kind = DifyWorkflowTool if plan.is_workflow else DifyChatTool
    tool = kind(name=name, description="", **plan.fields)
    tool._clients = connection.clients
    return tool._introduced(plan.info, plan.parameters, name, plan.about)
