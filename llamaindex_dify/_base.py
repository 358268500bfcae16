"""What the two LLM classes share: fields, connections, and no key that shows."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.bridge.pydantic import Field, PrivateAttr, SecretStr, field_serializer
from typing_extensions import Self

from dify_integrations.bridge.clients import RENEWING, Clients, Connected, app_fingerprint, clients_of, hidden, refuse_address
from dify_integrations.bridge.conversation import ConversationMode, OnFork, Tips
from dify_integrations.errors import InvalidArgument
from dify_integrations.settings import Timeouts

from ._answers import Citations, OnReplace
from ._function_calling import PromptedFunctionCalling
from ._telling import TracePayloads

if TYPE_CHECKING:
    from dify_integrations import AsyncDify, Dify

UserName = str | Callable[[], str]
"""Who asks: a name, or a function that tells it at every call."""
ToolCalling = Literal["off", "prompt"]
_OF_CLIENTS = ("api_key", "base_url", "timeout", "max_retries")


class DifyApp(PromptedFunctionCalling):
    """What is told of an app, how it is reached, and what may be told of it to others."""

    api_key: SecretStr | None = Field(default=None, exclude=True, repr=False, description="App key; never serialised.")
    base_url: str | None = Field(default=None, description="Address of the API, /v1 included.")
    user: UserName | None = Field(default=None, description="Your identifier of the end user, or what tells it at every call.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="The app's variables, for every call.")
    model: str = Field(default="app", description="What to call the app in traces.")
    context_window: int = Field(default=32_768, gt=0, description="Tokens; Dify does not tell, set your app's model's.")
    num_output: int = Field(default=1_024, description="Tokens of an answer; set your app's model's.")
    conversation: ConversationMode = Field(default="stateless", description="Whether histories continue a conversation.")
    conversation_id: str | None = Field(default=None, description="Conversation of histories without an answer of this app.")
    on_fork: OnFork = Field(default="stateless", description="An edited or repeated turn: in a new conversation, or `raise`.")
    verify_tip: bool | None = Field(
        default=None, description="Ask Dify before continuing: always, never, or when this process cannot tell."
    )
    system_prompt_variable: str | None = Field(default=None, description="App variable that takes system messages.")
    tool_calling: ToolCalling = Field(default="off", description="`prompt` emulates function calling by words.")
    tool_retries: int = Field(default=1, ge=0, description="How often a call that was demanded is asked for again.")
    on_replace: OnReplace = Field(
        default="annotate", description="What a stream does when the app withdraws what was said: annotate it, raise, or buffer."
    )
    citations: Citations = Field(default="kwargs", description="`blocks` puts passages into the message as blocks too.")
    split_thinking: bool = Field(default=True, description="Take <think> inside answers for thinking.")
    trace_payloads: TracePayloads = Field(default="truncated", description="What tracers see of inputs and outputs of steps.")
    timeout: float | Timeouts | None = Field(
        default=None, description="Seconds without a sign of life, or `Timeouts`; None is Dify's default."
    )
    max_retries: int | None = Field(default=None, ge=0, description="For calls that surely did not start; None is 2.")

    _endpoint: ClassVar[str] = ""
    _connected: Connected = PrivateAttr()
    _known: tuple[str, Tips] = PrivateAttr()
    _given: bool = PrivateAttr(default=False)
    _has_name: bool = PrivateAttr(default=False)

    def __init__(self, client: Dify | None, async_client: AsyncDify | None, **fields: Any) -> None:
        unknown = sorted(set(fields) - set(type(self).model_fields))
        if unknown:
            raise InvalidArgument(f"{type(self).__name__} has no {', '.join(unknown)}; the model is chosen inside the Dify app")
        super().__init__(**{name: value for name, value in fields.items() if value is not None})
        if self.conversation == "stateless" and self.conversation_id:
            raise InvalidArgument('conversation="stateless" continues no conversation_id; leave one of the two out')
        self._given = client is not None or async_client is not None
        clients = self._connect(client, async_client)
        settings = clients.settings  # a wrong address is told here, not at the first call
        if self._given:
            self.api_key = SecretStr(settings.api_key.reveal()) if settings.api_key else None
            self.base_url = settings.base_url
            self.user = self.user or settings.user
        self._connected = Connected(self._told, clients)
        self._known = (settings.base_url, Tips.at(settings.base_url))

    @property
    def clients(self) -> Clients:
        """The sync and the async client; others when a field says so, as in a copy with another address."""
        with RENEWING:
            self._connected = self._connected.now(self._told, self._reconnect if self._given else self._connect)
            return self._connected.clients

    _clients = clients

    @property
    def _told(self) -> dict[str, Any]:
        named = self._has_name and self.user is not None  # every call says its user; without one the clients' would count
        return {**{name: getattr(self, name) for name in _OF_CLIENTS}, "named": named}

    def _connect(self, client: Dify | None = None, async_client: AsyncDify | None = None) -> Clients:
        self._has_name = isinstance(self.user, str) and not self._given
        return clients_of(
            client,
            async_client,
            api_key=self.api_key,
            base_url=self.base_url,
            user=self.user if self._has_name else None,
            timeout=self.timeout,
            max_retries=self.max_retries,
        )

    def _reconnect(self) -> Clients:
        """What a copy says differently, by the connections that were given."""
        changes = self._connected.changes(self._told)
        refuse_address(changes.pop("base_url", None))
        return self._connected.clients.changed(**changes)

    @property
    def _tips(self) -> Tips:
        at = self.clients.settings.base_url
        if self._known[0] != at:
            self._known = (at, Tips.at(at))  # kept: they last as long as somebody has them
        return self._known[1]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other fields; pydantic does not look at these, so a key is hidden here."""
        return super().model_copy(update=hidden(update or {}), deep=deep)

    @field_serializer("user")
    def _named(self, user: UserName | None) -> str | None:
        return None if callable(user) else user  # code is not stored

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex asks of every LLM; nothing is sent for it."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.num_output,
            is_chat_model=True,
            is_function_calling_model=self.tool_calling == "prompt",
            model_name=f"dify/{self.model}",
        )

    def to_payload(self) -> dict[str, Any]:
        """What tracers are told of this object: no key, no user, no inputs."""
        metadata = self.metadata
        return {
            "class_name": self.class_name(),
            "model": metadata.model_name,
            **metadata.model_dump(),
            "dify_endpoint": self._endpoint,
            "dify_host": urlsplit(self._clients.settings.base_url).hostname,
        }

    def __getstate__(self) -> dict[str, Any]:
        # A key is never pickled: the other process has its own, and it must be for the same app.
        if callable(self.user):
            pickle.dumps(self.user)  # or LlamaIndex would leave it out, and everybody would be the environment's user
        state = super().__getstate__()
        fields = {**state["__dict__"], "api_key": None}
        return {**state, "__dict__": fields, "__pydantic_private__": None, "app": app_fingerprint(self._clients.settings, "-")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if app_fingerprint(self._clients.settings, "-") != state["app"]:
            raise InvalidArgument("a Dify LLM is pickled without its key: set DIFY_API_KEY to it in the process that loads it")
