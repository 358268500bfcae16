"""A pytest plugin: recorded exchanges with real Dify servers (`dify_cassette`) and a local server (`local_dify`).

pytest loads it by itself wherever the package is installed, so importing it costs nothing: `vcr` and the local server
are imported by the fixtures that need them.

A cassette replays each body as one piece and measures no time: it proves what is sent and what an answer means. For
cut, slow and broken streams use `local_dify`.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

if TYPE_CHECKING:
    import httpx

    from .local import LocalDify

UseCassette = Callable[..., AbstractContextManager[Any]]
_KEY = re.compile(rb"\b(app|dataset)-(?!REDACTED)[A-Za-z0-9_-]{16,}")
_PREFIX = re.compile(r"^.*?(?=/v1(/|$))")
_BOUNDARY = re.compile(r'boundary="?([^";]+)')


@pytest.fixture
def dify_cassette(request: pytest.FixtureRequest) -> UseCassette:
    """Answer every request from a recording; see `use_cassette` for what fits.

    Use it as `with dify_cassette("chat.yaml"):`. A relative path starts at the folder of the test's file.
    """

    def use(path: str | Path, *, unplayed: Collection[int] = ()) -> AbstractContextManager[Any]:
        return use_cassette(request.path.parent / path, unplayed=unplayed)

    return use


@pytest.fixture
def local_dify() -> Iterator[LocalDify]:
    """A running `LocalDify` with one app of every mode and a small handbook; needs the extra `local`."""
    from .local import LocalDify  # the plugin must not import a web server

    with LocalDify() as server:
        yield server


@contextmanager
def use_cassette(path: str | Path, *, unplayed: Collection[int] = ()) -> Iterator[Any]:
    """Answer every request from a cassette; nothing goes over the network.

    A request fits an exchange when method, path behind `/v1`, query and body are equal: JSON by value, multipart by its
    parts. The host does not matter, so a client may have any `base_url` and any key.

    Args:
        path: The YAML file.
        unplayed: Numbers of exchanges, from 0, that are left out on purpose; they must not be played.

    Yields:
        vcrpy's cassette.

    Raises:
        AssertionError: A request fitted no exchange, or an exchange was not played. The first is also raised where the
            request was made, as vcrpy's own exception.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no cassette {path}")
    with recorder("none").use_cassette(str(path)) as cassette:
        refused = _note_refusals(cassette)
        yield cassette
        _settle()
    left = [number for number in range(len(cassette)) if not cassette.play_counts[number]]
    wrong = sorted(set(left) ^ set(unplayed))
    if refused or wrong:
        told = [f"no exchange fits {text}" for text in refused]
        told += [f"exchange {n} was {'not ' if n in left else ''}played: {cassette.requests[n]}" for n in wrong]
        raise AssertionError(f"{Path(path).name}: " + "; ".join(told))


@contextmanager
def record_cassette(path: str | Path, *, secrets: Sequence[str] = ()) -> Iterator[Any]:
    """Let every request through and write the exchanges to a cassette, without keys and cookies.

    A file that exists is replaced. Bodies are kept as they are but for keys; those of streams are read to their end
    before the client sees them.

    Args:
        path: The YAML file.
        secrets: Texts to replace by `REDACTED` wherever they stand, besides everything that looks like a Dify key.

    Yields:
        vcrpy's cassette.
    """
    Path(path).unlink(missing_ok=True)
    with recorder("all", secrets=secrets).use_cassette(str(path)) as cassette:
        yield cassette
        _settle()


def save_cassette(
    path: str | Path, exchanges: Sequence[tuple[httpx.Request, httpx.Response, bytes]], *, secrets: Sequence[str] = ()
) -> list[bytes]:
    """Write exchanges that somebody else recorded to a cassette, without keys and cookies.

    vcrpy reads every answer to its end before the client sees it; what must be recorded while it streams goes this way.

    Args:
        path: The YAML file; replaced when it exists.
        exchanges: Requests, their answers, and the answers' bodies.
        secrets: See `record_cassette`.

    Returns:
        The bodies of the streams among them, as they were written.
    """
    request_type = importlib.import_module("vcr.request").Request
    with record_cassette(path, secrets=secrets) as cassette:
        for request, response, body in exchanges:
            headers = {name: [value] for name, value in response.headers.multi_items()}
            status = {"code": response.status_code, "message": response.reason_phrase}
            asked = request_type(request.method, str(request.url), request.content, dict(request.headers))
            cassette.append(asked, {"status": status, "headers": headers, "body": {"string": body}})
        # Now, because vcrpy turns bodies into text when it writes them.
        streams = [answer for answer in cassette.responses if "text/event-stream" in str(answer["headers"])]
        return [answer["body"]["string"] for answer in streams]


