"""What components of LlamaIndex that work on a knowledge base share: fields and connections, with the key kept out of sight."""

from __future__ import annotations

from typing import Any, NoReturn

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator
from llama_index.core.schema import BaseComponent
from typing_extensions import override

from dify_integrations import AsyncDify, Dify
from dify_integrations.bridge.clients import Clients
from dify_integrations.settings import Timeouts


class KnowledgeComponent(BaseComponent):
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
    max_retries: int = Field(default=2, ge=0, description="How often a request that surely did not start is sent again.")

    _clients: Clients = PrivateAttr()

    @field_validator("dataset_api_key")
    @classmethod
    def _hide(cls, value: SecretStr | str | None) -> SecretStr | None:
        return SecretStr(value) if isinstance(value, str) else value

    @override
    def model_post_init(self, context: Any, /) -> None:
        """Make the connections, which open nothing before they are used."""
        super().model_post_init(context)
        self._clients = Clients(
            self.client,
            self.async_client,
            dataset_api_key=self.dataset_api_key,
            base_url=self.base_url,
            timeout=Timeouts() if self.timeout is None else self.timeout,
            max_retries=self.max_retries,
        )

    def __reduce__(self) -> NoReturn:
        # Without its key it would work with whatever key the other process has.
        name = type(self).__name__
        raise TypeError(f"a {name} is not pickled; make one in the other process, with the key from its environment")
