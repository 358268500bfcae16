"""Dify apps as LangChain tools: text for the model, the whole run as artifact."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Literal

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import ArgsSchema, BaseTool
from pydantic import Field, PrivateAttr
from typing_extensions import Self, override

from dify_integrations import (
    AsyncDify,
    AsyncRun,
    ConversationNotFound,
    Dify,
    ProviderError,
    Run,
    RunError,
    RunResult,
)
from dify_integrations.bridge.app_tools import description_of
from dify_integrations.bridge.conversation import Threads
from dify_integrations.bridge.outputs import output_text, told_text
from dify_integrations.bridge.own_schema import REST, AnyInputs, AnyQuestion
from dify_integrations.bridge.record import run_record
from dify_integrations.bridge.tool_schema import QUERY, ArgumentSchema, argument_schema, form_of, pinned_inputs, tool_name
from dify_integrations.models.apps import AppInfo, AppParameters

from ._base import Connection, require_mode
from ._cancelling import gate, watcher
from ._pausing import AsyncPausingCall, OnPause, SyncPausingCall
from ._progress import progress_of
from ._tracing import afollow, follow
from .errors import as_tool_error


class AppTool(Connection, BaseTool):
    """What the tools of all kinds of apps share."""

    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    inputs: dict[str, Any] = Field(default_factory=dict, description="Variables that the model does not choose.")
    workflow_id: str | None = Field(default=None, description="A published version instead of the current one.")
    trace_nodes: bool = Field(default=True, description="Show nodes, tools and retrievals as child runs.")
    on_pause: OnPause = Field(
        default="return", description="Whether a run that waits for a person is a result, or an interrupt of the LangGraph around."
    )

    _schema: ArgumentSchema | None = PrivateAttr(default=None)
    _asks: ClassVar[bool] = False

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
            InvalidArgument: Neither the app nor you describe it, or it is an app of another kind.
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
        """This tool with the name, the description and the arguments that the app tells."""
        require_mode(info, self._takes, self)
        self.name = name or tool_name(info.name)
        self.description = description_of(info, description)
        form = form_of(parameters)
        self.inputs = pinned_inputs(form, self.inputs)
        self._schema = argument_schema(self.name, form, query=self._asks, fixed=tuple(self.inputs))
        self.args_schema = self._schema.model
        return self

    @classmethod
    @abstractmethod
    def _takes(cls, mode: str) -> bool:
        """Whether apps of this mode can be such a tool."""

    @abstractmethod
    def _start(self, client: Any) -> Callable[..., Any]:
        """The client's method that starts a run."""

    @abstractmethod
    def _text(self, result: RunResult) -> str:
        """What the app came to."""

    @override
    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        with _called(kwargs.get("tool_call_id")):
            return super().run(tool_input, *args, **kwargs)

    @override
    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        with _called(kwargs.get("tool_call_id")):
            return await super().arun(tool_input, *args, **kwargs)

    @override
    def _run(self, *args: Any, config: RunnableConfig, run_manager: CallbackManagerForToolRun | None = None, **kwargs: Any) -> Any:
        children = run_manager.get_child() if run_manager is not None and self.trace_nodes else None
        client, progress, watch = self.clients.sync, progress_of(config, self._about()), watcher(config)

        def begin() -> RunResult:
            request = self._request(args, kwargs, config)
            run: Run = watch(self._start(client)(**request))
            with self._ending(run, request, config):
                return follow(run, children, progress)

        def go_on(run: Run) -> RunResult:
            with _failures_told():
                return follow(watch(run), children, progress)

        if self.on_pause == "interrupt":
            return self._given(SyncPausingCall(client, begin, go_on, **self._said(config, args, kwargs)).run(config))
        return self._given(self._output(begin()))

    @override
    async def _arun(
        self, *args: Any, config: RunnableConfig, run_manager: AsyncCallbackManagerForToolRun | None = None, **kwargs: Any
    ) -> Any:
        children = run_manager.get_child() if run_manager is not None and self.trace_nodes else None
        client, progress, watch = self.clients.asynchronous, progress_of(config, self._about()), watcher(config)

        async def begin() -> RunResult:
            request = self._request(args, kwargs, config)
            run: AsyncRun = watch(self._start(client)(**request))
            with self._ending(run, request, config):
                return await afollow(run, children, progress)

        async def go_on(run: AsyncRun) -> RunResult:
            with _failures_told():
                return await afollow(watch(run), children, progress)

        if self.on_pause == "interrupt":
            return self._given(await AsyncPausingCall(client, begin, go_on, **self._said(config, args, kwargs)).run(config))
        return self._given(self._output(await begin()))

    def _about(self) -> dict[str, Any]:
        return {"tool": self.name, "tool_call_id": _call_id.get()}

    def _said(self, config: RunnableConfig, *given: Any) -> dict[str, Any]:
        """What a call that can be interrupted needs to know of this one."""
        about = self._about()
        user = self._told({}, config).get("user")
        key = about["tool_call_id"] or f"the tool {self.name}"
        return {"key": key, "given": given, "about": about, "user": user, "output": self._output, "allow": gate(config)}

    def _request(self, args: tuple[Any, ...], kwargs: dict[str, Any], config: RunnableConfig | None) -> dict[str, Any]:
        """The arguments of the client's method."""
        return {"inputs": self._inputs(args, kwargs), "workflow_id": self.workflow_id, **self._told({}, config or {})}

    def _inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        arguments = {**dict(zip(self.args, args, strict=False)), **kwargs}  # a tool with one argument may be given its value alone
        if self._schema is not None:
            arguments = self._schema.inputs_of(arguments)
        elif self.args_schema in (AnyInputs, AnyQuestion):
            arguments = {**(arguments.pop(REST, None) or {}), **arguments}
        return {**arguments, **self.inputs}

    def _ending(self, _: Run | AsyncRun, /, *__: Any) -> AbstractContextManager[None]:
        return _failures_told()

    def _output(self, result: RunResult) -> list[Any]:
        """Content and artifact, as JSON can hold them."""
        return [told_text(self._text(result), result), run_record(result)]

    def _given(self, output: list[Any]) -> Any:
        return tuple(output) if self.response_format == "content_and_artifact" else output[0]


