"""A streamed answer of a chat engine, which can be left."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

from llama_index.core.chat_engine.types import StreamingAgentChatResponse

from dify_integrations.errors import InvalidArgument

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse
    from typing_extensions import Self

    from ._chat_turns import ChatTurn


class DifyStreamingChatResponse(StreamingAgentChatResponse):
    """An answer while it is written. Made by `DifyChatEngine`.

    Nothing is sent before it is read, by `response_gen`, `async_response_gen()` or one of the two that print. Leaving the
    loop, `close` and `aclose` end it and have Dify stop the run. It is its reader who keeps it going: there is no thread
    and no task behind it.

    Attributes:
        response: The answer as it stands. Behind a replaced answer it is the replacement, whatever was streamed.
        sources, source_nodes, metadata: Tools, passages and ids; empty before the end.
        exception: What the answer failed of; whoever reads it again is told so again.
    """

    def __init__(
        self,
        turn: ChatTurn,
        *,
        chunks: Generator[ChatResponse, None, None] | None = None,
        achunks: AsyncGenerator[ChatResponse, None] | None = None,
    ) -> None:
        super().__init__(
            chat_stream=chunks,
            achat_stream=achunks,
            sources=turn.sources,
            source_nodes=turn.source_nodes,
            is_function=False,
            is_writing_to_memory=False,
        )
        self.metadata: dict[str, Any] = turn.metadata
        self._turn = turn
        self._chunks = chunks
        self._achunks = achunks
        # One that nobody ever read is no turn any more when it is gone.
        weakref.finalize(self, turn.abandon).atexit = False

    def __str__(self) -> str:
        self._settle()
        return self.response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def response_gen(self) -> Generator[str, None, None]:
        """The text as it is written.

        Raises:
            InvalidArgument: It is an asynchronous answer.
        """
        if self._chunks is None:
            raise InvalidArgument("this answer comes asynchronously: read async_response_gen()")
        if self.exception is not None:
            raise self.exception
        spoken = False
        try:
            for chunk in self._chunks:
                self._settle()
                if chunk.delta:
                    spoken = True
                    yield chunk.delta
            self._settle()
            self.is_done = True
            if not spoken:
                yield self.response
        except Exception as error:
            self.exception = error
            raise
        finally:
            self.close()

    async def async_response_gen(self) -> AsyncGenerator[str, None]:
        """The text as it is written.

        Raises:
            InvalidArgument: It is a synchronous answer.
        """
        if self._achunks is None:
            raise InvalidArgument("this answer comes synchronously: read response_gen")
        if self.exception is not None:
            raise self.exception
        spoken = False
        try:
            async for chunk in self._achunks:
                self._settle()
                if chunk.delta:
                    spoken = True
                    yield chunk.delta
            self._settle()
            self.is_done = True
            if not spoken:
                yield self.response
        except Exception as error:
            self.exception = error
            raise
        finally:
            await self.aclose()

    def close(self) -> None:
        """End the answer; a run that is not over is stopped. Also from another thread, and twice."""
        if self._chunks is None or inspect.getgeneratorstate(self._chunks) == inspect.GEN_RUNNING:
            self._turn.stop()  # whoever reads it is told its end
        else:
            self._chunks.close()
        self._turn.abandon()
        self._settle()

    async def aclose(self) -> None:
        """As `close`."""
        if self._achunks is None or getattr(self._achunks, "ag_running", False):  # getasyncgenstate came with Python 3.12
            self.close()
            return
        await self._achunks.aclose()
        self._turn.abandon()
        self._settle()

    def _settle(self) -> None:
        self.response = self.unformatted_response = self._turn.text
