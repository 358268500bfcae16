"""Which content a server has already been given, so that the same picture in every turn of a chat goes there once.

Held are digests and ids, never content, and no key: an upload belongs to one user of one app, so these are part of the
digest. Safe to share between threads.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .files import FileInput
    from .settings import Settings

KEPT: Final = 1024
"""Uploads remembered at once; the one unused for longest goes first."""

KEPT_S: Final = 3600.0
"""For how long. Dify deletes uploads by hand or by jobs that leave days to them; an hour holds a conversation together."""

LARGEST_BYTES: Final = 16 * 1024 * 1024
"""Of content that is remembered: above what a server takes of anything but audio and video, below what is slow to digest."""


class Uploads:
    """Ids of uploads by what was uploaded.

    Args:
        clock: Tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: str) -> str:
        """The id of the upload; `""` when it is not known, or not any more."""
        with self._lock:
            upload_file_id, until = self._known.get(key, ("", 0.0))
            if not upload_file_id or until < self._clock():
                self._known.pop(key, None)
                return ""
            self._known.move_to_end(key)
            return upload_file_id

    def keep(self, key: str, upload_file_id: str) -> None:
        """This content has become that upload."""
        with self._lock:
            self._known[key] = (upload_file_id, self._clock() + KEPT_S)
            self._known.move_to_end(key)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def forget(self, upload_file_ids: Iterable[str]) -> None:
        """The server does not know them any more."""
        gone = set(upload_file_ids)
        with self._lock:
            for key in [key for key, (known, _) in self._known.items() if known in gone]:
                del self._known[key]


def key_of(file: FileInput, *, user: str, settings: Settings) -> tuple[str, FileInput]:
    """What tells this upload from all others, and the file to upload in place of `file`.

    A path is read here, once: what is digested and what is sent must not be two states of it. Open files can be read but
    once and large ones take too long, so their key is `""`, which is not to be kept.
    """
    content = file.content
    if isinstance(content, Path):
        content = _read(content)
    if not isinstance(content, bytes) or len(content) > LARGEST_BYTES:
        return "", file
    secret = settings.api_key.reveal() if settings.api_key is not None else ""
    known = hashlib.sha256(content)
    for text in (file.filename, file.mime_type, user, settings.base_url, secret):
        known.update(b"\0" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    return known.hexdigest(), replace(file, content=content)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else None
    except OSError:
        return None  # the upload itself will say what is wrong
