"""Models a workspace can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.models import ModelProviders
from ...operations import models as operations
from ...operations.models import ModelType

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncModels:
    """Models a workspace can use; needs the knowledge key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, model_type: ModelType) -> ModelProviders:
        """The models of a type that are set up, by provider (Dify ≥ 1.2).

        Args:
            model_type: `text-embedding` and `rerank` for knowledge bases; `llm`, `tts`, `speech2text`, `moderation`.

        Returns:
            The providers with their models.

        Raises:
            InvalidArgument: Another type.
            EndpointNotAvailable: An older server.
        """
        return await self._transport.send(operations.by_type(model_type))
