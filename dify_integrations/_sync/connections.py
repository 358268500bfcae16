# Generated from dify_integrations/_async/connections.py by .ci/twin.py; edit that file and run `make twin`.
"""The connections: one httpx client per process, made from the settings."""

from __future__ import annotations

import ssl
import weakref
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import httpx

from ..errors import InvalidArgument
from .waiting import at_end_of_place, by_place, forget_closed, here

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, MutableMapping

    from ..settings import Settings


@dataclass(eq=False)
class _Client:
    """A client, what closes it when its loop ends, and what keeps it as long as its owner is not forgotten.

    A collector that takes an owner out of a cycle would take sockets in the same pass, and warn of them before they are closed.
    Kept from outside they are let go behind it, and the guard closes them.
    """

    client: httpx.Client
    guard: Generator[None, None, None] | None = None
    keeper: weakref.finalize[..., Any] | None = None

    def keep_for(self, owner: object) -> None:
        self.keeper = weakref.finalize(owner, _forget, self)
        self.keeper.atexit = False

    def let_go(self) -> None:
        if self.keeper is not None:
            self.keeper.detach()

    def close(self) -> None:
        self.let_go()
        self.client.close()


def _forget(client: _Client) -> None:
    """Its owner is gone: the guard goes too, and closes it."""
    client.guard = None


class Connections:
    """One httpx client per process: a connection belongs to the loop that opened it.

    Args:
        settings: Limits, TLS, proxy.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: MutableMapping[Any, _Client] = by_place()
        self._ssl: ssl.SSLContext | None = None
        self._closed = False

    def current(self) -> httpx.Client:
        """The client of this process."""
        if self._closed:
            raise InvalidArgument("this client is closed; make a new one")
        known = self._clients.get(here())
        if known is None:
            # Two threads may get here at once; the one that comes second uses the other's.
            fresh = _Client(self._make())
            known = self._clients.setdefault(here(), fresh)
            if known is fresh:
                fresh.guard = at_end_of_place(fresh.close)
                fresh.keep_for(self)
                for gone in forget_closed(self._clients):
                    gone.let_go()
        return known.client

    def close(self) -> None:
        """Close the client of this process and make no other."""
        self._closed = True
        known = self._clients.pop(here(), None)
        if known is not None and known.guard is not None:
            known.guard.close()

    def _make(self) -> httpx.Client:
        settings = self._settings
        limits = httpx.Limits(
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_keepalive_connections,
            keepalive_expiry=settings.keepalive_expiry_s,
        )
        return httpx.Client(
            verify=self._tls(),
            limits=limits,
            proxy=settings.proxy,
            trust_env=settings.trust_env,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # a shared jar would mix users
        )

    def _tls(self) -> ssl.SSLContext:
        """One context for all loops: loading the authorities costs more than a whole call."""
        if self._ssl is None:
            verify = self._settings.verify
            if isinstance(verify, ssl.SSLContext):
                self._ssl = verify
            elif verify and not self._may_use_tls():
                self._ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; trusts nobody
            else:
                self._ssl = httpx.create_ssl_context(verify=verify, trust_env=self._settings.trust_env)
        return self._ssl

    def _may_use_tls(self) -> bool:
        """Whether the address or a proxy on the way may be https."""
        settings = self._settings
        proxied = settings.proxy is not None or (settings.trust_env and bool(getproxies()))
        return proxied or settings.base_url.startswith("https://")


def httpx_timeout(settings: Settings, *, streams: bool) -> httpx.Timeout:
    """The clocks that httpx keeps; a stream's idle clock counts frames, and `core/clocks.py` keeps it."""
    clocks = settings.timeouts
    read = clocks.read_s
    if streams:
        limits = [limit for limit in (clocks.idle_s, clocks.data_idle_s, clocks.deadline_s) if limit is not None]
        read = min(limits) if limits else None
    return httpx.Timeout(connect=clocks.connect_s, write=clocks.write_s, pool=clocks.pool_s, read=read)


def shortened(clocks: Mapping[str, float | None], limit_s: float) -> dict[str, float]:
    """A request's clocks, none above `limit_s`; a socket takes 0 for not waiting at all."""
    limit_s = max(limit_s, 0.001)
    return {name: limit_s if seconds is None else min(seconds, limit_s) for name, seconds in clocks.items()}
