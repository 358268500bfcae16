"""Dify apps as LlamaIndex tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.bridge.outputs import output_text
from dify_integrations.bridge.tool_schema import QUERY

from ._app_tools import AppTool
from ._surroundings import Kept

if TYPE_CHECKING:
    from llama_index.core.workflow import Context

    from dify_integrations import AsyncDify, Dify
    from dify_integrations.runs.result import RunResult

__all__ = ["DifyChatTool", "DifyWorkflowTool"]


class DifyWorkflowTool(AppTool):
    """A Dify workflow app as a tool for agents. One call is one run, also when it fails.

    A failed run is no exception but a `ToolOutput` with `is_error`, so that the agent learns of it. The content is the
    workflow's single text output, or its outputs as JSON; `raw_output` tells everything of the run. In a running agent or
    workflow, nodes appear in its event stream as `DifyNodeEvent`s when the tool is called asynchronously; and a run that
    waits for a person asks through a `DifyHumanInputRequest` there.

    Make it with `from_app` (reads the app's form) or with a schema of your own (sends nothing).

    Args:
        client: A shared `Dify`.
        async_client: A shared `AsyncDify`.
        name: What the model calls the tool; `A-Za-z0-9_-`, at most 64.
        description: What the model is told, cut to 1024 characters.
        schema: The arguments: a pydantic model whose fields are the app's variables. Without one the model fills in all
            variables as one object, `inputs`.
        output_key: Use this output only.
        partial_params: Variables that are always sent so and that the model does not see.
        return_direct: Whether the content is the agent's answer.
        return_files: Whether produced files are blocks of the output, by their address.
        ask: Whether a run that waits for a person asks through the workflow or agent around the call.
        on_pause: What such a run is where nobody can be asked: a result that says so, or `DifyPausedError`.
        stream_events: What the workflow or agent is told: some of `workflow`, `nodes`, `text`, `reasoning`, `thoughts`.
        trace_payloads: What tracers see of arguments, and of inputs and outputs of nodes: `none`, `truncated` or `full`.
        callback, async_callback: Called with `raw_output`; gives another output, another content, or `None`.
        api_key, base_url, user, timeout, max_retries: Settings; beside a client they change a copy of it, but for `base_url`.
            `user` may be a function that tells the end user at every call.
        workflow_id: A published version of the app instead of the current one.

    Examples:
        ```python
        tool = DifyWorkflowTool.from_app(api_key="app-…", base_url="http://localhost/v1", user="ada", name="write")
        agent = FunctionAgent(tools=[tool], llm=llm)
        ```
    """

    _modes: ClassVar[str] = "workflow"
    _asks: ClassVar[bool] = False

    def __init__(self, client: Dify | None = None, *, output_key: str | None = None, **options: Any) -> None:
        super().__init__(client, **options)
        self._output_key = output_key

    @classmethod
    def _takes(cls, mode: str) -> bool:
        return mode == "workflow"

    def _start(self, client: Dify | AsyncDify, request: dict[str, Any]) -> Any:
        return client.workflows.stream(**request)

    def _text(self, result: RunResult) -> str:
        return output_text(result, self._output_key)


class DifyChatTool(AppTool):
    """A Dify chat, agent or chatflow app as a tool, so that an agent can delegate to it.

    Its arguments are `query` and the variables of the app's form; all else is as with `DifyWorkflowTool`.

    Args:
        conversation: `run`: the calls of a workflow or agent run are one conversation in Dify, kept in its `Context`, so
            also of later runs with the same `Context`. A call that begins while another is under way, and every call outside
            of a workflow, begins a new one. `new`: every call does.
        client, name, description, **options: As for `DifyWorkflowTool`.
    """

    _modes: ClassVar[str] = "chat, agent and chatflow"
    _asks: ClassVar[bool] = True

    def __init__(self, client: Dify | None = None, *, conversation: Literal["run", "new"] = "run", **options: Any) -> None:
        super().__init__(client, **options)
        self._conversation: Literal["run", "new"] = conversation

    @classmethod
    def _takes(cls, mode: str) -> bool:
        return mode not in ("workflow", "completion")

    def _start(self, client: Dify | AsyncDify, request: dict[str, Any]) -> Any:
        query = request["inputs"].get(QUERY) or ""
        return client.chat.stream(query, auto_generate_name=False, **request)

    def _text(self, result: RunResult) -> str:
        return result.text or output_text(result)

    async def _enter(self, request: dict[str, Any], context: Context[Any] | None) -> dict[str, Any]:
        kept = await self._conversations(context)
        return {**request, "conversation_id": (await kept.pop(self._mine(request["user"])) if kept else "") or ""}

    async def _leave(self, context: Context[Any] | None, user: str | None, conversation_id: str) -> None:
        kept = await self._conversations(context)
        if kept is not None and conversation_id:
            await kept.put(self._mine(user), conversation_id)

    def _mine(self, user: str | None) -> str:
        """Names this tool's conversation: agents of one `Context` may have tools of other apps or users by the same name."""
        return f"{self.metadata.get_name()}:{app_fingerprint(self._clients.settings, user)}"

    async def _conversations(self, context: Context[Any] | None) -> Kept | None:
        if context is None or self._conversation == "new":
            return None
        kept = Kept(context, "conversations")
        return kept if await kept.possible() else None
