"""Splits `<think>…</think>` inside answer text from the answer, safe across any cut."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Tells reasoning from answer in a text that arrives in pieces.

    Holds back only what could be the beginning of a tag. The tags themselves are dropped; an unclosed tag makes the
    rest reasoning.
    """

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces as `(is_reasoning, text)`, none empty."""
        if text and not self._held and "<" not in text:  # nearly every piece, and cheap
            return [(self._thinking, text)]
        pieces: list[tuple[bool, str]] = []
        self._held += text
        while True:
            tag = CLOSE if self._thinking else OPEN
            at = self._held.find(tag)
            if at < 0:
                break
            self._cut(pieces, at)
            self._held = self._held[len(tag) :]
            self._thinking = not self._thinking
        self._cut(pieces, len(self._held) - _overlap(self._held, tag))
        return pieces

    def close(self) -> list[tuple[bool, str]]:
        """What was held back, at the end of the text."""
        pieces: list[tuple[bool, str]] = []
        self._cut(pieces, len(self._held))
        return pieces

    def _cut(self, pieces: list[tuple[bool, str]], at: int) -> None:
        if at:
            pieces.append((self._thinking, self._held[:at]))
            self._held = self._held[at:]


def _overlap(text: str, tag: str) -> int:
    """Length of the longest end of `text` that begins `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
