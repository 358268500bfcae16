"""What components of LlamaIndex that work on a knowledge base share: fields and connections, with the key kept out of sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator
from llama_index.core.schema import BaseComponent
from typing_extensions import Self, override

from dify_integrations import AsyncDify, Dify
from dify_integrations.bridge.clients import RENEWING, Clients, Connected, clients_of, hidden
from dify_integrations.settings import Timeouts

from ._copying import NeverPickled

_OF_CLIENTS = ("client", "async_client", "dataset_api_key", "base_url", "timeout", "max_retries")


class KnowledgeComponent(NeverPickled, BaseComponent):
    """A component with a knowledge base behind it."""

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True, extra="forbid")  # input may be a key

    dataset_id: str = Field(min_length=1, description="The knowledge base.")
    client: Dify | None = Field(default=None, exclude=True, repr=False, description="A shared sync client.")
    async_client: AsyncDify | None = Field(default=None, exclude=True, repr=False, description="A shared async client.")
    dataset_api_key: SecretStr | str | None = Field(
        default=None, exclude=True, repr=False, description="Knowledge key, or `DIFY_DATASET_API_KEY`; never serialised."
    )
    base_url: str | None = Field(default=None, description="Address with `/v1`, or `DIFY_BASE_URL`.")
    timeout: float | Timeouts | None = Field(default=None, description="Seconds to wait for an answer, or `Timeouts`.")
    max_retries: int | None = Field(
        default=None, ge=0, description="How often a request that surely did not start is sent again; `None` is twice."
    )

    _connected: Connected = PrivateAttr()

    def __init__(self, dataset_id: str, **fields: Any) -> None:
        super().__init__(**{"dataset_id": dataset_id, **fields})

    @field_validator("dataset_api_key")
    @classmethod
    def _hide(cls, value: SecretStr | str | None) -> SecretStr | None:
        return SecretStr(value) if isinstance(value, str) else value

    @override
    def model_post_init(self, context: Any, /) -> None:
        """Make the connections, which open nothing before they are used."""
        super().model_post_init(context)
        self._connected = Connected(self._told, self._connect())

    @property
    def _clients(self) -> Clients:
        with RENEWING:
            self._connected = self._connected.now(self._told, self._connect)
            return self._connected.clients

    @property
    def _told(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _OF_CLIENTS}

    def _connect(self) -> Clients:
        return clients_of(
            self.client,
            self.async_client,
            dataset_api_key=self.dataset_api_key,
            base_url=self.base_url,
            timeout=self.timeout,
            max_retries=self.max_retries,
        )

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other fields; pydantic does not look at these, so keys are hidden here."""
        return super().model_copy(update=hidden(update or {}), deep=deep)
