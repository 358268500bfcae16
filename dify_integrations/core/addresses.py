"""Addresses of files: which origin they name, and whether the client may go there.

A file's address may come from a server, a workflow, or a model's words. The client goes to its own server, or to an origin
that the developer named; nothing in an address can change that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from ..errors import InvalidArgument

# Strict, so that no two readers of it can see two hosts: no user, no escapes, no backslash.
_BEGINNING: Final = re.compile(r"(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?=[/?#]|\Z)", re.IGNORECASE)
_UNSENDABLE: Final = re.compile("[\x00-\x20\x7f\\\\\ud800-\udfff]")
_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme and host in lower case, and the port, given or not."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host, and port where it is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def origin_of(address: str) -> Origin | None:
    """The origin of an `http` or `https` address, `None` for anything else."""
    found = _BEGINNING.match(address)
    if found is None:
        return None
    scheme = found[1].lower()
    return Origin(scheme, found[2].lower(), int(found[3]) if found[3] else _PORTS[scheme])


def file_address(address: str, *, base_url: str, origins: Iterable[str] = ()) -> str:
    """The whole address of a file.

    Args:
        address: Whole, or a path beginning with `/` on the server of `base_url`.
        base_url: The client's own address.
        origins: Further origins that may be asked, such as `https://files.example.com`.

    Raises:
        InvalidArgument: Not such an address, or one of another origin. The message shows neither path nor query: a signed
            address is a secret while it is valid.
    """
    if not isinstance(address, str) or not address or _UNSENDABLE.search(address):
        raise InvalidArgument("a file's address must be text without spaces, control characters and backslashes")
    own = origin_of(base_url)
    if own is not None and address.startswith("/") and not address.startswith("//"):
        return f"{own}{address}"
    origin = origin_of(address)
    if origin is None:
        raise InvalidArgument("a file's address must begin with http://, https:// or a single /, and have no user name")
    if origin != own and origin not in _named(origins):
        raise InvalidArgument(f"the file is on {origin}, not on the client's own server; to go there, name it in origins=…")
    return address


def _named(origins: Iterable[str]) -> set[Origin]:
    if isinstance(origins, str):
        raise InvalidArgument("origins takes a list such as ['https://files.example.com']")
    named = set()
    for text in origins:
        origin = origin_of(text)
        if origin is None or not re.fullmatch("[^/?#]*//[^/?#]*/?", text):
            raise InvalidArgument(f"{text!r} is no origin; write it like https://files.example.com")
        named.add(origin)
    return named
