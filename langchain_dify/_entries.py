"""The public ways into a chat model, thin layers over core's: they know the run before core makes it.

Core tells `_stream` neither its run nor the call's config. Here the config is completed, the run's id chosen, and what
`config["configurable"]` says made keyword arguments; `_tracing.CallScope` carries the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.runnables.config import get_async_callback_manager_for_config, get_callback_manager_for_config
from typing_extensions import override

from ._base import with_configurable
from ._tracing import CallScope

_CONFIGURABLE = ("user", "conversation_id")


class ScopedChatModel(BaseChatModel):
    """A chat model whose hooks find their call in `CallScope.take`, and whose streams close from the inside out."""

    @override
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AIMessage:
        with self._scope(config, get_callback_manager_for_config) as scope:
            kwargs = with_configurable(kwargs, scope.config, *_CONFIGURABLE)
            return super().invoke(input, scope.config, stop=stop, **kwargs)

    @override
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AIMessage:
        with self._scope(config, get_async_callback_manager_for_config) as scope:
            kwargs = with_configurable(kwargs, scope.config, *_CONFIGURABLE)
            return await super().ainvoke(input, scope.config, stop=stop, **kwargs)

    @override
    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        scope = self._scope(config, get_callback_manager_for_config)
        kwargs = with_configurable(kwargs, scope.config, *_CONFIGURABLE)
        chunks = scope.adopt(super().stream(input, scope.config, stop=stop, **kwargs))
        try:
            with scope:
                first = next(chunks, None)
            if first is not None:
                yield first
            for chunk in chunks:  # noqa: UP028  # `yield from` would close core's generator before ours
                yield chunk
        finally:
            scope.close()

    @override
    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, *, stop: list[str] | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        scope = self._scope(config, get_async_callback_manager_for_config)
        kwargs = with_configurable(kwargs, scope.config, *_CONFIGURABLE)
        chunks = scope.adopt(super().astream(input, scope.config, stop=stop, **kwargs))
        try:
            with scope:
                first = await anext(chunks, None)
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk
        finally:
            await scope.aclose()

    def _scope(
        self,
        config: RunnableConfig | None,
        manager_for: Callable[[RunnableConfig], CallbackManager] | Callable[[RunnableConfig], AsyncCallbackManager],
    ) -> CallScope:
        config = ensure_config(config)
        return CallScope(config, manager_for(config))
