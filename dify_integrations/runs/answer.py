"""The text of a run: deltas, the New Agent's closing repetition, replacements, and reasoning told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .items import ReasoningDelta, TextDelta, TextReplaced
from .reasoning import ThinkSplitter

if TYPE_CHECKING:
    from .items import Item


class Answer:
    """Collects text and reasoning.

    Args:
        split_thinking: Take `<think>…</think>` inside the text for reasoning.
    """

    def __init__(self, *, split_thinking: bool) -> None:
        self.replaced = False
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._splitter = ThinkSplitter() if split_thinking else None
        self._agent_spoke = False
        self._said: list[str] = []  # what came, tags included: only while a closing repetition may follow

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    def message(self, answer: str) -> Sequence[Item]:
        """A `message`: a delta, or the whole answer once more when an agent has spoken before."""
        if not self._agent_spoke:
            return self.say(answer)
        # A New Agent app repeats the complete answer at the end; appending would double it.
        said = "".join(self._said)
        return self.say(answer[len(said) :]) if answer.startswith(said) else self.replace(answer, "")

    def agent_message(self, answer: str) -> Sequence[Item]:
        self._agent_spoke = True
        self._said.append(answer)
        return self.say(answer)

    def say(self, text: str) -> Sequence[Item]:
        if self._splitter is not None:
            return self._sort(self._splitter.feed(text))
        if not text:
            return ()
        self._text.append(text)
        return (TextDelta(text),)

    def think(self, text: str, node_id: str) -> Sequence[Item]:
        if not text:
            return ()
        self._reasoning.append(text)
        return (ReasoningDelta(text, node_id),)

    def replace(self, text: str, reason: str) -> Sequence[Item]:
        if self._splitter is not None:
            self._splitter = ThinkSplitter()
        self._text = [text] if text else []
        self.replaced = True
        return (TextReplaced(text, reason),)

    def flush(self) -> Sequence[Item]:
        """What a possible tag held back, at the end of the text."""
        return self._sort(self._splitter.close()) if self._splitter is not None else ()

    def _sort(self, pieces: list[tuple[bool, str]]) -> list[Item]:
        items: list[Item] = []
        for is_reasoning, piece in pieces:
            (self._reasoning if is_reasoning else self._text).append(piece)
            items.append(ReasoningDelta(piece) if is_reasoning else TextDelta(piece))
        return items
