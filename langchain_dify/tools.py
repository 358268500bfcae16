"""A Dify workflow as a LangChain tool: text for the model, the whole run as artifact."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import ArgsSchema, BaseTool
from pydantic import BaseModel, Field, PrivateAttr
from typing_extensions import Self, override

from dify_integrations import AsyncDify, Dify, InvalidArgument, RunError, RunResult
from dify_integrations.bridge.outputs import output_text
from dify_integrations.bridge.record import run_record
from dify_integrations.bridge.tool_schema import ArgumentSchema, argument_schema, form_of, tool_name
from dify_integrations.models.apps import AppInfo, AppParameters

from ._base import Connection, with_configurable
from ._tracing import AsyncChildRuns, SyncChildRuns
from .errors import as_tool_error


class AnyInputs(BaseModel):
    """The workflow's variables, when no schema of them is given."""

    inputs: dict[str, Any] = Field(default_factory=dict, description="The workflow's variables by name.")


class DifyWorkflowTool(Connection, BaseTool):
    """A tool that runs a Dify workflow.

    `DifyWorkflowTool.from_app(api_key="app-…")` asks the app for its name, description and form once. The constructor
    asks nothing: give it `name`, `description` and an `args_schema` whose fields are the workflow's variables.

    The tool message's content is the workflow's output as text, its artifact the whole run: `status`, `outputs`, ids,
    `usage`, `files`, `steps`. A run that waits for a person is no error: the content says so, the artifact has the form
    under `pause`. A failed run raises `DifyToolError`, which is a `ToolException`: with `handle_tool_error=True` the
    model reads it. A wrong key or address is raised as it is.
    """

    args_schema: ArgsSchema | None = Field(default=AnyInputs, description="Arguments for the model to fill in.")
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    inputs: dict[str, Any] = Field(default_factory=dict, description="Variables that the model does not choose.")
    output_key: str | None = Field(default=None, description="Take this output only.")
    workflow_id: str | None = Field(default=None, description="A published version instead of the current one.")
    trace_nodes: bool = Field(default=True, description="Show nodes, tools and retrievals as child runs.")

    _schema: ArgumentSchema | None = PrivateAttr(default=None)

    @classmethod
    def from_app(
        cls, client: Dify | None = None, *, name: str | None = None, description: str | None = None, **fields: Any
    ) -> Self:
        """Ask the app who it is and what it takes.

        Args:
            client: A shared client whose key is the app's; otherwise pass `api_key` and `base_url`, or set them in the
                environment.
            name: Instead of the app's.
            description: Instead of the app's. A model cannot choose a tool that nobody describes.
            **fields: Further fields of the tool, such as `inputs`, `user`, `handle_tool_error`.

        Raises:
            InvalidArgument: Neither the app nor you describe it.
            APIError: The app cannot be asked.
        """
        tool = cls(name=name or "dify", description=description or "", client=client, **fields)
        app = tool.clients.sync.app
        return tool._introduced(app.info(), app.parameters(), name, description)

    @classmethod
    async def afrom_app(
        cls,
        async_client: AsyncDify | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        **fields: Any,
    ) -> Self:
        """As `from_app`, without blocking."""
        tool = cls(name=name or "dify", description=description or "", async_client=async_client, **fields)
        app = tool.clients.asynchronous.app
        return tool._introduced(await app.info(), await app.parameters(), name, description)

    def _introduced(self, info: AppInfo, parameters: AppParameters, name: str | None, description: str | None) -> Self:
        self.name = name or tool_name(info.name)
        self.description = description or info.description or ""
        if not self.description.strip():
            raise InvalidArgument(f"the app {info.name!r} has no description: pass description=… so that a model can choose it")
        self._schema = argument_schema(self.name, form_of(parameters), fixed=tuple(self.inputs))
        self.args_schema = self._schema.model
        return self

    @override
    def _run(self, *args: Any, config: RunnableConfig, run_manager: CallbackManagerForToolRun | None = None, **kwargs: Any) -> Any:
        run = self.clients.sync.workflows.stream(self._inputs(args, kwargs), **self._options(config))
        root = run_manager.get_child() if run_manager is not None and self.trace_nodes else None
        try:
            with SyncChildRuns(root) as children, run:
                for item in run.items():
                    if type(item) in children.wants:
                        children.tell(item)
        except RunError as error:
            raise as_tool_error(error) from error
        return self._output(run.result)

    @override
    async def _arun(
        self, *args: Any, config: RunnableConfig, run_manager: AsyncCallbackManagerForToolRun | None = None, **kwargs: Any
    ) -> Any:
        run = self.clients.asynchronous.workflows.stream(self._inputs(args, kwargs), **self._options(config))
        root = run_manager.get_child() if run_manager is not None and self.trace_nodes else None
        try:
            async with AsyncChildRuns(root) as children, run:
                async for item in run.items():
                    if type(item) in children.wants:
                        await children.tell(item)
        except RunError as error:
            raise as_tool_error(error) from error
        return self._output(run.result)

    def _inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        arguments = {**dict(zip(self.args, args, strict=False)), **kwargs}  # a tool with one argument may be given its value alone
        if self._schema is not None:
            arguments = self._schema.inputs_of(arguments)
        elif self.args_schema is AnyInputs:
            arguments = arguments.get("inputs") or {}
        return {**arguments, **self.inputs}

    def _options(self, config: RunnableConfig | None) -> dict[str, Any]:
        return {"user": self.user, "workflow_id": self.workflow_id, **with_configurable({}, config or {}, "user")}

    def _output(self, result: RunResult) -> Any:
        text = _waiting(result) if result.pause is not None else output_text(result, self.output_key)
        return (text, run_record(result)) if self.response_format == "content_and_artifact" else text


def _waiting(result: RunResult) -> str:
    forms = result.pause.forms if result.pause is not None else ()
    asked = "\n\n".join(f"{form.node_title}: {form.content}".strip(": ") for form in forms)
    return f"The workflow waits for a person to answer a form before it goes on.\n\n{asked}".strip()
