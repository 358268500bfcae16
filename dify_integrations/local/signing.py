"""Signed addresses of stored files, outside `/v1`: they need no key, live for five minutes and admit one file each."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

from .state import State

LIFETIME_S = 300


def signed(state: State, file_id: str, *, attachment: bool = False) -> str:
    """The address of a file, absolute while the server runs."""
    timestamp = str(state.now())
    nonce = state.new_id("nonce").replace("-", "")
    query = {"timestamp": timestamp, "nonce": nonce, "sign": _signature(state, file_id, timestamp, nonce)}
    more = {"as_attachment": "true"} if attachment else {}
    return f"{state.origin}/files/{file_id}/file-preview?{urlencode({**query, **more})}"


def admits(state: State, file_id: str, query: Mapping[str, str]) -> bool:
    """Whether an address was signed by this server for this file, not too long ago."""
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    expected = _signature(state, file_id, timestamp, nonce)
    fresh = timestamp.isdigit() and state.now() - int(timestamp) <= LIFETIME_S
    return fresh and hmac.compare_digest(expected.encode(), query.get("sign", "").encode())


def _signature(state: State, file_id: str, timestamp: str, nonce: str) -> str:
    said = f"file-preview|{file_id}|{timestamp}|{nonce}".encode()
    return base64.urlsafe_b64encode(hmac.digest(state.dataset_api_key.encode(), said, hashlib.sha256)).decode()
