"""Stop sequences on the client: Dify's apps take none, frameworks promise them."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidArgument


class StopSequences:
    """Cuts a text that comes in pieces before the first stop sequence, wherever the pieces are cut.

    Args:
        sequences: The texts to stop at; one text is one sequence.

    Raises:
        InvalidArgument: An empty sequence, which would stop before the first word, or what is no text.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        if isinstance(sequences, str):  # taken for a list, it would stop at each of its letters
            sequences = (sequences,)
        if not all(isinstance(stop, str) for stop in sequences):
            raise InvalidArgument("a stop sequence is a text")
        if not all(sequences):
            raise InvalidArgument("a stop sequence must not be empty")
        self.hit = False
        self._sequences = tuple(sequences)
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that is sure to stand before any stop sequence; `""` after one."""
        if self.hit:
            return ""
        text = self._held + text
        sure = len(text) - self._beginning(text)
        at = self._first(text)
        if 0 <= at <= sure:
            self.hit, self._held = True, ""
            return text[:at]
        # A sequence that begins before the one found may still become complete: ("abc", "b") after "ab".
        self._held = text[sure:]
        return text[:sure]

    def close(self) -> str:
        """What was held back as the possible beginning of a sequence, at the end of the text."""
        held, self._held = self._held, ""
        at = self._first(held)
        self.hit = self.hit or at >= 0
        return held[:at] if at >= 0 else held

    def _first(self, text: str) -> int:
        return min((found for found in map(text.find, self._sequences) if found >= 0), default=-1)

    def _beginning(self, text: str) -> int:
        """Length of the longest end of `text` that begins a sequence."""
        return max((size for stop in self._sequences for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0)
