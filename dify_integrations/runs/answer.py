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
        snapshot: Whether the first replacement is none, but the answer as it was when the stream was joined.
    """

    def __init__(self, *, split_thinking: bool, snapshot: bool = False) -> None:
        self.replaced = False
        self._instead = ""  # the replacement as it came
        self._awaits_snapshot = snapshot
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._splitter = ThinkSplitter() if split_thinking else None
        self._tagged: list[str] = []  # what the splitter was fed
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
        if self.replaced and answer in (self.text, self._instead):
            return ()
        return self.say(answer[len(said) :]) if answer.startswith(said) else self.replace(answer, "")

    def agent_message(self, answer: str) -> Sequence[Item]:
        self._agent_spoke = True
        self._said.append(answer)
        return self.say(answer)

    def say(self, text: str) -> Sequence[Item]:
        if self._splitter is not None:
            self._tagged.append(text)
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
        if self._awaits_snapshot and not reason:
            self._awaits_snapshot = False
            return self.say(text)
        self._instead = text
        if self._splitter is not None:
            self._splitter = ThinkSplitter()
            pieces = [*self._splitter.feed(text), *self._splitter.close()]
            self._splitter = ThinkSplitter()
            text = "".join(piece for is_reasoning, piece in pieces if not is_reasoning)
            self._reasoning = [piece for is_reasoning, piece in pieces if is_reasoning] or self._reasoning
        self._text = [text] if text else []
        self.replaced = True
        return (TextReplaced(text, reason),)

    def complete(self, whole: str) -> Sequence[Item]:
        """What of the whole answer was not said yet, or all of it where something else was said.

        Args:
            whole: As it came over the wire, thinking included.
        """
        said = self.text if self._splitter is None else "".join(self._tagged)
        if self.replaced or said == whole:
            return ()
        if whole.startswith(said):
            return self.say(whole[len(said) :])
        self._text, self._reasoning, self._tagged = [], [], []
        if self._splitter is not None:
            self._splitter = ThinkSplitter()
        self.say(whole)
        self.flush()
        return (TextReplaced(self.text),)

    def flush(self) -> Sequence[Item]:
        """What a possible tag held back, at the end of the text."""
        return self._sort(self._splitter.close()) if self._splitter is not None else ()

    def _sort(self, pieces: list[tuple[bool, str]]) -> list[Item]:
        items: list[Item] = []
        for is_reasoning, piece in pieces:
            (self._reasoning if is_reasoning else self._text).append(piece)
            items.append(ReasoningDelta(piece) if is_reasoning else TextDelta(piece))
        return items
