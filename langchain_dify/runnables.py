"""A Dify workflow as a LangChain runnable: its variables in, its outputs out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.runnables import RunnableConfig, RunnableSerializable
from langchain_core.utils.pydantic import TypeBaseModel
from pydantic import BaseModel, Field, PrivateAttr
from typing_extensions import Self, override

from dify_integrations import AsyncDify, Dify, InvalidArgument, RunResult, TextDelta
from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.bridge.tool_schema import ArgumentSchema, argument_schema, form_of, tool_name, variables_model
from dify_integrations.models.apps import AppInfo, AppParameters

from ._base import Connection, require_mode
from ._cancelling import gate, watcher
from ._outputs import OutputsChunk, outputs_of
from ._pausing import AsyncPausingCall, OnPause, SyncPausingCall
from ._progress import progress_of
from ._scopes import Generators
from ._tracing import AsyncChildRuns, SyncChildRuns, afollow, follow

_PASSED_ON = ("user", "workflow_id", "trace_id", "resume")


class DifyWorkflow(Connection, RunnableSerializable[dict[str, Any], dict[str, Any]]):
    """A workflow app as a step of a chain or a node of a graph.

    `DifyWorkflow.from_app(api_key="app-…")` asks the app for its form once; then `input_schema` tells the variables,
    and what is given is checked before anything is sent. The constructor asks nothing and sends what it is given.

    `invoke` returns the outputs as the workflow's end names them; a workflow that only answers with text gives `{"text": …}`.
    `stream` gives `{"text": …}` piece by piece and then the outputs; all pieces added up are the outputs. Dify tells nobody
    what outputs a workflow has, so the output schema is any object.

    A run that waits for a person is no error: the forms are under `pause`; with `on_pause="interrupt"` it is an interrupt of
    the LangGraph around the call. A failed run raises `RunFailed`, a stopped one
    `RunStopped`, both with the result so far.

    Per call: `user`, `workflow_id`, `trace_id`, `resume` as for `dify.workflows.stream`; `user` also as
    `config={"configurable": {"dify_user": …}}`. A `DifyCancelToken` given as `cancel`, or as `dify_cancel` in the config, ends
    the call from outside, with `RunStopped`.
    """

    name: str | None = Field(default=None, description="A name for the workflow, for traces.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Variables of every call, which callers do not give.")
    workflow_id: str | None = Field(default=None, description="A published version instead of the current one.")
    trace_nodes: bool = Field(default=True, description="Show nodes, tools and retrievals as child runs.")
    on_pause: OnPause = Field(
        default="return", description="Whether a run that waits for a person is a result, or an interrupt of the LangGraph around."
    )

    _schema: ArgumentSchema | None = PrivateAttr(default=None)
    _input_schema: type[BaseModel] | None = PrivateAttr(default=None)

    @classmethod
    def from_app(cls, client: Dify | None = None, **fields: Any) -> Self:
        """Ask the app what it takes.

        Args:
            client: A shared client whose key is the app's; otherwise pass `api_key` and `base_url`, or set them in the
                environment.
            **fields: Further fields, such as `inputs`, `user`, `name`.

        Raises:
            InvalidArgument: It is an app of another kind.
            APIError: The app cannot be asked.
        """
        workflow = cls(client=client, **fields)
        app = workflow.clients.sync.app
        return workflow._introduced(app.info(), app.parameters())

    @classmethod
    async def afrom_app(cls, async_client: AsyncDify | None = None, **fields: Any) -> Self:
        """As `from_app`, without blocking."""
        workflow = cls(async_client=async_client, **fields)
        app = workflow.clients.asynchronous.app
        return workflow._introduced(await app.info(), await app.parameters())

    def _introduced(self, info: AppInfo, parameters: AppParameters) -> Self:
        require_mode(info, lambda mode: mode == "workflow", self)
        self.name = self.name or tool_name(info.name)
        self._schema = argument_schema(self.name, form_of(parameters), fixed=tuple(self.inputs))
        self._input_schema = variables_model(self._schema)
        return self

    @override
    def get_input_schema(self, config: RunnableConfig | None = None) -> TypeBaseModel:
        return self._input_schema or super().get_input_schema(config)

    # -- calling

    @override
    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return self._call_with_config(self._invoke, input, config, **kwargs)

    @override
    async def ainvoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return await self._acall_with_config(self._ainvoke, input, config, **kwargs)

    @override
    def stream(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[dict[str, Any]]:
        return self.transform(iter([input]), config, **kwargs)

    @override
    def astream(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[dict[str, Any]]:
        async def inputs() -> AsyncIterator[dict[str, Any]]:
            yield input

        return self.atransform(inputs(), config, **kwargs)

    @override
    def transform(
        self, input: Iterator[dict[str, Any]], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        generators = Generators()

        def pieces(inputs: Iterator[dict[str, Any]], run_manager: CallbackManagerForChainRun, config: RunnableConfig) -> Any:
            return generators.adopt(self._pieces(inputs, run_manager, config, kwargs))

        chunks = generators.adopt(self._transform_stream_with_config(input, pieces, config))
        try:
            for chunk in chunks:  # noqa: UP028  # `yield from` would close core's generator before ours
                yield chunk
        finally:
            generators.close()

    @override
    async def atransform(
        self, input: AsyncIterator[dict[str, Any]], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[dict[str, Any]]:
        generators = Generators()

        def pieces(
            inputs: AsyncIterator[dict[str, Any]], run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
        ) -> Any:
            return generators.adopt(self._apieces(inputs, run_manager, config, kwargs))

        chunks = generators.adopt(self._atransform_stream_with_config(input, pieces, config))
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await generators.aclose()

    # -- the runs

    def _invoke(
        self, input: dict[str, Any], run_manager: CallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> dict[str, Any]:
        children = run_manager.get_child() if self.trace_nodes else None
        client, request = self.clients.sync, self._request(input, config, kwargs)
        progress, watch = progress_of(config, self._about()), watcher(config, kwargs)

        def begin() -> RunResult:
            return follow(watch(client.workflows.stream(**request)), children, progress)

        if self.on_pause == "interrupt":
            said = {**self._said(request), "allow": gate(config, kwargs)}
            return cast(
                "dict[str, Any]",
                SyncPausingCall(client, begin, lambda run: follow(watch(run), children, progress), **said).run(config),
            )
        return outputs_of(begin())

    async def _ainvoke(
        self, input: dict[str, Any], run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig, **kwargs: Any
    ) -> dict[str, Any]:
        children = run_manager.get_child() if self.trace_nodes else None
        client, request = self.clients.asynchronous, self._request(input, config, kwargs)
        progress, watch = progress_of(config, self._about()), watcher(config, kwargs)

        async def begin() -> RunResult:
            return await afollow(watch(client.workflows.stream(**request)), children, progress)

        if self.on_pause == "interrupt":
            said = {**self._said(request), "allow": gate(config, kwargs)}
            call = AsyncPausingCall(client, begin, lambda run: afollow(watch(run), children, progress), **said)
            return cast("dict[str, Any]", await call.run(config))
        return outputs_of(await begin())

    def _about(self) -> dict[str, Any]:
        return {"workflow": self.name}

    def _said(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What a call that can be interrupted needs to know of this one."""
        app = app_fingerprint(self.clients.settings, "whoever")  # another user may go on with it
        key = f"the workflow {self.name or app}"
        return {"key": key, "given": request, "about": self._about(), "user": request.get("user"), "output": outputs_of}

    def _pieces(
        self,
        inputs: Iterator[dict[str, Any]],
        run_manager: CallbackManagerForChainRun,
        config: RunnableConfig,
        kwargs: Mapping[str, Any],
    ) -> Iterator[OutputsChunk]:
        whole = _added(list(inputs))
        if self.on_pause == "interrupt":
            yield OutputsChunk.whole(self._invoke(whole, run_manager, config, **kwargs))
            return
        run = watcher(config, kwargs)(self.clients.sync.workflows.stream(**self._request(whole, config, kwargs)))
        root = run_manager.get_child() if self.trace_nodes else None
        with SyncChildRuns(root, progress_of(config, self._about())) as children, run:
            for item in run.items():
                if type(item) in children.wants:
                    children.tell(item)
                if isinstance(item, TextDelta):
                    yield OutputsChunk(text=item.text)
        yield OutputsChunk.last(run.result)

    async def _apieces(
        self,
        inputs: AsyncIterator[dict[str, Any]],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        kwargs: Mapping[str, Any],
    ) -> AsyncIterator[OutputsChunk]:
        whole = _added([part async for part in inputs])
        if self.on_pause == "interrupt":
            yield OutputsChunk.whole(await self._ainvoke(whole, run_manager, config, **kwargs))
            return
        run = watcher(config, kwargs)(self.clients.asynchronous.workflows.stream(**self._request(whole, config, kwargs)))
        root = run_manager.get_child() if self.trace_nodes else None
        async with AsyncChildRuns(root, progress_of(config, self._about())) as children, run:
            async for item in run.items():
                if type(item) in children.wants:
                    await children.tell(item)
                if isinstance(item, TextDelta):
                    yield OutputsChunk(text=item.text)
        yield OutputsChunk.last(run.result)

    def _request(self, input: dict[str, Any], config: RunnableConfig, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(input, Mapping):
            raise InvalidArgument(f"a workflow takes its variables as a dictionary, not a {type(input).__name__}")
        told = self._told({name: kwargs[name] for name in _PASSED_ON if name in kwargs}, config)
        given = input if self._schema is None else self._schema.inputs_of(self._schema.arguments_of(input))
        return {"workflow_id": self.workflow_id, **told, "inputs": {**given, **self.inputs}}


def _added(pieces: Sequence[Any]) -> Any:
    """What came in pieces as one; of pieces that cannot be added, such as the snapshots of a JSON parser, the last."""
    whole = pieces[0] if pieces else {}
    for piece in pieces[1:]:
        try:
            whole = whole + piece
        except TypeError:
            whole = piece
    return whole
