"""Refusals of request bodies: field by field with pydantic's sentences, or one argument at a time as 0.15 does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from ..replies import ApiError, answer, schema_error

PERMISSIONS = ("only_me", "all_team_members", "partial_members")
TECHNIQUES = ("high_quality", "economy")


class ArgumentError(ApiError):
    """400 of an argument parser: it names the argument in `params`; 0.15 tells no status."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(400, "invalid_param", message)
        self.name = name

    def response(self, *, old: bool = False) -> Response:
        """The envelope as a response."""
        body = {"code": self.code, "message": self.message, "params": self.name}
        return answer(body if old else {**body, "status": self.status}, status=self.status)


class Fields:
    """Collects what is wrong with the fields of a body.

    Args:
        model: The name of the server's model, which its sentences begin with.
        body: The fields.
        old: Whether only the first problem is told, as 0.15 does.
    """

    def __init__(self, model: str, body: Mapping[str, Any], *, old: bool = False) -> None:
        self._model = model
        self._body = dict(body)
        self._old = old
        self._problems: list[tuple[str, str, str, Any]] = []

    def refuse(self, name: str, sentence: str, kind: str, value: Any) -> None:
        """Note a problem."""
        self._problems.append((name, sentence, kind, value))

    def required(self, *names: str) -> None:
        """Fields that must be there."""
        for name in names:
            if name not in self._body:
                self.refuse(name, "Field required", "missing", self._body)

    def text(self, name: str, *, least: int = 0, most: int | None = None) -> None:
        """A field that holds text of some length, when it is there."""
        if name not in self._body:
            return
        value = self._body[name]
        if not isinstance(value, str):
            self.refuse(name, "Input should be a valid string", "string_type", value)
        elif len(value) < least:
            self.refuse(name, f"String should have at least {_many(least, 'character')}", "string_too_short", value)
        elif most is not None and len(value) > most:
            self.refuse(name, f"String should have at most {_many(most, 'character')}", "string_too_long", value)

    def choice(self, name: str, options: Sequence[str], *, kind: str = "literal_error") -> None:
        """A field that holds one of some words or null, when it is there."""
        value = self._body.get(name)
        if value is not None and value not in options:
            self.refuse(name, f"Input should be {_either(options)}", kind, value)

    def done(self) -> None:
        """Refuse the body when a problem was noted.

        Raises:
            ApiError: 400 `invalid_param`.
        """
        if not self._problems:
            return
        if self._old:
            name, sentence, kind, value = self._problems[0]
            missing = "Missing required parameter in the JSON body"
            raise ArgumentError(name, missing if kind == "missing" else f"{value} is not a valid choice. {sentence}")
        raise schema_error(self._model, self._problems, parsed=False)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _either(options: Sequence[str]) -> str:
    quoted = [f"'{option}'" for option in options]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