def recorder(record_mode: str = "none", *, secrets: Sequence[str] = ()) -> Any:
    """A `vcr.VCR` with this package's settings.

    Args:
        record_mode: vcrpy's; `none` sends nothing.
        secrets: Texts to replace when recording.

    Raises:
        ImportError: vcrpy is not installed.
    """
    try:
        vcr = importlib.import_module("vcr")
    except ImportError as error:
        raise ImportError('cassettes need vcrpy: pip install "vcrpy>=7"') from error
    scrub = _scrubber(secrets)

    def scrub_request(request: Any) -> Any:
        request.uri = scrub(request.uri.encode()).decode()
        if isinstance(request.body, bytes):
            request.body = scrub(request.body)
        return request

    def scrub_response(response: Any) -> Any:
        response["headers"] = {k: v for k, v in response["headers"].items() if k.lower() != "set-cookie"}
        body = response["body"].get("string")
        if isinstance(body, bytes):
            response["body"]["string"] = scrub(body)
        return response

    machine = vcr.VCR(
        record_mode=record_mode,
        filter_headers=[("authorization", "Bearer REDACTED"), ("cookie", None), ("proxy-authorization", None)],
        before_record_request=scrub_request,
        before_record_response=scrub_response,
        decode_compressed_response=True,
    )
    for matcher in (same_path, same_query, same_body):
        machine.register_matcher(matcher.__name__, matcher)
    machine.match_on = ("method", "same_path", "same_query", "same_body")
    return machine


def same_path(one: Any, other: Any) -> None:
    """Equal from `/v1` on, whatever stands before it."""
    _equal(*(_PREFIX.sub("", request.path) for request in (one, other)))


def same_query(one: Any, other: Any) -> None:
    """Equal parameters in any order; an empty value is not a missing one."""
    _equal(*(sorted(parse_qsl(request.parsed_uri.query, keep_blank_values=True)) for request in (one, other)))


def same_body(one: Any, other: Any) -> None:
    """Equal JSON values, equal parts of a multipart body, otherwise equal bytes."""
    _equal(_meaning(one), _meaning(other))


def _equal(asked: object, recorded: object) -> None:
    if asked != recorded:  # vcrpy shows the text of the exception
        raise AssertionError(f"asked {asked!r}, recorded {recorded!r}")


def _meaning(request: Any) -> object:
    body: bytes = request.body or b""
    kind = next((str(value) for name, value in request.headers.items() if name.lower() == "content-type"), "")
    boundary = _BOUNDARY.search(kind)
    if kind.startswith("multipart/") and boundary is not None:
        # The boundary is random, and each part ends with the line end in front of the next boundary.
        pieces = body.split(b"--" + boundary[1].encode())[1:-1]
        return [piece.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n") for piece in pieces]
    try:
        # As text, because Python says True == 1.
        return json.dumps(json.loads(body), sort_keys=True)
    except ValueError:
        return body


def _scrubber(secrets: Sequence[str]) -> Callable[[bytes], bytes]:
    known = [secret.encode() for secret in secrets if secret]

    def scrub(data: bytes) -> bytes:
        for secret in known:
            data = data.replace(secret, b"REDACTED")
        return _KEY.sub(rb"\1-REDACTED", data)

    return scrub


def _note_refusals(cassette: Any) -> list[str]:
    """Requests that fit nothing, also those whose exception somebody swallowed, such as a stop call in the background."""
    refused: list[str] = []
    ask = cassette.can_play_response_for

    def can_play(request: Any) -> Any:
        answer = ask(request)
        if not answer:
            refused.append(str(request))
        return answer

    cassette.can_play_response_for = can_play
    return refused


def _settle() -> None:
    """Wait for stop calls that are still under way in the background."""
    from ._stop import SENDER  # nothing of the client is needed to import the plugin

    SENDER.flush()