class DifyWorkflowTool(AppTool):
    """A tool that runs a Dify workflow.

    `DifyWorkflowTool.from_app(api_key="app-…")` asks the app for its name, description and form once. The constructor
    asks nothing: give it `name`, `description` and an `args_schema` whose fields are the workflow's variables.

    The tool message's content is the workflow's output as text, its artifact the whole run: `status`, `outputs`, ids,
    `usage`, `files`, `steps`. A run that waits for a person is no error: the content says so, the artifact has the form
    under `pause`; with `on_pause="interrupt"` it is an interrupt of the LangGraph around the call. A failed run raises `DifyToolError`, which is a `ToolException`: with `handle_tool_error=True` the
    model reads it. A wrong key or address is raised as it is.
    """

    args_schema: ArgsSchema | None = Field(default=AnyInputs, description="Arguments for the model to fill in.")
    output_key: str | None = Field(default=None, description="Take this output only.")

    @classmethod
    @override
    def _takes(cls, mode: str) -> bool:
        return mode == "workflow"

    @override
    def _start(self, client: Dify | AsyncDify) -> Callable[..., Any]:
        return client.workflows.stream

    @override
    def _text(self, result: RunResult) -> str:
        return output_text(result, self.output_key)


class DifyChatTool(AppTool):
    """A tool that asks a Dify chat, agent or chatflow app, so that an agent can delegate to it.

    Its arguments are `query` and the variables of the app's form. Made as `DifyWorkflowTool`, with the same content,
    artifact and errors; the artifact has the conversation's id, too.

    With a LangGraph `thread_id` in the call's config, the thread's calls are one conversation in Dify, kept in this process and apart
    for every end user. A call that begins while another is under way gets a conversation of its own. Without a `thread_id`, or with
    `conversation="new"`, every call is a new conversation.
    """

    args_schema: ArgsSchema | None = Field(default=AnyQuestion, description="Arguments for the model to fill in.")
    conversation: Literal["thread", "new"] = Field(default="thread", description="Whether calls of a thread are one conversation.")

    _threads: Threads = PrivateAttr(default_factory=Threads)
    _asks: ClassVar[bool] = True

    @classmethod
    @override
    def _takes(cls, mode: str) -> bool:
        return mode not in ("workflow", "completion")

    @override
    def _start(self, client: Dify | AsyncDify) -> Callable[..., Any]:
        return client.chat.stream

    @override
    def _text(self, result: RunResult) -> str:
        return result.text or output_text(result)

    @override
    def _request(self, args: tuple[Any, ...], kwargs: dict[str, Any], config: RunnableConfig | None) -> dict[str, Any]:
        request = super()._request(args, kwargs, config)
        thread = self._thread(request, config)
        known = self._threads.take(thread) if thread is not None else ""
        return {**request, "query": request["inputs"].get(QUERY) or "", "conversation_id": known, "auto_generate_name": False}

    @override
    @contextmanager
    def _ending(self, run: Run | AsyncRun, /, *told: Any) -> Iterator[None]:
        request, config = told
        known = request["conversation_id"]
        try:
            with _failures_told():
                yield
        except ConversationNotFound:
            known = ""  # deleted meanwhile; the next call begins another
            raise
        finally:
            thread, conversation_id = self._thread(request, config), run.result.conversation_id or known
            if thread is not None and conversation_id:
                self._threads.keep(thread, conversation_id)

    def _thread(self, request: Mapping[str, Any], config: RunnableConfig | None) -> tuple[str, str] | None:
        thread_id = ((config or {}).get("configurable") or {}).get("thread_id")
        return (str(thread_id), str(request.get("user"))) if thread_id and self.conversation == "thread" else None


@contextmanager
def _failures_told() -> Iterator[None]:
    try:
        yield
    except (RunError, ProviderError) as error:
        if error.partial is None:
            raise  # refused before it began: what is wrong there, no model can mend
        raise as_tool_error(error) from error


_call_id: ContextVar[str | None] = ContextVar("langchain_dify_tool_call", default=None)


@contextmanager
def _called(tool_call_id: str | None) -> Iterator[None]:
    """Core tells a tool's `_run` nothing of the call it answers."""
    token = _call_id.set(tool_call_id)
    try:
        yield
    finally:
        _call_id.reset(token)
