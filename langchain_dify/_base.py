"""What every class of this package is told about the Dify server: fields, clients made lazily, and no key that shows.

Keys live in the client. A model that was given one refuses to be pickled; one that reads it from the environment is
free to travel, and reads it again where it arrives.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from langchain_core.language_models.base import LangSmithParams
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator
from typing_extensions import Self

from dify_integrations import AsyncDify, Dify, InvalidArgument, Timeouts
from dify_integrations.bridge.arguments import merged_inputs, user_text
from dify_integrations.bridge.clients import RENEWING, Clients, app_fingerprint, clients_of, hidden, refuse_address
from dify_integrations.models.apps import AppInfo

UserOf: TypeAlias = Callable[[RunnableConfig], str]
"""Tells the end user of a call from its config."""

_OPTIONS = ("api_key", "dataset_api_key", "user", "timeout", "max_retries")
_OF_CLIENTS = ("api_key", "dataset_api_key", "base_url", "timeout", "max_retries", "client", "async_client")
_SECRETS = ("api_key", "dataset_api_key")


class Connection(BaseModel):
    """Where Dify is and how to get in. What is left out is read from the environment when it is first needed."""

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)  # input may be a key

    api_key: SecretStr | str | None = Field(default=None, description="App key (`app-…`), or `DIFY_API_KEY`.")
    dataset_api_key: SecretStr | str | None = Field(default=None, description="Knowledge key, or `DIFY_DATASET_API_KEY`.")
    base_url: str | None = Field(default=None, description="Address with `/v1`, or `DIFY_BASE_URL`; Dify Cloud unless given.")
    user: str | UserOf | None = Field(
        default=None,
        description="Your identifier of the end user, or a function that tells it from a call's config, or `DIFY_USER`.",
    )
    timeout: float | Timeouts | None = Field(default=None, description="Seconds of the read and idle clocks, or `Timeouts`.")
    max_retries: int | None = Field(default=None, description="How often a call that surely did not start is sent again.")
    client: Dify | None = Field(default=None, exclude=True, repr=False, description="A shared sync client.")
    async_client: AsyncDify | None = Field(default=None, exclude=True, repr=False, description="A shared async client.")

    _clients: Clients | None = PrivateAttr(default=None)
    _made_of: tuple[Any, ...] | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _refuse_nothing_silently(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            names = {name for key, field in cls.model_fields.items() for name in (key, field.alias)}
            unknown = sorted(set(values) - names - {"app_fingerprint", "apps_fingerprint"})
            if unknown:
                warnings.warn(
                    f"{cls.__name__} has no {', '.join(unknown)}: ignored. The model and its settings are chosen inside the Dify app",
                    stacklevel=4,
                )
        return values

    @field_validator(*_SECRETS, mode="before")
    @classmethod
    def _hide(cls, value: Any) -> Any:
        """Plain text is taken for the convenience of people and type checkers, and never kept as such."""
        return SecretStr(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.client or self.async_client:
            refuse_address(self.base_url)
        return self

    @property
    def clients(self) -> Clients:
        """The sync and the async client, each made when it is first asked for, and anew when a field of theirs has changed."""
        told = tuple(getattr(self, name) for name in _OF_CLIENTS)
        with RENEWING:
            if self._clients is None or self._made_of not in (None, told):  # a copy with another key is another app
                self._clients = self._made()
            self._made_of = told
            return self._clients

    def _made(self) -> Clients:
        told = {name: getattr(self, name) for name in _OPTIONS}
        options = {name: value for name, value in told.items() if not callable(value)}
        return clients_of(self.client, self.async_client, base_url=self.base_url, **options)

    @property
    def app_fingerprint(self) -> str:
        """Tells this app and user from others, without telling the key."""
        return app_fingerprint(self.clients.settings, None if callable(self.user) else self.user)

    def _told(self, kwargs: Mapping[str, Any], config: RunnableConfig, *names: str) -> dict[str, Any]:
        """`kwargs`, and the user and whatever else the call's `config["configurable"]` says where they say nothing.

        Made keyword arguments, so that they are part of a cache's key.

        Args:
            kwargs: The call's.
            config: The call's. `dify_user` or `user_id` is the user.
            names: What else to look for, under `dify_<name>`. Of `inputs` those of both count, the call's first.

        Raises:
            InvalidArgument: What should be a user or inputs is something else.
        """
        told = dict(kwargs)
        configurable = config.get("configurable") or {}
        for name in names:
            value = configurable.get(f"dify_{name}")
            if value and name == "inputs":
                told[name] = merged_inputs(value, told.get(name))
            elif value and not told.get(name):
                told[name] = value
        places = (told.get("user"), configurable.get("dify_user"), configurable.get("user_id"), self.user)
        user = next((place for place in places if place is not None), None)  # an empty one is a mistake, not another user
        if user is not None:
            told["user"] = user_text(user(config) if callable(user) else user)
        return told

    def alike(self, **fields: Any) -> Self:
        """A copy with other fields that shares clients and memory, for one call."""
        _ = self.clients  # made now, or the copy would make its own
        return self.model_copy(update=fields)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with other fields; pydantic does not look at these, so keys are hidden here."""
        return super().model_copy(update=hidden(update or {}), deep=deep)

    @property
    def lc_secrets(self) -> dict[str, str]:
        return {"api_key": "DIFY_API_KEY", "dataset_api_key": "DIFY_DATASET_API_KEY"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self.model_copy()  # clients are shared, never copied

    def __getstate__(self) -> dict[Any, Any]:
        if any(getattr(self, name) is not None for name in (*_SECRETS, "client", "async_client")):
            raise TypeError(
                f"a {type(self).__name__} that was given a key or a client is not pickled; "
                "let it read DIFY_API_KEY from the environment of each process"
            )
        state = super().__getstate__()
        state["__pydantic_private__"] = {**(state["__pydantic_private__"] or {}), "_clients": None}
        return state


class App(Connection):
    """What the chat model and the text model share: the app, and what LangChain asks of every model."""

    model: str = Field(default="dify", min_length=1, description="A name for the app, for traces.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="The app's variables, in every call.")
    stop: list[str] | None = Field(default=None, description="Texts to stop at, on this side.")
    trace_nodes: bool = Field(default=True, description="Show nodes, tools and retrievals as child runs.")

    @property
    def lc_attributes(self) -> dict[str, Any]:
        return {"app_fingerprint": self.app_fingerprint}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params: LangSmithParams = super()._get_ls_params(stop=stop, **kwargs)  # type: ignore[misc]  # LangChain's model is next
        params["ls_provider"] = "dify"
        params["ls_model_name"] = kwargs.get("model") or self.model
        return params

    def get_num_tokens(self, text: str) -> int:
        """About how many tokens the text has: the app's tokenizer is not known here."""
        count: Callable[[str], list[int]] | None = getattr(self, "custom_get_token_ids", None)
        return len(count(text)) if count is not None else approximate_tokens(text)


def require_mode(info: AppInfo, takes: Callable[[str], bool], owner: object) -> None:
    """Refuse an app that the object cannot run; a server older than 1.4 does not tell the mode."""
    if info.mode is not None and not takes(info.mode):
        raise InvalidArgument(f"the app {info.name!r} is of mode {info.mode!r}, which a {type(owner).__name__} does not run")


def approximate_tokens(text: str) -> int:
    """About how many tokens a text has: a quarter of its bytes. The app's own tokenizer is not known on this side."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)
