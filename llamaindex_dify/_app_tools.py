"""What the tools of all kinds of apps share: making them, calling them, and what a call gives."""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput

from dify_integrations.bridge.app_tools import description_of, tool_clients
from dify_integrations.bridge.arguments import user_text
from dify_integrations.bridge.clients import Clients, clients_of
from dify_integrations.bridge.outputs import told_text
from dify_integrations.bridge.own_schema import own_schema
from dify_integrations.bridge.record import run_record
from dify_integrations.bridge.tool_schema import ArgumentSchema, argument_schema, form_of, pinned_inputs, tool_name
from dify_integrations.errors import ConversationNotFound, DifyError, InvalidArgument

from ._pausing import PausingCall
from ._reporting import Reporter, StreamedEvents, chosen_events
from ._surroundings import Kept, call_key, running_context, tool_call_id
from ._telling import TracePayloads, checked_payloads, tell_tool_call
from ._tool_outputs import Told, failure_of, output_of, plain, with_callback
from ._tracing import StepTracer
from .errors import DifyPausedError

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import BaseModel, SecretStr
    from llama_index.core.workflow import Context
    from typing_extensions import Self

    from dify_integrations import AsyncDify, AsyncRun, Dify, Run
    from dify_integrations.bridge.app_tools import AppPlan
    from dify_integrations.models.apps import AppInfo, AppParameters
    from dify_integrations.runs.result import RunResult
    from dify_integrations.settings import Timeouts

    from ._base import UserName

DESCRIPTION_LIMIT = 1024
"""Characters of a description; OpenAI refuses more."""

OnPause = Literal["return", "raise"]
NODES: tuple[StreamedEvents, ...] = ("nodes",)


