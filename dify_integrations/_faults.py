"""httpx's exceptions as ours, the same for sync and async.

What counts is whether the server may have begun the work: that decides about sending again.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx

from .core.addresses import origin_of
from .core.redact import redact
from .errors import (
    ConnectFailed,
    ConnectionDropped,
    ProtocolError,
    ProxyFailed,
    ReadTimedOut,
    TLSFailed,
    TransportError,
)

if TYPE_CHECKING:
    from .settings import Settings

# What httpx raises, what we raise, in which words, and whether the work may have begun.
_TABLE: tuple[tuple[Any, type[TransportError], str, bool], ...] = (
    (
        httpx.PoolTimeout,
        ConnectFailed,
        "no free connection to {host} in time; raise max_connections or close streams you no longer read",
        False,
    ),
    ((httpx.ConnectError, httpx.ConnectTimeout), ConnectFailed, "cannot reach {host}: {text}; check base_url", False),
    (httpx.ProxyError, ProxyFailed, "the proxy to {host} refused: {text}", False),
    (httpx.WriteTimeout, ReadTimedOut, "{host} did not take the request in time", True),
    (httpx.ReadTimeout, ReadTimedOut, "{host} did not answer in time", True),
    (
        (httpx.NetworkError, httpx.RemoteProtocolError, httpx.StreamError),
        ConnectionDropped,
        "the connection to {host} broke: {text}",
        True,
    ),
)


def transport_error(error: Exception, settings: Settings, address: str = "") -> TransportError:
    """Our exception for one of httpx's.

    Args:
        error: httpx's.
        settings: The client's.
        address: Where the request went; of it only the host is shown.

    Raises:
        ProtocolError: The request could not be sent at all.
    """
    text = redact(str(error), *settings.secrets()) or type(error).__name__
    origin = origin_of(address)
    host = origin.netloc if origin is not None else httpx.URL(settings.base_url).netloc.decode("ascii")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) and _is_tls(error):
        return TLSFailed(f"TLS with {host} failed: {text}; pass verify=ssl_context with your own authority", started=False)
    for kinds, cls, words, started in _TABLE:
        if isinstance(error, kinds):
            return cls(words.format(host=host, text=text), started=started)
    raise ProtocolError(f"the request could not be sent: {text}") from error


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
