"""Function calling for apps that take no tools: LlamaIndex' side of what `bridge.tool_calls` says and reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection

from dify_integrations.errors import InvalidArgument

from ._blocks import arguments_of

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import AgentChatResponse
    from llama_index.core.tools import BaseTool


NO_TOOLS = 'Dify apps take no tools; let them be asked for by words with tool_calling="prompt"'


class PromptedFunctionCalling(FunctionCallingLLM):
    """The parts of a function calling LLM that do not talk to the server."""

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,  # noqa: ARG002  # core's signature
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Arguments for `chat`: the messages, and the tools as they are known to tracers."""
        if tools and not self.metadata.is_function_calling_model:
            raise InvalidArgument(NO_TOOLS)
        messages = list(chat_history or [])
        if isinstance(user_msg, str):
            user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
        if user_msg is not None:
            messages.append(user_msg)
        return {
            "messages": messages,
            "tools": [_told(tool) for tool in tools] or None,
            "tool_required": tool_required,
            "allow_parallel_tool_calls": allow_parallel_tool_calls,
            **kwargs,
        }

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **_: Any
    ) -> list[ToolSelection]:
        """The tool calls of a response, in order.

        Args:
            response: From this LLM, whole or a chunk.
            error_on_no_tool_call: Whether a response without one is an error.

        Raises:
            ValueError: There is none, and that is an error.
        """
        calls = [
            ToolSelection(tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs=arguments_of(block.tool_kwargs))
            for block in response.message.blocks
            if isinstance(block, ToolCallBlock)
        ]
        if not calls and error_on_no_tool_call:
            raise ValueError(f"Expected at least one tool call, but got {len(calls)} tool calls.")
        return calls

    def predict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Let the LLM choose a tool and call it; without `tool_calling` by ReAct."""
        return super().predict_and_call(
            tools,
            user_msg=user_msg,
            chat_history=chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            error_on_no_tool_call=error_on_no_tool_call,
            error_on_tool_error=error_on_tool_error,
            **self._react(kwargs),
        )

    async def apredict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Let the LLM choose a tool and call it; without `tool_calling` by ReAct."""
        return await super().apredict_and_call(
            tools,
            user_msg=user_msg,
            chat_history=chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            error_on_no_tool_call=error_on_no_tool_call,
            error_on_tool_error=error_on_tool_error,
            **self._react(kwargs),
        )

    def _react(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """What core's ReAct path needs and does not supply itself: without the two it fails for every LLM."""
        if self.metadata.is_function_calling_model:
            return kwargs
        from llama_index.core.agent.react.formatter import ReActChatFormatter
        from llama_index.core.agent.react.output_parser import ReActOutputParser

        defaults = {"react_chat_formatter": ReActChatFormatter.from_defaults(), "output_parser": ReActOutputParser()}
        return {**defaults, **kwargs}


def _told(tool: BaseTool) -> dict[str, Any]:
    """The tool in OpenAI's shape but under its own name: core's is fit for OpenAI, and agents look tools up by their own."""
    told = tool.metadata.to_openai_tool(skip_length_check=True)
    return {**told, "function": {**told["function"], "name": tool.metadata.get_name()}}