class AppTool(FunctionTool):
    """A Dify app as a tool; use `DifyWorkflowTool` or `DifyChatTool`."""

    _modes: ClassVar[str]
    _asks: ClassVar[bool]

    if TYPE_CHECKING:
        # Each of the two classes has its own. Not @abstractmethod: core makes a span of every override of one.

        @classmethod
        def _takes(cls, mode: str) -> bool:
            """Whether apps of this mode can be such a tool."""
            ...

        def _start(self, client: Any, request: dict[str, Any]) -> Any:
            """A run of the app."""
            ...

        def _text(self, result: RunResult) -> str:
            """What the app came to."""
            ...

    def __init__(
        self,
        client: Dify | None = None,
        *,
        name: str,
        description: str,
        schema: ArgumentSchema | type[BaseModel] | None = None,
        async_client: AsyncDify | None = None,
        partial_params: Mapping[str, Any] | None = None,
        return_direct: bool = False,
        return_files: bool = False,
        ask: bool = True,
        on_pause: OnPause = "return",
        stream_events: Collection[StreamedEvents] = NODES,
        trace_payloads: TracePayloads = "truncated",
        callback: Callable[..., Any] | None = None,
        async_callback: Callable[..., Any] | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: UserName | None = None,
        workflow_id: str | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = None,
    ) -> None:
        named = None if callable(user) else user
        self._clients = clients_of(
            client, async_client, api_key=api_key, base_url=base_url, user=named, timeout=timeout, max_retries=max_retries
        )
        self._schema = schema if isinstance(schema, ArgumentSchema) else own_schema(schema, query=self._asks)
        if shown := set(partial_params or ()) & set(self._schema.names.values()):
            raise InvalidArgument(f"{', '.join(sorted(shown))} cannot be both pinned and an argument: make the schema with fixed=…")
        self._user = user
        self._workflow_id = workflow_id
        self._return_files = return_files
        self._ask = ask
        self._on_pause: OnPause = on_pause
        self._events = chosen_events(stream_events)
        self._payloads: TracePayloads = checked_payloads(trace_payloads)
        metadata = self._shown(name, description, return_direct=return_direct)
        fn, async_fn = self._functions(metadata)
        super().__init__(
            fn=fn,
            async_fn=async_fn,
            metadata=metadata,
            callback=callback,
            async_callback=async_callback,
            partial_params=dict(partial_params or {}),
        )

    # -- making one from an app

    @classmethod
    def from_app(
        cls, client: Dify | None = None, *, name: str | None = None, description: str | None = None, **options: Any
    ) -> Self:
        """A tool with the app's own form, name and description; the app is asked for them once.

        Args:
            client: A shared `Dify`.
            name: Instead of the app's.
            description: Instead of the app's; say when to use the tool, models choose by it.
            **options: Further arguments of the class. Fields named in `partial_params` vanish from the form.

        Raises:
            InvalidArgument: The app is of another kind, or does not take a value of `partial_params`.
            AuthenticationError: Wrong key.
        """
        clients = tool_clients({"client": client, **options})
        app = clients.sync.app
        return cls._introduced(clients, app.info(), app.parameters(), name, description, options)

    @classmethod
    async def afrom_app(
        cls, async_client: AsyncDify | None = None, *, name: str | None = None, description: str | None = None, **options: Any
    ) -> Self:
        """As `from_app`, without blocking; the first argument is an `AsyncDify`."""
        clients = tool_clients({"async_client": async_client, **options})
        app = clients.asynchronous.app
        return cls._introduced(clients, await app.info(), await app.parameters(), name, description, options)

    @classmethod
    def _planned(cls, clients: Clients, plan: AppPlan, name: str) -> Self:
        """One of several tools of an agent."""
        return cls._introduced(clients, plan.info, plan.parameters, name, plan.about, plan.fields)

    @classmethod
    def _introduced(
        cls,
        clients: Clients,
        info: AppInfo,
        parameters: AppParameters,
        name: str | None,
        description: str | None,
        options: Mapping[str, Any],
    ) -> Self:
        if info.mode is not None and not cls._takes(info.mode):
            raise InvalidArgument(f"the app {info.name!r} is of mode {info.mode}; {cls.__name__} runs {cls._modes} apps")
        chosen = tool_name(name or info.name)
        form = form_of(parameters)
        pinned = pinned_inputs(form, options.get("partial_params") or {})
        schema = argument_schema(chosen, form, query=cls._asks, fixed=tuple(pinned))
        about = description_of(info, description)
        tool = cls(name=chosen, description=about, schema=schema, **{**options, "partial_params": pinned})
        tool._clients = clients
        return tool

    def _described(self, metadata: ToolMetadata) -> Self:
        """The same tool under another name and description."""
        tool = copy.copy(self)
        name = metadata.name or self.metadata.get_name()
        tool._metadata = self._shown(name, metadata.description, return_direct=metadata.return_direct)
        tool._fn, tool._async_fn = tool._functions(tool._metadata)
        tool._real_fn = tool._fn
        return tool

    def _shown(self, name: str, description: str, *, return_direct: bool) -> ToolMetadata:
        """What a model is told of the tool, fit for every provider."""
        text = description[:DESCRIPTION_LIMIT]
        return ToolMetadata(name=tool_name(name), description=text, fn_schema=self._schema.model, return_direct=return_direct)

    # -- calling

    async def _enter(self, request: dict[str, Any], context: Context[Any] | None) -> dict[str, Any]:  # noqa: ARG002  # for those that keep something
        """The request of a call that begins in this workflow."""
        return request

    async def _leave(self, context: Context[Any] | None, user: str | None, conversation_id: str) -> None:
        """The call is over."""

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """Run the app and wait for it; a failure is an output too."""
        arguments: dict[str, Any] = dict(kwargs)
        try:
            arguments = self._arguments(args, kwargs)
            tell_tool_call(self.metadata, arguments, self._payloads)
            run: Run = self._start(self._clients.sync, self._request(arguments))
            with StepTracer(self._payloads).of(run) as see, run:
                for item in run.items():
                    see(item)
            output = output_of(self.metadata.get_name(), arguments, self._told(run.result), files=self._return_files)
        except DifyPausedError:
            raise
        except DifyError as error:
            return failure_of(self.metadata.get_name(), arguments, error)
        return with_callback(output, self._run_sync_callback(output.raw_output))

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        """As `call`, without blocking, and with events for the workflow or agent around it, whose people may be asked."""
        return await self._acall(args, kwargs, ask=self._ask)

    async def _acall(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, ask: bool) -> ToolOutput:
        arguments: dict[str, Any] = dict(kwargs)
        try:
            arguments = self._arguments(args, kwargs)
            tell_tool_call(self.metadata, arguments, self._payloads)
            told = await self._atold(arguments, ask=ask)
        except DifyPausedError:
            raise
        except DifyError as error:
            return failure_of(self.metadata.get_name(), arguments, error)
        output = output_of(self.metadata.get_name(), arguments, told, files=self._return_files)
        return with_callback(output, await self._run_async_callback(output.raw_output))

    async def _atold(self, arguments: dict[str, Any], *, ask: bool) -> Told:
        """One run, however often the step around it is run again."""
        client, context, name = self._clients.asynchronous, running_context(), self.metadata.get_name()
        report = Reporter(name, self._events, repeats_text=self._asks)
        conversation_id, user = "", self._asker()

        async def follow(run: AsyncRun) -> RunResult:
            with StepTracer(self._payloads).of(run) as see:
                async with run:
                    async for item in run.items():
                        see(item)
                        report(item)
            return run.result

        async def begin() -> RunResult:
            nonlocal conversation_id
            request = await self._enter({**self._request(arguments), "user": user}, context)
            conversation_id = request.get("conversation_id", "")
            return await follow(self._start(client, request))

        try:
            if context is None or not ask or not await Kept(context, "calls").possible():
                told = self._told(await begin())
            else:
                told = await PausingCall(
                    client,
                    context,
                    key=call_key(name, arguments),
                    user=client.settings.user_for(user),
                    about={"tool_name": name, "tool_id": tool_call_id()},
                    begin=begin,
                    follow=follow,
                    report=report,
                    output=self._told,
                ).run()
        except ConversationNotFound:
            raise  # deleted meanwhile; the next call begins another
        except asyncio.CancelledError:
            await self._leave(context, user, conversation_id)
            raise
        except DifyError as error:
            await self._leave(context, user, error.partial.conversation_id if error.partial else conversation_id)
            raise
        await self._leave(context, user, str(told["record"].get("conversation_id", "")))
        return told

    def _arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments by name; positional ones are meant for the first fields, required ones first."""
        names = list(self._signature().parameters)
        if len(args) > len(names):
            raise InvalidArgument(f"{self.metadata.name} takes at most {len(names)} arguments, got {len(args)}")
        if twice := [name for name in names[: len(args)] if name in kwargs]:
            raise InvalidArgument(f"{self.metadata.name} got {', '.join(twice)} twice")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        return {name: value for name, value in given.items() if name not in self.partial_params}

    def _request(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the client's method."""
        inputs = {**self._schema.inputs_of(arguments), **self.partial_params}
        return {"inputs": inputs, "user": self._asker(), "workflow_id": self._workflow_id}

    def _asker(self) -> str | None:
        """The end user of a call that begins."""
        return user_text(self._user()) if callable(self._user) else self._user

    # -- what a call gives

    def _told(self, result: RunResult) -> Told:
        if result.pause is not None and self._on_pause == "raise":
            raise DifyPausedError("the app waits for a person to answer a form before it goes on", result=result)
        return {"content": told_text(self._text(result), result), "record": run_record(result)}

    # -- as plain functions, for agents that write code: they look at name, signature and docstring

    def _functions(self, metadata: ToolMetadata) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def fn(*args: Any, **kwargs: Any) -> Any:
            return plain(self.call(*args, **kwargs))

        async def async_fn(*args: Any, **kwargs: Any) -> Any:
            # Nobody is asked: waiting would run the code around it again from its top.
            return plain(await self._acall(args, kwargs, ask=False))

        for function in (fn, async_fn):
            function.__name__ = function.__qualname__ = metadata.get_name()
            function.__doc__ = metadata.description
            function.__dict__["__signature__"] = self._signature()  # inspect reads it
        return fn, async_fn

    def _signature(self) -> inspect.Signature:
        # Required ones first, else Python's own rule for defaults is broken when agents print it.
        fields = sorted(self._schema.model.model_fields.items(), key=lambda field: not field[1].is_required())
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.is_required() else field.get_default(),
                    annotation=field.annotation,
                )
                for name, field in fields
            ]
        )
