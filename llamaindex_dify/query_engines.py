"""A Dify app as a LlamaIndex query engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseAsyncGen, ChatResponseGen, MessageRole
from llama_index.core.base.response.schema import AsyncStreamingResponse, Response, StreamingResponse
from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.settings import Settings

from dify_integrations.errors import InvalidArgument

from ._leaving import left_with
from ._mapping import nodes_of_documents
from .llms import DifyChatLLM

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.prompts.mixin import PromptMixinType
    from llama_index.core.schema import NodeWithScore, QueryBundle
    from llama_index.core.types import TokenAsyncGen, TokenGen
    from typing_extensions import Self

    from dify_integrations import AsyncDify, Dify

    from .llms import DifyCompletionLLM


class DifyQueryEngine(BaseQueryEngine):
    """An app that answers questions: what it retrieves, it retrieves itself.

    Every query is a conversation of its own, so one engine serves everybody at once, and may be a tool of
    `RouterQueryEngine`, `SubQuestionQueryEngine` and agents. `source_nodes` are the passages that the answer cites;
    `metadata["dify"]` has ids, `usage`, and `status` when the answer is `stopped` or `paused`.

    Args:
        llm: The app.
        streaming: Whether answers are streamed. `source_nodes` and `metadata` are complete when a stream has ended.
        user: Who asks; the LLM's unless given.
        inputs: The app's variables, over those of the LLM.
        callback_manager: `Settings`' unless given.

    Examples:
        ```python
        engine = DifyQueryEngine.from_defaults(api_key="app-…", base_url="http://localhost/v1", user="ada")
        print(engine.query("How long can I return an order?"))
        ```
    """

    def __init__(
        self,
        llm: DifyChatLLM | DifyCompletionLLM,
        *,
        streaming: bool = False,
        user: str | None = None,
        inputs: dict[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(callback_manager or Settings.callback_manager)
        own: dict[str, Any] = {"inputs": {**llm.inputs, **(inputs or {})}, "conversation": "stateless", "conversation_id": None}
        self._llm = llm.model_copy(update={**own, **({"user": user} if user is not None else {})})
        self._streaming = streaming

    @classmethod
    def from_defaults(
        cls,
        llm: DifyChatLLM | DifyCompletionLLM | None = None,
        *,
        client: Dify | None = None,
        async_client: AsyncDify | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: str | None = None,
        inputs: dict[str, Any] | None = None,
        streaming: bool = False,
        callback_manager: CallbackManager | None = None,
    ) -> Self:
        """An engine from an LLM, from a client, or from settings.

        Args:
            llm: The app; or a chat, agent or chatflow app by the next four.
            client, async_client, api_key, base_url: As for `DifyChatLLM`, which is made of them.
            user, inputs, streaming, callback_manager: As for the class.

        Raises:
            InvalidArgument: An LLM and settings for another.
        """
        if llm is None:
            llm = DifyChatLLM(client, async_client=async_client, api_key=api_key, base_url=base_url, user=user)
            llm.callback_manager = callback_manager or Settings.callback_manager
        elif (client, async_client, api_key, base_url) != (None, None, None, None):
            raise InvalidArgument("give either an llm or the settings of one")
        return cls(llm, streaming=streaming, user=user, inputs=inputs, callback_manager=callback_manager)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}  # the prompt is the app's

    # -- core's two; it adds spans and events around them

    def _query(self, query_bundle: QueryBundle) -> Response | StreamingResponse:
        question = query_bundle.query_str
        with self.callback_manager.event(CBEventType.QUERY, payload={EventPayload.QUERY_STR: question}) as event:
            response: Response | StreamingResponse
            if self._streaming:
                found = _Found()
                texts = found.texts(self._llm.stream_chat(_asking(question)))
                response = StreamingResponse(texts, found.nodes, found.metadata)
            else:
                response = _Found().whole(self._llm.chat(_asking(question)))
            event.on_end(payload={EventPayload.RESPONSE: response})
        return response

    async def _aquery(self, query_bundle: QueryBundle) -> Response | AsyncStreamingResponse:
        question = query_bundle.query_str
        with self.callback_manager.event(CBEventType.QUERY, payload={EventPayload.QUERY_STR: question}) as event:
            response: Response | AsyncStreamingResponse
            if self._streaming:
                found = _Found()
                texts = found.atexts(await self._llm.astream_chat(_asking(question)))
                response = AsyncStreamingResponse(texts, found.nodes, found.metadata)
            else:
                response = _Found().whole(await self._llm.achat(_asking(question)))
            event.on_end(payload={EventPayload.RESPONSE: response})
        return response


class _Found:
    """What an answer brings along; a streamed one brings it at its end, into the same objects."""

    def __init__(self) -> None:
        self.nodes: list[NodeWithScore] = []
        # One level down: core's router puts another dictionary in the place of an empty one.
        self._record: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {"dify": self._record}

    def whole(self, response: ChatResponse) -> Response:
        self._take(response)
        return Response(response.message.content, self.nodes, self.metadata)

    def texts(self, chunks: ChatResponseGen) -> TokenGen:
        spoken = False
        with closing(chunks):
            for chunk in chunks:
                self._take(chunk)
                if text := self._text(chunk, spoken=spoken):
                    spoken = True
                    yield text

    async def atexts(self, chunks: ChatResponseAsyncGen) -> TokenAsyncGen:
        spoken = False
        async with left_with(chunks):
            async for chunk in chunks:
                self._take(chunk)
                if text := self._text(chunk, spoken=spoken):
                    spoken = True
                    yield text

    def _text(self, chunk: ChatResponse, *, spoken: bool) -> str:
        """What is new; all of an answer that is nothing but a replacement."""
        return chunk.delta or ("" if spoken or chunk.raw is None else chunk.message.content or "")

    def _take(self, response: ChatResponse) -> None:
        record = response.message.additional_kwargs.get("dify")
        if record is not None:
            self._record |= {**record, "usage": (response.raw or {}).get("usage")}
            self.nodes += nodes_of_documents(record.get("citations"))


def _asking(question: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=question)]
