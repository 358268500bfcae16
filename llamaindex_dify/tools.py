"""Dify workflows as LlamaIndex tools."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.workflow import Context
from workflows.errors import WorkflowRuntimeError

from dify_integrations.bridge.clients import Clients
from dify_integrations.bridge.outputs import output_text, told_text
from dify_integrations.bridge.record import run_record
from dify_integrations.bridge.tool_schema import ArgumentSchema, argument_schema, form_of, tool_name
from dify_integrations.errors import DifyError, InvalidArgument
from dify_integrations.runs.items import StepFinished, StepStarted
from dify_integrations.settings import Timeouts

from ._tracing import StepTracer
from .events import DifyNodeEvent

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr
    from typing_extensions import Self

    from dify_integrations import AsyncDify, Dify
    from dify_integrations.models.apps import AppInfo, AppParameters
    from dify_integrations.runs.items import Item
    from dify_integrations.runs.result import RunResult

DESCRIPTION_LIMIT = 1024
"""Characters of a description; OpenAI refuses more."""


class DifyWorkflowTool(FunctionTool):
    """A Dify workflow app as a tool for agents. One call is one run, also when it fails.

    A failed run is no exception but a `ToolOutput` with `is_error`, so that the agent learns of it. The content is the
    workflow's single text output, or its outputs as JSON; `raw_output` tells everything of the run. In a running agent or
    workflow, nodes appear in its event stream as `DifyNodeEvent`s when the tool is called asynchronously.

    Make it with `from_app` (reads the app's form) or with a schema of your own (sends nothing).

    Args:
        client: A shared `Dify`.
        async_client: A shared `AsyncDify`.
        name: What the model calls the tool; `A-Za-z0-9_-`, at most 64.
        description: What the model is told, cut to 1024 characters.
        schema: The arguments, from `dify_integrations.bridge.tool_schema.argument_schema`.
        fixed: Inputs that are always sent and that the model does not see.
        output_key: Use this output only.
        return_direct: Whether the content is the agent's answer.
        api_key, base_url, user, timeout, max_retries: Settings, when no client is given.

    Examples:
        ```python
        tool = DifyWorkflowTool.from_app(api_key="app-…", base_url="http://localhost/v1", user="ada", name="write")
        agent = FunctionAgent(tools=[tool], llm=llm)
        ```
    """

    def __init__(
        self,
        client: Dify | None = None,
        *,
        name: str,
        description: str,
        schema: ArgumentSchema,
        async_client: AsyncDify | None = None,
        fixed: Mapping[str, Any] | None = None,
        output_key: str | None = None,
        return_direct: bool = False,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_retries: int = 2,
    ) -> None:
        self._clients = _clients(
            client, async_client, api_key=api_key, base_url=base_url, user=user, timeout=timeout, max_retries=max_retries
        )
        self._schema = schema
        self._fixed = dict(fixed or {})
        self._output_key = output_key
        self._user = user
        metadata = ToolMetadata(
            name=tool_name(name),
            description=description[:DESCRIPTION_LIMIT],
            fn_schema=schema.model,
            return_direct=return_direct,
        )
        fn, async_fn = self._functions(metadata)
        super().__init__(fn=fn, async_fn=async_fn, metadata=metadata)

    @classmethod
    def from_app(
        cls,
        client: Dify | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        output_key: str | None = None,
        return_direct: bool = False,
        async_client: AsyncDify | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_retries: int = 2,
    ) -> Self:
        """A tool with the app's own form, name and description.

        Args:
            client: A shared `Dify`; the other settings as for the class.
            name: Instead of the app's.
            description: Instead of the app's; say when to use the tool, models choose by it.
            fixed: Inputs that are always sent; their fields vanish from the form.

        Raises:
            InvalidArgument: The app is of another kind.
            AuthenticationError: Wrong key.
        """
        clients = _clients(
            client, async_client, api_key=api_key, base_url=base_url, user=user, timeout=timeout, max_retries=max_retries
        )
        app = clients.sync.app
        facts = _facts(app.info(), app.parameters(), name, description, fixed or {})
        tool = cls(client, user=user, fixed=fixed, output_key=output_key, return_direct=return_direct, **facts)
        tool._clients = clients
        return tool

    @classmethod
    async def afrom_app(
        cls,
        async_client: AsyncDify | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        fixed: Mapping[str, Any] | None = None,
        output_key: str | None = None,
        return_direct: bool = False,
        client: Dify | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_retries: int = 2,
    ) -> Self:
        """As `from_app`, without blocking; the first argument is an `AsyncDify`."""
        clients = _clients(
            client, async_client, api_key=api_key, base_url=base_url, user=user, timeout=timeout, max_retries=max_retries
        )
        app = clients.asynchronous.app
        facts = _facts(await app.info(), await app.parameters(), name, description, fixed or {})
        tool = cls(client, user=user, fixed=fixed, output_key=output_key, return_direct=return_direct, **facts)
        tool._clients = clients
        return tool

    # -- calling

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Run the workflow and wait for it; a failure is an output too."""
        arguments: dict[str, Any] = dict(kwargs)
        try:
            arguments = self._arguments(args, kwargs)
            run = self._clients.sync.workflows.stream(self._inputs(arguments), user=self._user)
            with StepTracer() as see, run:
                for item in run.items():
                    see(item)
            return self._output(arguments, run.result)
        except DifyError as error:
            return self._failure(arguments, error)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """As `call`, without blocking, and with `DifyNodeEvent`s for the workflow or agent that runs it."""
        arguments: dict[str, Any] = dict(kwargs)
        try:
            arguments = self._arguments(args, kwargs)
            run = self._clients.asynchronous.workflows.stream(self._inputs(arguments), user=self._user)
            report = _reporter(self.metadata.get_name())
            with StepTracer() as see:
                async with run:
                    async for item in run.items():
                        see(item)
                        report(item)
            return self._output(arguments, run.result)
        except DifyError as error:
            return self._failure(arguments, error)

    def _arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name; single positional ones are meant for the first fields."""
        names = list(self._schema.model.model_fields)
        if len(args) > len(names):
            raise InvalidArgument(f"{self.metadata.name} takes at most {len(names)} arguments, got {len(args)}")
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def _inputs(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._schema.inputs_of(dict(arguments)), **self._fixed}

    def _output(self, arguments: dict[str, Any], result: RunResult) -> ToolOutput:
        content = told_text(output_text(result, self._output_key), result)
        return ToolOutput(
            tool_name=self.metadata.get_name(),
            content=content,
            raw_input={"kwargs": arguments},
            raw_output=run_record(result),
        )

    def _failure(self, arguments: dict[str, Any], error: DifyError) -> ToolOutput:
        partial = error.partial
        return ToolOutput(
            tool_name=self.metadata.get_name(),
            content=f"Error: {error}",
            raw_input={"kwargs": arguments},
            raw_output=run_record(partial) if partial is not None else {"status": "failed", "error": str(error)},
            is_error=True,
            exception=error,
        )

    def _functions(self, metadata: ToolMetadata) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Plain functions, for agents that write code: they look at name, signature and docstring."""

        def fn(*args: Any, **kwargs: Any) -> Any:
            return _plain(self.call(*args, **kwargs))

        async def async_fn(*args: Any, **kwargs: Any) -> Any:
            return _plain(await self.acall(*args, **kwargs))

        signature = _signature(self._schema.model.model_fields)
        for function in (fn, async_fn):
            function.__name__ = function.__qualname__ = metadata.get_name()
            function.__doc__ = metadata.description
            function.__dict__["__signature__"] = signature  # inspect reads it
        return fn, async_fn


def _plain(output: ToolOutput) -> Any:
    if output.exception is not None:
        raise output.exception
    return output.content


def _signature(fields: Mapping[str, Any]) -> inspect.Signature:
    # Required ones first, else Python's own rule for defaults is broken when agents print it.
    ordered = sorted(fields.items(), key=lambda field: not field[1].is_required())
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.is_required() else field.get_default(),
                annotation=field.annotation,
            )
            for name, field in ordered
        ]
    )


