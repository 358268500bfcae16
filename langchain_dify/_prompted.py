"""What Dify's apps do not take and chat models are expected to: tools and answer formats, told to the app's model by prompt."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr
from typing_extensions import override

from dify_integrations import InvalidArgument

from ._apps import AGENT_MODES, ChatApp
from ._binding import Binding, schemas_of
from ._shapes import shape_of
from ._structured import Method, StructuredOutput

if TYPE_CHECKING:
    from langchain_core.language_models.model_profile import ModelProfile


class PromptedChatModel(ChatApp):
    """A chat model that tells its app of tools and formats, and reads calls and JSON back."""

    tool_calling: Literal["prompt", "off"] = Field(
        default="prompt", description="`prompt` tells the app's model of bound tools; `off` refuses to bind any."
    )
    tools_input_key: str | None = Field(
        default=None,
        description="A paragraph variable of the app, placed in its prompt, that takes the tools instead of the query.",
    )
    max_tool_repairs: int = Field(
        default=1, ge=0, description="How often an answer without the call that was demanded is asked for again."
    )

    _warned: bool = PrivateAttr(default=False)

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        calls = self.tool_calling == "prompt"
        return {
            **(super()._resolve_model_profile() or {}),
            "tool_calling": calls,
            "tool_choice": calls,
            "tool_call_streaming": calls,
            "structured_output": False,  # not natively: agents shall use a tool for it
        }

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools, told to it by prompt: whether it calls them is up to the model in the app.

        In a Dify conversation the tools are told once, and then a line reminds of them until they change.

        Args:
            tools: In any form LangChain knows.
            tool_choice: `"auto"`; `"any"` or a tool's name demand a call, so text is not streamed before it is sure to
                stay, and an answer without a call is asked for once more (`max_tool_repairs`); `"none"` offers no tools.
            parallel_tool_calls: `False` for at most one call per answer.
            **kwargs: Of every call.

        Raises:
            InvalidArgument: Tools are switched off, or `tool_choice` is none of them.
        """
        schemas = schemas_of(tools)
        given = {"tool_choice": tool_choice, "parallel_tool_calls": parallel_tool_calls}
        Binding({"tools": schemas, **given}, off=self.tool_calling == "off")  # refuses now what it would refuse in every call
        if self._mode in AGENT_MODES and not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.model!r} is a Dify agent with tools of its own: it may prefer these to the ones told by prompt; "
                "use a chat or chatflow app for tools from outside",
                stacklevel=2,
            )
        return self.bind(tools=schemas, **{name: value for name, value in given.items() if value is not None}, **kwargs)

    @override
    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """This model with answers that are data of one shape.

        An answer that does not fit is complained of once, in its own conversation, so that at most two requests are made.
        A workflow app with typed outputs needs none of this: use `DifyWorkflow`.

        Args:
            schema: A pydantic class (of either generation) gives its instances; a `TypedDict`, a JSON schema or an OpenAI
                function give checked dictionaries.
            method: `"json_schema"` tells the app's model the schema, `"function_calling"` offers it as a tool,
                `"json_mode"` demands JSON and leaves its shape to your prompt.
            include_raw: Gives `{"raw": AIMessage, "parsed": …, "parsing_error": …}` and raises nothing for a bad answer.
            strict: `True` lets pydantic convert nothing (`"1"` is no number).
            **kwargs: Of every call.

        Returns:
            A runnable. Streamed, dictionaries grow while they are written, unless they come by tool or `include_raw`; everything
            else comes once, at the end.

        Raises:
            InvalidArgument: An unknown method, or a schema of no known kind.
        """
        shape = shape_of(schema, strict=strict)
        traced: dict[str, Any] = {
            "ls_structured_output_format": {"kwargs": {"method": method, "strict": strict}, "schema": shape.schema}
        }
        if method == "function_calling":
            # One repair is made where the arguments are checked too.
            bound = self.bind_tools([shape.schema], tool_choice=shape.name, max_tool_repairs=0, **traced, **kwargs)
        elif method in ("json_schema", "json_mode"):
            wanted = {"name": shape.name, "schema": shape.json_schema, **({"strict": strict} if strict is not None else {})}
            told = {"type": "json_object"} if method == "json_mode" else {"type": "json_schema", "json_schema": wanted}
            bound = self.bind(response_format=told, **traced, **kwargs)
        else:
            raise InvalidArgument(f"method is 'json_schema', 'function_calling' or 'json_mode', not {method!r}")
        return StructuredOutput(bound, shape, method=method, include_raw=include_raw)
