"""Everything that can be set, immutable; the only reader of the environment.

Read once, when a client is made: `DIFY_API_KEY`, `DIFY_DATASET_API_KEY`, `DIFY_BASE_URL`, `DIFY_USER`. Nothing is
ever written there.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from urllib.parse import urlsplit

from .core.request import KeyKind, header_value
from .core.retry import RetryPolicy
from .errors import InvalidArgument

if TYPE_CHECKING:
    import ssl

DEFAULT_BASE_URL = "https://api.dify.ai/v1"
_LOCAL = re.compile(r"localhost|127(\.\d{1,3}){3}|::1|.*\.localhost")
_VARIABLE = {"app": "DIFY_API_KEY", "dataset": "DIFY_DATASET_API_KEY"}
_ARGUMENT = {"app": "api_key", "dataset": "dataset_api_key"}


class SecretLike(Protocol):
    """What pydantic's `SecretStr` offers."""

    def get_secret_value(self) -> str: ...


class Key:
    """A credential that shows itself to nobody by accident: not in `repr`, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Key, self._value))

    def __repr__(self) -> str:
        return "Key('**********')"

    def __deepcopy__(self, _: dict[int, Any]) -> Key:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Dify key is not pickled; give the other process its own through the environment")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The clocks, in seconds; `None` switches one off.

    Attributes:
        connect_s: Reaching the server, TLS included.
        write_s: Each write of the request.
        pool_s: Waiting for a free connection.
        read_s: Each read of an answer that is no stream; long, because retrieval and blocking answers send no sign of
            life.
        idle_s: A stream without a complete event, comment or ping. Dify pings every 10 s, so 60 is six missed pings.
        data_idle_s: A stream without an event, however many pings come; off by default.
        deadline_s: A whole run, retries and reading included; off by default.
    """

    connect_s: float | None = 5.0
    write_s: float | None = 60.0
    pool_s: float | None = 10.0
    read_s: float | None = 120.0
    idle_s: float | None = 60.0
    data_idle_s: float | None = None
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and 0 < value < inf):
                raise InvalidArgument(f"{name} must be a number of seconds above 0, or None; got {value!r}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client was told. See `Dify` for the arguments people use.

    Attributes:
        base_url: Address of the API, `/v1` included, without a slash at the end.
        api_key: App key, `None` when not given.
        dataset_api_key: Knowledge key, `None` when not given.
        user: Your identifier of the end user, for calls that name none.
        timeouts: The clocks.
        retry: When to send again.
        headers: Extra headers of every request.
        max_event_bytes: Largest event of a stream.
        max_body_bytes: Largest body of an answer that is no stream, after decoding.
        max_connections: Per client; a stream holds one for its whole time.
        max_keepalive_connections: Idle ones kept.
        keepalive_expiry_s: How long an idle one is kept. Dify's own server closes after 2 s, and a POST that meets
            such a dying connection cannot be sent again; raise it behind nginx, which keeps them 75 s.
        stop_on_close: Leaving a stream early asks Dify to stop the run.
        trust_env: Obey proxy and certificate variables of the environment.
        verify: TLS verification: `True`, or an `ssl.SSLContext` with your own authority.
        proxy: Proxy address for every request.
    """

    base_url: str = DEFAULT_BASE_URL
    api_key: Key | None = None
    dataset_api_key: Key | None = None
    user: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_event_bytes: int = 32 * 1024 * 1024
    max_body_bytes: int = 64 * 1024 * 1024
    max_connections: int = 1000
    max_keepalive_connections: int = 100
    keepalive_expiry_s: float = 1.5
    stop_on_close: bool = True
    trust_env: bool = True
    verify: bool | ssl.SSLContext = True
    proxy: str | None = field(default=None, repr=False)

    def key_for(self, kind: KeyKind) -> str:
        """The credential an operation needs.

        Raises:
            InvalidArgument: It was not given.
        """
        key = self.api_key if kind == "app" else self.dataset_api_key
        if key is None:
            what = "an app key (app-…)" if kind == "app" else "a knowledge key (dataset-…)"
            raise InvalidArgument(f"this call needs {what}: pass {_ARGUMENT[kind]}=… or set {_VARIABLE[kind]}")
        return key.reveal()

    def user_for(self, user: str | None) -> str:
        """The end user of a call.

        Raises:
            InvalidArgument: Neither the call nor the client names one. There is no default on purpose: conversations
                and files of all your users would be one person's.
        """
        name = user if user is not None else self.user
        if not name:
            raise InvalidArgument("name your end user: pass user=… here or to the client, or set DIFY_USER")
        return name

    def secrets(self) -> tuple[str, ...]:
        """Every key, for hiding them in texts."""
        return tuple(key.reveal() for key in (self.api_key, self.dataset_api_key) if key is not None)

    def with_changes(self, **changes: Any) -> Settings:
        """A copy; arguments as for `read`, those that are `None` stay as they are."""
        return replace(self, **_checked({name: value for name, value in changes.items() if value is not None}))


def read(
    *,
    api_key: str | SecretLike | None = None,
    dataset_api_key: str | SecretLike | None = None,
    base_url: str | None = None,
    user: str | None = None,
    **others: Any,
) -> Settings:
    """Settings from arguments, and from the environment where an argument is `None`.

    Raises:
        InvalidArgument: An address or key that cannot be used.
    """
    given = {
        "api_key": api_key or os.environ.get("DIFY_API_KEY") or None,
        "dataset_api_key": dataset_api_key or os.environ.get("DIFY_DATASET_API_KEY") or None,
        "base_url": base_url or os.environ.get("DIFY_BASE_URL") or DEFAULT_BASE_URL,
        "user": user or os.environ.get("DIFY_USER") or None,
        **{name: value for name, value in others.items() if value is not None},
    }
    return Settings(**_checked(given))


def timeouts_of(timeout: Timeouts | float | None) -> Timeouts:
    """A `timeout` argument as clocks: a number sets the read and idle clocks, `None` switches every clock off."""
    if isinstance(timeout, Timeouts):
        return timeout
    if timeout is None:
        return Timeouts(connect_s=None, write_s=None, pool_s=None, read_s=None, idle_s=None)
    return Timeouts(read_s=timeout, idle_s=timeout)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    for name in ("api_key", "dataset_api_key"):
        if given.get(name) is not None:
            given[name] = _key(name, given[name])
    if "base_url" in given:
        given["base_url"] = _base_url(given["base_url"])
    for name, value in given.get("headers", {}).items():
        if name.lower() in ("authorization", "host", "content-length", "transfer-encoding"):
            raise InvalidArgument(f"the header {name} is the client's own and cannot be set")
        header_value(name, name)
        header_value(name, value)
    if given.get("verify") is False:
        warnings.warn("verify=False: anybody on the way can read the key and the answers", stacklevel=4)
    return given


def _key(name: str, value: str | SecretLike | Key) -> Key:
    if isinstance(value, Key):
        return value
    text = value if isinstance(value, str) else value.get_secret_value()
    text = text.strip()
    if not text:
        raise InvalidArgument(f"{name} is empty")
    return Key(header_value(name, text))


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidArgument(f"base_url is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidArgument("base_url must look like https://host/v1")
    if parts.username is not None or parts.password is not None:
        # httpx would turn it into Basic authentication and send that instead of the key.
        raise InvalidArgument("base_url must not contain a user name or password")
    if parts.query or parts.fragment:
        raise InvalidArgument("base_url must not have a query or fragment")
    if parts.scheme == "http" and not _LOCAL.fullmatch(parts.hostname):
        warnings.warn(f"base_url {parts.hostname} is plain http: the key travels unencrypted", stacklevel=5)
    header_value("base_url", value.strip())
    return value.strip().rstrip("/")