def _clients(client: Dify | None, async_client: AsyncDify | None, *, timeout: float | None, **options: Any) -> Clients:
    clocks = Timeouts() if timeout is None else timeout
    return Clients(client, async_client, timeout=clocks, **options)


def _facts(
    info: AppInfo, parameters: AppParameters, name: str | None, description: str | None, fixed: Mapping[str, Any]
) -> dict[str, Any]:
    if info.mode not in (None, "workflow"):
        raise InvalidArgument(f"the app {info.name!r} is of mode {info.mode}; DifyWorkflowTool runs workflow apps")
    chosen = tool_name(name or info.name)
    return {
        "name": chosen,
        "description": description or info.description or f"Runs the Dify workflow {info.name!r}.",
        "schema": argument_schema(chosen, form_of(parameters), fixed=tuple(fixed)),
    }


def _reporter(name: str) -> Callable[[Item], None]:
    """Tells the running workflow or agent, if there is one, which nodes run."""
    find = getattr(Context, "get_step_context", None)  # newer than the oldest release we work with
    try:
        context: Context[Any] | None = find() if find is not None else None
    except WorkflowRuntimeError:
        context = None
    if context is None:
        return lambda _: None

    run_id = ""

    def report(item: Item) -> None:
        nonlocal run_id
        if not isinstance(item, (StepStarted, StepFinished)):
            return
        step = item.step
        if step.kind == "run":
            run_id = step.id
        elif step.kind != "log":
            context.write_event_to_stream(
                DifyNodeEvent(
                    tool_name=name,
                    workflow_run_id=run_id,
                    node_id=step.node_id or step.id,
                    kind=step.kind,
                    type=step.type,
                    title=step.title,
                    status=step.status,
                    error=step.error,
                )
            )

    return report
