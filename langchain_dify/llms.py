"""A Dify completion app, or a chat app asked one thing at a time, as a LangChain text model.

LangGraph's message stream ignores text models; use `ChatDify` there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManager, AsyncCallbackManagerForLLMRun, CallbackManager, CallbackManagerForLLMRun
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables.config import get_executor_for_config
from langchain_core.runnables.utils import gather_with_concurrency
from langchain_core.tracers._streaming import _StreamingCallbackHandler
from pydantic import Field, PrivateAttr
from typing_extensions import override

from dify_integrations import AsyncRun, Run
from dify_integrations.bridge.arguments import files_in, merged_inputs
from dify_integrations.bridge.form import FormField, form_of, prompt_variable
from dify_integrations.bridge.reading import Reading

from ._cancelling import cancelled_by, with_token
from ._entries import ScopedLLM
from ._mapping import Continuation, OnReplace, Reply, generation_of
from ._scopes import Generators
from ._tracing import AsyncChildRuns, ManagerT, SyncChildRuns, manager_below
from .errors import model_errors


class DifyLLM(ScopedLLM):
    """A text model whose texts are a Dify app's.

    The prompt becomes the app's variable `prompt_key`: unless given, `query` or the first required text variable of the
    app's form that has no value in `inputs`. With `mode="chat"` it becomes the query of a chat app, every time in a new
    conversation.

    `generation_info` of the result holds `finish_reason`, `usage` and the ids, as `response_metadata` of `ChatDify` does.
    Per call: `llm.invoke("…", inputs={…}, user="bob", files=[FileInput…])`; `inputs` and `user` also as
    `config={"configurable": {"dify_inputs": …, "dify_user": …}}`. Every input of a `batch` is a run of its own.

    Callbacks hear tokens while `stream` is read, and inside `invoke` with `streaming=True` or when somebody streams the
    events of what is around it (`astream_events`). A cached text belongs to the app, the user and the arguments of the call;
    calls with files of this machine are not cached.
    """

    mode: Literal["completion", "chat"] = Field(default="completion", description="Kind of app behind the key.")
    prompt_key: str | None = Field(default=None, description="Variable that takes the prompt; asked of the app unless given.")
    streaming: bool = Field(default=False, description="Tell callbacks every token inside `invoke`, whoever listens.")
    on_replace: OnReplace = Field(
        default="annotate", description="What a stream does when the app withdraws what was said: annotate it, raise, or buffer."
    )

    _forms: dict[str, tuple[FormField, ...]] = PrivateAttr(default_factory=dict)  # shared by copies, which may be of other apps

    @property
    def _llm_type(self) -> str:
        return "dify"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {
            "model_name": self.model,
            "app_fingerprint": self.app_fingerprint,
            "mode": self.mode,
            "prompt_key": self.prompt_key,
            "inputs": self.inputs,
            "stop": self.stop,
            "on_replace": self.on_replace,
            **({"call": self._call} if self._call else {}),
        }

    @override
    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        kwargs = with_token(kwargs)

        def write(prompt: str) -> list[Generation]:
            manager = run_manager if len(prompts) == 1 else None  # core hands over the first prompt's only
            return [generation_of([*self._texts(prompt, stop, manager, kwargs, aloud=self._is_aloud(manager))])]

        if len(prompts) == 1:
            return LLMResult(generations=[write(prompts[0])])
        with get_executor_for_config({}) as executor:
            return LLMResult(generations=[*executor.map(write, prompts)])

    @override
    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        kwargs = with_token(kwargs)

        async def write(prompt: str) -> list[Generation]:
            manager = run_manager if len(prompts) == 1 else None
            chunks = self._atexts(prompt, stop, manager, kwargs, aloud=self._is_aloud(manager))
            return [generation_of([chunk async for chunk in chunks])]

        return LLMResult(generations=await gather_with_concurrency(None, *map(write, prompts)))

    @override
    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        texts, outer = self._texts(prompt, stop, run_manager, with_token(kwargs), aloud=True), Generators.take()
        return outer.adopt(texts) if outer is not None else texts

    @override
    def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        texts, outer = self._atexts(prompt, stop, run_manager, with_token(kwargs), aloud=True), Generators.take()
        return outer.adopt(texts) if outer is not None else texts

    def _texts(
        self,
        prompt: str,
        stop: list[str] | None,
        run_manager: CallbackManagerForLLMRun | None,
        kwargs: Mapping[str, Any],
        *,
        aloud: bool,
    ) -> Iterator[GenerationChunk]:
        with model_errors():
            run = cancelled_by(kwargs, self._open(prompt, kwargs))
        written, teller = self._continuation(run, stop), run_manager if aloud else None
        children = SyncChildRuns(self._root(run_manager, CallbackManager))
        with model_errors(), children, run:
            for item in run.items():
                if type(item) in children.wants:
                    children.tell(item)
                for chunk in written.chunks(item):
                    if teller is not None:
                        teller.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
                if written.cut:
                    break
        for chunk in written.rest(run.result):
            if teller is not None and chunk.text:
                teller.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _atexts(
        self,
        prompt: str,
        stop: list[str] | None,
        run_manager: AsyncCallbackManagerForLLMRun | None,
        kwargs: Mapping[str, Any],
        *,
        aloud: bool,
    ) -> AsyncIterator[GenerationChunk]:
        with model_errors():
            run = cancelled_by(kwargs, await self._aopen(prompt, kwargs))
        written, teller = self._continuation(run, stop), run_manager if aloud else None
        children = AsyncChildRuns(self._root(run_manager, AsyncCallbackManager))
        with model_errors():
            async with children, run:
                async for item in run.items():
                    if type(item) in children.wants:
                        await children.tell(item)
                    for chunk in written.chunks(item):
                        if teller is not None:
                            await teller.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                    if written.cut:
                        break
        for chunk in written.rest(run.result):
            if teller is not None and chunk.text:
                await teller.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    # -- what both share

    def _is_aloud(self, run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None) -> bool:
        """Whether `invoke` tells tokens: when told to, or when somebody streams what is around it."""
        handlers = run_manager.handlers if run_manager is not None else ()
        return self.streaming or any(isinstance(handler, _StreamingCallbackHandler) for handler in handlers)

    def _open(self, prompt: str, kwargs: Mapping[str, Any]) -> Run:
        client = self.clients.timed(kwargs.get("timeout")).sync
        if self.mode == "chat":
            return client.chat.stream(prompt, auto_generate_name=False, **self._options(kwargs))
        if not self.prompt_key and self.app_fingerprint not in self._forms:
            self._forms[self.app_fingerprint] = form_of(client.app.parameters())
        return client.completion.stream(**self._options(kwargs, prompt))

    async def _aopen(self, prompt: str, kwargs: Mapping[str, Any]) -> AsyncRun:
        client = self.clients.timed(kwargs.get("timeout")).asynchronous
        if self.mode == "chat":
            return client.chat.stream(prompt, auto_generate_name=False, **self._options(kwargs))
        if not self.prompt_key and self.app_fingerprint not in self._forms:
            self._forms[self.app_fingerprint] = form_of(await client.app.parameters())
        return client.completion.stream(**self._options(kwargs, prompt))

    def _options(self, kwargs: Mapping[str, Any], prompt: str | None = None) -> dict[str, Any]:
        inputs = merged_inputs(self.inputs, kwargs.get("inputs"))
        if prompt is not None:
            inputs[self.prompt_key or prompt_variable(self._forms[self.app_fingerprint], taken=inputs)] = prompt
        return {"inputs": inputs, "user": kwargs.get("user"), "files": files_in(kwargs.get("files"))}

    def _continuation(self, run: Run | AsyncRun, stop: list[str] | None) -> Continuation:
        return Continuation(
            Reply(
                model=self.model,
                stamp={"app": self.app_fingerprint},
                reading=lambda: Reading(stop or self.stop or ()),
                result=lambda: run.result,
                on_replace=self.on_replace,
            )
        )

    def _root(self, run_manager: Any, kind: type[ManagerT]) -> ManagerT | None:
        return manager_below(run_manager, kind) if self.trace_nodes else None
