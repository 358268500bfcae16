"""What the tables of this package are made of: recorded requests, calls, and reasons why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from dify_integrations.files import FileInput

Json = dict[str, Any]


@dataclass
class Call:
    """A call of the client: `method` such as `chat.send`, with its arguments."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: Json = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        """Whether it could also be made with `stream`."""
        runs = self.method in ("chat.send", "completion.send", "workflows.run")
        return runs and self.kwargs.get("response_mode") != "blocking"

    @property
    def follows(self) -> bool:
        """Whether it follows a run."""
        return self.method == "workflows.resume"

    @property
    def kind(self) -> str:
        """`message`, `workflow`, or `events` for a run that is followed."""
        if self.follows:
            return "events"
        return "workflow" if self.method == "workflows.run" else "message"


@dataclass(frozen=True)
class Reason:
    """Why no call of the client makes a request.

    Attributes:
        text: Why.
        answered: Whether servers answer such a request well. Otherwise they refuse it too.
    """

    text: str
    answered: bool = False


class Unreachable(Exception):
    """No call of the client makes this request."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


NO_JSON = Reason("the client sends JSON objects only")
NO_USER = Reason("the client always names the user", answered=True)
NO_FILE = Reason("an upload without its file, or its file without a name")
TWO_FILES = Reason("an upload with two files; servers take the first, or refuse it", answered=True)


@dataclass
class Part:
    """A part of a multipart body."""

    name: str
    filename: str | None
    mime_type: str
    content: Any


@dataclass
class Asked:
    """A recorded request, and the ids in its path."""

    method: str
    uri: str
    headers: dict[str, str]
    body: bytes
    ids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return urlsplit(self.uri).path

    @cached_property
    def query(self) -> Json:
        """Parameters; those that come twice as lists."""
        found: Json = {}
        for name, value in parse_qsl(urlsplit(self.uri).query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    def json(self) -> Json:
        """The fields of the body, or `Unreachable`."""
        try:
            value = json.loads(self.body or b"null")
        except ValueError:
            value = None
        if not isinstance(value, dict) or "application/json" not in self.headers.get("content-type", ""):
            raise Unreachable(NO_JSON)
        return value

    def parts(self) -> list[Part]:
        """The parts of a multipart body, or `Unreachable`."""
        boundary = re.search(r"^multipart/.*boundary=(\S+)", self.headers.get("content-type", ""))
        if boundary is None:
            raise Unreachable(NO_FILE)
        pieces = self.body.split(b"--" + boundary[1].encode())[1:-1]
        return [_part(*piece[2:-2].split(b"\r\n\r\n", 1)) for piece in pieces]

    def file(self) -> FileInput:
        """The one file of a multipart body, or `Unreachable`."""
        files = [part for part in self.parts() if part.filename is not None]
        if len(files) > 1:
            raise Unreachable(TWO_FILES)
        if not files or files[0].name != "file" or not files[0].filename:
            raise Unreachable(NO_FILE)
        return FileInput.from_bytes(files[0].content, files[0].filename, mime_type=files[0].mime_type)

    def text(self, name: str) -> str | None:
        """A text field of a multipart body."""
        return next((part.content.decode() for part in self.parts() if part.name == name and part.filename is None), None)


def _part(head: bytes, content: bytes) -> Part:
    def value(pattern: str) -> str | None:
        found = re.search(pattern, head.decode())
        return found[1] if found else None

    return Part(value('name="([^"]*)"') or "", value('filename="([^"]*)"'), value(r"Content-Type: (\S+)") or "text/plain", content)


def ids_in(template: str, path: str) -> tuple[str, ...] | None:
    """The values of a template's placeholders, decoded; `None` when the path is another one."""
    pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(template))
    match = re.fullmatch(pattern, path)
    return tuple(map(unquote, match.groups())) if match else None


def given(values: Json, *names: str, reason: Reason) -> Json:
    """`values` when it has all of `names`, otherwise `Unreachable`."""
    if not set(names) <= values.keys():
        raise Unreachable(reason)
    return values


def of_a_user(values: Json) -> Json:
    """`values` with the user that every call names, otherwise `Unreachable`."""
    if not values.get("user"):
        raise Unreachable(NO_USER)
    return values


def without_user(values: Json) -> Json:
    """`values` of a request whose `user` Dify does not read."""
    return {name: value for name, value in values.items() if name != "user"}


def by_ids(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    """The builder of calls that take nothing but ids."""
    return asked.ids, {}


Build = Callable[[Asked], "tuple[tuple[Any, ...], Json]"]
"""From a recorded request to the arguments of the call that makes it."""
Difference = Callable[["Sent"], None]
"""What the client sends otherwise than it was recorded, on purpose: changes the recorded request into the client's."""


@dataclass
class Sent:
    """A request in a form that can be compared: JSON by value, multipart by its parts.

    Attributes:
        query: Names and values.
        body: A JSON value, the parts of a multipart body, or bytes.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any


@dataclass(frozen=True)
class Route:
    """How recorded requests of one operation are made with the client.

    Attributes:
        id: Dify's operationId; address and method of the client stand in the catalogue.
        build: The call's arguments.
        differences: Where the client sends something else.
    """

    id: str
    build: Build
    differences: tuple[Difference, ...] = ()
