"""Tools and answer formats of one call, as the bridge's texts: Dify's apps take neither, so both are told by prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool

from dify_integrations import InvalidArgument
from dify_integrations.bridge.arguments import choice_of, is_demanding
from dify_integrations.bridge.structured import JSON_ONLY, schema_instructions
from dify_integrations.bridge.tool_calls import WITHDRAWN, ToolCallParser, ToolSpec, digest_of, instructions, offered, reminder
from dify_integrations.bridge.unfenced import AnswerParser, Unfenced


class Binding:
    """What the app's model is told beside the query in one call, and how its answer is read.

    Args:
        kwargs: The call's keyword arguments: `tools`, `tool_choice`, `parallel_tool_calls`, `response_format`.
        tools_input_key: Variable of the app that takes the tools' instructions.
        off: Whether no tools may be bound.

    Attributes:
        digest: Of the tools; `""` without any.
        demanded: Whether the answer must call a tool.

    Raises:
        InvalidArgument: A tool choice or an answer format that does not exist, or tools that may not be.
    """

    def __init__(self, kwargs: Mapping[str, Any], tools_input_key: str | None = None, *, off: bool = False) -> None:
        if off and kwargs.get("tools"):
            raise InvalidArgument("tools cannot be bound: this model was made with tool_calling='off'")
        self._choice = choice_of(kwargs.get("tool_choice"))
        self._tools = offered([spec_of(tool) for tool in kwargs.get("tools") or ()], self._choice)
        self._parallel = kwargs.get("parallel_tool_calls") is not False
        self._format = format_of(kwargs.get("response_format"))
        self._key = tools_input_key
        self.digest = digest_of(self._tools, parallel=self._parallel)
        self.demanded = bool(self._tools) and is_demanding(self._choice)

    def query(self, query: str, told: str | None = None, *, again: bool = False) -> str:
        """The query behind what the model must know.

        Args:
            query: The user's words.
            told: Digest of the tools that the continued conversation knows, `""` when it knows none; `None` for a new one.
            again: Whether the query complains of an answer to the same format.
        """
        return "\n\n".join(text for text in (self._told(told), "" if again else self._format, query) if text)

    def inputs(self) -> dict[str, str]:
        """The app's variable with the tools, when there is one for them."""
        if not self._key or not self._tools:
            return {}
        return {self._key: instructions(self._tools, parallel=self._parallel)}  # of all turns: what this one demands is not here

    def parser(self) -> AnswerParser | None:
        """A fresh parser for the answer; `None` when all of it is text."""
        calls = ToolCallParser(names=[tool.name for tool in self._tools], parallel=self._parallel) if self._tools else None
        return Unfenced(calls) if self._format else calls

    def _told(self, told: str | None) -> str:
        if not self._tools:
            return WITHDRAWN if told else ""
        if told == self.digest or (told is None and self._key):
            # What stands in the app's own prompt needs no reminder, only what it does not say.
            return reminder(demanded=self.demanded) if self.demanded or not self._key else ""
        return instructions(self._tools, choice=self._choice, parallel=self._parallel)


def told_digest(messages: Sequence[BaseMessage], conversation_id: str) -> str | None:
    """The digest of the tools that a conversation was told, `""` when its last answer knows of none; `None` for a new one."""
    if not conversation_id:
        return None
    last = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
    known = last.response_metadata.get("dify") if last is not None else None
    if not isinstance(known, dict) or known.get("conversation_id") != conversation_id:
        return ""
    return str(known.get("tools_digest") or "")


def spec_of(tool: Any) -> ToolSpec:
    """A tool in any form LangChain knows.

    Raises:
        InvalidArgument: A tool that runs on another provider's servers.
    """
    told = convert_to_openai_tool(tool)
    function = told.get("function")
    if not isinstance(function, dict):
        raise InvalidArgument(
            f"a tool of type {told.get('type')!r} runs on its provider's servers and cannot be told to a Dify app"
        )
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return ToolSpec(function["name"], function.get("description") or "", parameters)


def format_of(given: Any) -> str:
    """OpenAI's `response_format` as instructions; `""` when it asks for nothing.

    Raises:
        InvalidArgument: None of its forms.
    """
    kind = given.get("type") if isinstance(given, Mapping) else None
    if given is None or kind == "text":
        return ""
    if kind == "json_object":
        return JSON_ONLY
    if kind == "json_schema":
        told = given.get("json_schema")
        schema = told.get("schema") if isinstance(told, Mapping) else None
        if isinstance(schema, dict):
            return schema_instructions(schema)
    if isinstance(given, type):
        return schema_instructions(convert_to_json_schema(given))
    raise InvalidArgument("response_format is {'type': 'json_object'} or {'type': 'json_schema', 'json_schema': {'schema': {…}}}")


def schemas_of(tools: Sequence[Any]) -> list[dict[str, Any]]:
    """Tools as JSON, so that a bound model can be traced, cached and stored."""
    return [convert_to_openai_tool(tool) for tool in tools]
