"""An answer without the code fence around all of it, read while it arrives: whoever asks for JSON wants no markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from .call_lines import ParsedCall

_OPENING: Final = re.compile(r"\s*```\w*[ \t\r]*\n")
_MAY_OPEN: Final = re.compile(r"\s*(?:`{0,2}|```\w*[ \t\r]*)\Z")
_MAY_CLOSE: Final = re.compile(r"\s*`{0,3}\s*\Z")
_CLOSING: Final = re.compile(r"\s*```\s*\Z")


class AnswerParser(Protocol):
    """Takes an answer apart, piece by piece; joined, what it gives is the same however the answer was cut."""

    def feed(self, text: str) -> list[str | ParsedCall]:
        """The next piece; returns what is sure."""
        ...

    def close(self) -> list[str | ParsedCall]:
        """The end; returns what was held back."""
        ...


class Unfenced:
    """Leaves the code fence out of an answer that begins with one and ends with it; every other answer stays as it is.

    Args:
        inner: Reads the answer first, such as for tool calls.
    """

    def __init__(self, inner: AnswerParser | None = None) -> None:
        self._inner = inner
        self._state: Literal["start", "fenced", "plain"] = "start"
        self._held = ""

    def feed(self, text: str) -> list[str | ParsedCall]:
        """The next piece of the answer; returns text (never empty) and calls, in order."""
        return self._pieces([text] if self._inner is None else self._inner.feed(text))

    def close(self) -> list[str | ParsedCall]:
        """The end of the answer; returns what was held back."""
        pieces = self._pieces(self._inner.close() if self._inner is not None else [])
        if self._state == "fenced":
            self._held = _CLOSING.sub("", self._held)
        return [*pieces, *([self._held] if self._held else [])]

    def _pieces(self, pieces: list[str | ParsedCall]) -> list[str | ParsedCall]:
        read = [self._text(piece) if isinstance(piece, str) else piece for piece in pieces]
        return [piece for piece in read if piece]

    def _text(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        if self._state == "start":
            if _MAY_OPEN.fullmatch(text):
                self._held = text
                return ""
            opening = _OPENING.match(text)
            self._state = "plain" if opening is None else "fenced"
            text = text if opening is None else text[opening.end() :]
        if self._state == "plain":
            return text
        end = _MAY_CLOSE.search(text)
        cut = len(text) if end is None else end.start()
        self._held = text[cut:]
        return text[:cut]
