"""What a hook of a model cannot be told by its arguments: whose call it is, and which generators are around its own.

Core tells `_stream` neither its run nor the config, and closes its own generators before ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langchain_core.utils.uuid import uuid7

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
    from langchain_core.runnables import RunnableConfig
    from typing_extensions import Self

GeneratorT = TypeVar("GeneratorT")
ChunkT = TypeVar("ChunkT")

_current: ContextVar[Generators | None] = ContextVar("langchain_dify_call", default=None)


class Generators:
    """Nested generators that are closed from the inside out: our child runs and connection before core's run around them.

    Around the first step of the outer one this is the current scope, so that the inner one can be found.
    """

    def __init__(self) -> None:
        self._generators: list[Any] = []
        self._taken = False
        self._token: Token[Generators | None] | None = None

    def flow(self, chunks: Iterator[ChunkT], around: AbstractContextManager[None]) -> Generator[ChunkT, None, None]:
        """The chunks of core's generator; closing this one closes all. The first step is made inside `around`."""
        self.adopt(chunks)
        try:
            with self, around:
                first = next(chunks, None)
            if first is not None:
                yield first
            for chunk in chunks:  # noqa: UP028  # `yield from` would close core's generator before ours
                yield chunk
        finally:
            self.close()

    async def aflow(self, chunks: AsyncIterator[ChunkT], around: AbstractContextManager[None]) -> AsyncGenerator[ChunkT, None]:
        """As `flow`, without blocking."""
        self.adopt(chunks)
        try:
            with self, around:
                first = await anext(chunks, None)
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk
        finally:
            await self.aclose()

    def __enter__(self) -> Self:
        """Be the current scope. Only around the first step of a generator, or it would leak into its consumer."""
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None

    @classmethod
    def take(cls) -> Self | None:
        """The current scope of this kind, for the first call inside it only."""
        scope = _current.get()
        if not isinstance(scope, cls) or scope._taken:
            return None
        scope._taken = True
        return scope

    def adopt(self, generator: GeneratorT) -> GeneratorT:
        """Close this generator before those that came earlier."""
        self._generators.append(generator)
        return generator

    def close(self) -> None:
        """Close them, the inner one first."""
        for generator in reversed(self._generators):
            generator.close()

    async def aclose(self) -> None:
        """Close them, the inner one first."""
        for generator in reversed(self._generators):
            await generator.aclose()


class CallScope(Generators):
    """What `_stream` needs to know and core does not tell it: which run it is, and who listens.

    Made by the public methods before core makes its run, under an id chosen in advance.

    Args:
        config: The call's config, complete.
        manager: Made from it once; core is handed the same object, so that tracers know the parent of our children.
    """

    def __init__(self, config: RunnableConfig, manager: CallbackManager | AsyncCallbackManager) -> None:
        super().__init__()
        self.run_id = config.get("run_id") or uuid7()
        self.config = cast("RunnableConfig", {**config, "callbacks": manager, "run_id": self.run_id})
        self.inheritable_handlers = manager.inheritable_handlers
        self.inheritable_tags = manager.inheritable_tags
        self.inheritable_metadata = manager.inheritable_metadata
