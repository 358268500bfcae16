"""Tools bound to a model, as the bridge's grammar wants them: Dify's apps take no tools, so calling is emulated by prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from dify_integrations import InvalidArgument
from dify_integrations.bridge.tool_calls import ToolCallParser, ToolSpec, instructions


class Binding:
    """The tools of one call.

    Args:
        kwargs: The call's keyword arguments: `tools`, `tool_choice`, `parallel_tool_calls`.
    """

    def __init__(self, kwargs: Mapping[str, Any]) -> None:
        choice = choice_of(kwargs.get("tool_choice"))
        self._tools = [] if choice == "none" else [spec_of(tool) for tool in kwargs.get("tools") or ()]
        self._choice = choice
        self._parallel = kwargs.get("parallel_tool_calls") is not False

    def query(self, query: str) -> str:
        """The query behind what the model must know of its tools."""
        if not self._tools:
            return query
        return f"{instructions(self._tools, choice=self._choice, parallel=self._parallel)}\n\n{query}"

    def parser(self) -> ToolCallParser | None:
        """A fresh parser for the answer; `None` without tools."""
        if not self._tools:
            return None
        return ToolCallParser(names=[tool.name for tool in self._tools], parallel=self._parallel)


def spec_of(tool: Any) -> ToolSpec:
    """A tool in any form LangChain knows."""
    function = convert_to_openai_tool(tool)["function"]
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return ToolSpec(function["name"], function.get("description") or "", parameters)


def choice_of(choice: Any) -> str | None:
    """LangChain's and OpenAI's ways to choose a tool: `None`, `"auto"`, `"any"`, `"none"` or a tool's name.

    Raises:
        InvalidArgument: None of them.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice in ("any", "required"):
        return "any"
    if isinstance(choice, str):
        return choice
    name = choice.get("name") or (choice.get("function") or {}).get("name") if isinstance(choice, Mapping) else None
    if isinstance(name, str):
        return name
    raise InvalidArgument("tool_choice is a tool's name, 'auto', 'any', 'none' or {'function': {'name': …}}")


def schemas_of(tools: Sequence[Any]) -> list[dict[str, Any]]:
    """Tools as JSON, so that a bound model can be traced, cached and stored."""
    return [convert_to_openai_tool(tool) for tool in tools]
