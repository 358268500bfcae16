"""The public ways into the models, thin layers over core's: they know the run before core makes it.

Core tells `_stream` neither its run nor the call's config. Here the config is completed, the run's id chosen, and what
`config["configurable"]` says made keyword arguments; `_scopes.CallScope` carries the rest. Every way to a cache leads
through `generate`, which sees to it that no answer is taken for another's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager, Callbacks
from langchain_core.language_models import BaseChatModel, BaseLLM, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config
from langchain_core.runnables.config import get_async_callback_manager_for_config, get_callback_manager_for_config
from pydantic import PrivateAttr
from typing_extensions import Self, override

from dify_integrations.bridge.inline import has_local_file

from ._base import App
from ._caching import whole_answers
from ._cancelling import Cancelling
from ._scopes import CallScope, Generators

_CONFIGURABLE = ("conversation_id", "inputs")
_OF_THE_RUN = ("tags", "metadata", "run_name", "run_id")


class ScopedChatModel(App, BaseChatModel):
    """A chat model whose hooks find their call in `CallScope.take`, and whose streams close from the inside out."""

    @override
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AIMessage:
        with self._scope(config, get_callback_manager_for_config) as scope, Cancelling(scope.config, kwargs):
            kwargs = self._told(kwargs, scope.config, *_CONFIGURABLE)
            return super().invoke(input, scope.config, stop=stop, **kwargs)

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AIMessage:
        with self._scope(config, get_async_callback_manager_for_config) as scope, Cancelling(scope.config, kwargs):
            kwargs = self._told(kwargs, scope.config, *_CONFIGURABLE)
            return await super().ainvoke(input, scope.config, stop=stop, **kwargs)

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> Generator[AIMessageChunk, None, None]:
        scope = self._scope(config, get_callback_manager_for_config)
        cancelling = Cancelling(scope.config, kwargs)
        kwargs = self._told(kwargs, scope.config, *_CONFIGURABLE)
        return scope.flow(super().stream(input, scope.config, stop=stop, **kwargs), cancelling)

    @override
    def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncGenerator[AIMessageChunk, None]:
        scope = self._scope(config, get_async_callback_manager_for_config)
        cancelling = Cancelling(scope.config, kwargs)
        kwargs = self._told(kwargs, scope.config, *_CONFIGURABLE)
        return scope.aflow(super().astream(input, scope.config, stop=stop, **kwargs), cancelling)

    @override
    def stream_events(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return super().stream_events(input, config, **self._events_kwargs(config, kwargs))

    @override
    def astream_events(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return super().astream_events(input, config, **self._events_kwargs(config, kwargs))

    @override
    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Callbacks = None, **kwargs: Any
    ) -> LLMResult:
        model, kwargs = self._cached_as(messages, kwargs)
        return super(ScopedChatModel, model).generate(messages, stop, callbacks, **kwargs)

    @override
    async def agenerate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Callbacks = None, **kwargs: Any
    ) -> LLMResult:
        model, kwargs = self._cached_as(messages, kwargs)
        return await super(ScopedChatModel, model).agenerate(messages, stop, callbacks, **kwargs)

    def _cached_as(self, messages: list[list[BaseMessage]], kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """This model, or a copy without a cache; and the arguments that make its key, the user among them."""
        if kwargs.get("user") is None:
            kwargs = self._told(kwargs, ensure_config())
        cache = whole_answers(self.cache)
        if cache is None:
            return self, kwargs
        # In a conversation the same words are another question every time.
        content = [message.content for history in messages for message in history]
        fresh = bool(kwargs.get("conversation_id")) or has_local_file(kwargs) or has_local_file(content)
        return self.alike(cache=False if fresh else cache), kwargs

    def _events_kwargs(self, config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Version 3 of the events goes to the hooks past all the other ways in."""
        return self._told(kwargs, ensure_config(config), *_CONFIGURABLE) if kwargs.get("version") == "v3" else kwargs

    def _scope(
        self,
        config: RunnableConfig | None,
        manager_for: Callable[[RunnableConfig], CallbackManager] | Callable[[RunnableConfig], AsyncCallbackManager],
    ) -> CallScope:
        config = ensure_config(config)
        return CallScope(config, manager_for(config))


class ScopedLLM(App, BaseLLM):
    """A text model that knows the call's config, and whose cache knows the call's arguments: core leaves them out of the key."""

    _call: dict[str, Any] = PrivateAttr(default_factory=dict)

    @override
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> str:
        config = ensure_config(config)
        with Cancelling(config, kwargs):
            return super().invoke(input, config, stop=stop, **self._told(kwargs, config, "inputs"))

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> str:
        config = ensure_config(config)
        with Cancelling(config, kwargs):
            return await super().ainvoke(input, config, stop=stop, **self._told(kwargs, config, "inputs"))

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> Generator[str, None, None]:
        config = ensure_config(config)
        cancelling = Cancelling(config, kwargs)
        return Generators().flow(super().stream(input, config, stop=stop, **self._told(kwargs, config, "inputs")), cancelling)

    @override
    def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncGenerator[str, None]:
        config = ensure_config(config)
        cancelling = Cancelling(config, kwargs)
        return Generators().aflow(super().astream(input, config, stop=stop, **self._told(kwargs, config, "inputs")), cancelling)

    # Core's text models answer a batch in one call, whose arguments are those of the first config.

    @override
    def batch(self, inputs: list[LanguageModelInput], *args: Any, **kwargs: Any) -> list[str]:
        return Runnable.batch(self, inputs, *args, **kwargs)

    @override
    async def abatch(self, inputs: list[LanguageModelInput], *args: Any, **kwargs: Any) -> list[str]:
        return await Runnable.abatch(self, inputs, *args, **kwargs)

    @override
    def generate(self, prompts: list[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any) -> LLMResult:
        model, kwargs = self._cached_as(kwargs)
        return super(ScopedLLM, model).generate(prompts, stop, callbacks, **kwargs)

    @override
    async def agenerate(self, prompts: list[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any) -> LLMResult:
        model, kwargs = self._cached_as(kwargs)
        return await super(ScopedLLM, model).agenerate(prompts, stop, callbacks, **kwargs)

    def _cached_as(self, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        """A copy whose identity holds the call's arguments, or none when there is no cache; and the arguments."""
        if kwargs.get("user") is None:
            kwargs = self._told(kwargs, ensure_config())
        cache = whole_answers(self.cache)
        if cache is None:
            return self, kwargs
        if has_local_file(kwargs):
            return self.alike(cache=False), kwargs
        model = self.alike(cache=cache)
        model._call = {name: value for name, value in kwargs.items() if name not in _OF_THE_RUN}
        return model, kwargs
