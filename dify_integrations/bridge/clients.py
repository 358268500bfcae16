"""The two clients an adapter object speaks through, and the fingerprint of the app behind them."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from .._async.client import AsyncDify
from .._sync.client import Dify
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from ..settings import Settings, Timeouts

RENEWING = threading.Lock()
"""Held while an object looks whether its clients still fit: of two made at once, one would be closed while a thread uses it."""


class _Hold:
    """On connections, by all who have them; they are closed when it is gone."""


class Clients:
    """A sync and an async client with the same settings; what was not given is made when first used.

    Frameworks call one object both ways, users have at most one client at hand. Neither is pickled: a copy in another
    process makes its own. A sync client made here is closed with this object and those that have its connections, so keep one
    of them, not the client.

    Args:
        client: A shared sync client.
        async_client: A shared async client.
        options: Arguments of `Dify`, used when neither client is given.
    """

    def __init__(self, client: Dify | None = None, async_client: AsyncDify | None = None, **options: Any) -> None:
        self._sync = client
        self._async = async_client
        # Debuggers and crash reports look at attributes.
        self._options = hidden(options)
        self._lock = threading.Lock()
        self._hold: _Hold | None = None

    @property
    def settings(self) -> Settings:
        """What the clients were told."""
        return self._async.settings if self._sync is None and self._async is not None else self.sync.settings

    @property
    def sync(self) -> Dify:
        """The client for code without an event loop."""
        with self._lock:
            if self._sync is None:
                options = self._options if self._async is None else _arguments(self._async.settings)
                # Adapter objects are never closed; async connections end with their event loop.
                self._hold = _Hold()
                self._sync = Dify(**options)
                weakref.finalize(self._hold, self._sync.close)
            return self._sync

    @property
    def asynchronous(self) -> AsyncDify:
        """The client for code in any event loop."""
        if self._async is not None:
            return self._async
        settings = self.sync.settings
        with self._lock:
            if self._async is None:
                self._async = AsyncDify(**_arguments(settings))
            return self._async

    def timed(self, timeout: Timeouts | float | None) -> Clients:
        """These clients with other clocks, for one call; the connections are the same ones. `None` changes nothing."""
        if timeout is None:
            return self
        return self._lent(self.sync.with_options(timeout=timeout), self.asynchronous.with_options(timeout=timeout))

    def changed(self, **options: Any) -> Clients:
        """These clients with other keys, users, clocks or retries; the connections are the same ones. `None` changes nothing."""
        options = {name: value for name, value in options.items() if value is not None}
        if not options:
            return self
        sync, asynchronous = self._sync, self._async
        if sync is None and asynchronous is None:
            sync = self.sync
        return self._lent(sync and sync.with_options(**options), asynchronous and asynchronous.with_options(**options))

    def _lent(self, sync: Dify | None, asynchronous: AsyncDify | None) -> Clients:
        clients = Clients(sync, asynchronous)
        clients._hold = self._hold
        return clients

    def __deepcopy__(self, _: dict[int, Any]) -> Clients:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Clients, ())


def app_fingerprint(settings: Settings, user: str | None = None) -> str:
    """Tells apps, and the end users of one app, apart without naming the key: a conversation belongs to both."""
    key = settings.api_key.reveal() if settings.api_key is not None else ""
    text = "\n".join((settings.base_url, key, user or settings.user or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Connected:
    """The clients of an object whose fields say where Dify is, with what they are made of: made anew when that has changed.

    Args:
        told: What the fields say.
        clients: Made of it.
    """

    def __init__(self, told: Mapping[str, Any], clients: Clients) -> None:
        self._told, self.clients = hidden(told), clients

    def now(self, told: Mapping[str, Any], make: Callable[[], Clients]) -> Connected:
        """This one while the fields say the same; else another. Copies of the object have the same one until then."""
        return Connected(told, make()) if self.changes(told) else self

    def changes(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Of what the fields say now, that which is new."""
        return {name: value for name, value in hidden(told).items() if value != self._told[name]}

    def __deepcopy__(self, _: dict[int, Any]) -> Connected:
        return self


def clients_of(client: Dify | None, async_client: AsyncDify | None, *, base_url: str | None = None, **options: Any) -> Clients:
    """Clients from fields: new ones, or those that were given, with what else the fields say; `None` says nothing.

    Raises:
        InvalidArgument: A client was given, and an address: its connections go to its own.
    """
    if client is None and async_client is None:
        return Clients(base_url=base_url, **{name: value for name, value in options.items() if value is not None})
    refuse_address(base_url)
    return Clients(client, async_client).changed(**options)


def refuse_address(base_url: str | None) -> None:
    """See that nobody names an address beside a client.

    Raises:
        InvalidArgument: Somebody does.
    """
    if base_url is not None:
        raise InvalidArgument("base_url belongs to the client that was given; leave one of the two out")


def hidden(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with keys that do not show."""
    return {name: _hidden(value) if name.endswith("api_key") else value for name, value in fields.items()}


def _hidden(key: Any) -> Any:
    return SecretStr(key) if isinstance(key, str) and key else key


def _arguments(settings: Settings) -> dict[str, Any]:
    # An http_client of the user's own is no setting, and of one kind only: the twin has its own connections.
    return {
        "api_key": settings.api_key.reveal() if settings.api_key else None,
        "dataset_api_key": settings.dataset_api_key.reveal() if settings.dataset_api_key else None,
        "base_url": settings.base_url,
        "user": settings.user,
        "timeout": settings.timeouts,
        "retry": settings.retry,
        "stop_on_close": settings.stop_on_close,
        "headers": dict(settings.headers),
        "max_connections": settings.max_connections,
        "keepalive_expiry_s": settings.keepalive_expiry_s,
        "verify": settings.verify,
        "proxy": settings.proxy,
        "trust_env": settings.trust_env,
    }
