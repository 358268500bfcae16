"""An answer as it is read: cut at stop sequences, tool calls taken out, and where in it the rest of the run took place.

Frameworks keep an answer's text, reasoning, tool calls and the server's own steps apart, and are asked to show them in one
order. So every part that does not follow the usual order, which is reasoning, text, calls, says at which position it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..runs.items import ReasoningDelta, TextDelta, TextReplaced, ToolCall, ToolResult
from .stops import StopSequences

if TYPE_CHECKING:
    from ..runs.items import Item
    from .tool_calls import ParsedCall
    from .unfenced import AnswerParser

_THINKING = re.compile(r"(?s)<think>.*?(?:</think>|\Z)")
Position = list[int]
"""How many characters of text, characters of reasoning and tool calls came before; a list, because it is stored as JSON."""


@dataclass(slots=True)
class Part:
    """What an item adds to an answer.

    Attributes:
        text, reasoning: More of them.
        calls: Tool calls the caller is to make.
        thoughts: Steps of the agent on the server that are over: `id`, `thought`, `tool`, `arguments`, `observation`, and
            `at`, the `Position`. A thought that repeats what was said is left out; an observation that never came is `None`.
        turns: Positions at which this part goes back to the beginning of the usual order.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[ParsedCall] = field(default_factory=list)
    thoughts: list[dict[str, Any]] = field(default_factory=list)
    turns: list[Position] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.calls or self.thoughts)


class Reading:
    """Reads one answer, item by item. However its text is split, the parts add up to the same.

    Args:
        stops: Sequences to stop at.
        parser: Finds tool calls, or leaves something out.

    Attributes:
        spoken: The text that was given out, in pieces. While the reading is `plain`, a caller may append a text delta here
            itself instead of handing it over.
        replaced: The answer that stands instead of what was given out; `None` while nothing was withdrawn.
    """

    def __init__(self, stops: Sequence[str] = (), parser: AnswerParser | None = None) -> None:
        self._stops = StopSequences(stops) if stops else None
        self._parser = parser
        self.spoken: list[str] = []
        self.replaced: str | None = None
        self._said = self.spoken if self._is_whole else []  # before anything was cut or taken out
        self._reasoned = 0
        self._called = 0
        self._thinking_since = (0, 0)  # pieces and calls given out when it thought last
        self._called_before = 0  # calls given out when it spoke last
        self._running: dict[str, dict[str, Any]] = {}
        self._thought = ""

    @property
    def _is_whole(self) -> bool:
        return self._stops is None and self._parser is None

    @property
    def plain(self) -> bool:
        """Whether every text delta is given out as it is."""
        return self._is_whole and self.replaced is None

    @property
    def cut(self) -> bool:
        """Whether a stop sequence ended the answer."""
        return self._stops is not None and self._stops.hit

    def take(self, item: Item) -> list[Part]:
        """What the item adds to the answer, as far as it is sure."""
        if isinstance(item, TextDelta):
            return self._say(item.text)
        if isinstance(item, ReasoningDelta):
            return [self._think(item.text)]
        if isinstance(item, ToolCall):
            self._begin(item)
        elif isinstance(item, ToolResult):
            return [self._finish(item.id, item.content)]
        elif isinstance(item, TextReplaced):
            return self._replace(item.text)
        return []

    def close(self) -> list[Part]:
        """What was held back, at the end."""
        parts = [self._finish(step, None) for step in list(self._running)]
        if self.replaced is None:
            parts += self._read(self._stops.close() if self._stops is not None else "", last=True)
        return parts

    def _say(self, text: str) -> list[Part]:
        if self.replaced is not None:
            return []
        if self._is_whole:
            return [self._speak(text)]
        self._said.append(text)
        return self._read(self._stops.feed(text) if self._stops is not None else text)

    def _read(self, text: str, *, last: bool = False) -> list[Part]:
        if self._parser is None:
            return [self._speak(text)] if text else []
        parts: list[Part] = []
        for piece in [*self._parser.feed(text), *(self._parser.close() if last else ())]:
            if isinstance(piece, str):
                parts.append(self._speak(piece))
            else:
                self._called += 1
                parts.append(Part(calls=[piece]))
        return parts

    def _speak(self, text: str) -> Part:
        turns = [self._position()] if self._called != self._called_before else []
        self._called_before = self._called
        self.spoken.append(text)
        return Part(text=text, turns=turns)

    def _think(self, text: str) -> Part:
        now = (len(self.spoken), self._called)
        turns = [self._position()] if now != self._thinking_since else []
        self._thinking_since = now
        self._reasoned += len(text)
        return Part(reasoning=text, turns=turns)

    def _begin(self, call: ToolCall) -> None:
        # Most agents say their thought aloud, and one step with several tools has a single thought.
        told = call.thought == self._thought or is_said(call.thought, "".join(self._said))
        self._thought = call.thought
        thought = "" if told else call.thought
        self._running[call.id] = {"id": call.id, "thought": thought, "tool": call.name, "arguments": call.arguments}

    def _finish(self, step: str, observation: str | None) -> Part:
        record = self._running.pop(step, {"id": step})
        return Part(thoughts=[{**record, "observation": observation, "at": self._position()}])

    def _replace(self, text: str) -> list[Part]:
        """The rest of a replacement that begins with what was said; otherwise nothing, for nothing can be unsaid."""
        said = "".join(self._said)
        if self.replaced is None and text.startswith(said):
            return self._say(text[len(said) :]) if len(text) > len(said) else []
        self.replaced = text
        return []

    def _position(self) -> Position:
        return [sum(map(len, self.spoken)), self._reasoned, self._called]


def added_up(parts: Iterable[Part], instead: Iterable[Part] | None = None) -> Part:
    """The parts as one.

    Args:
        parts: In order.
        instead: The parts of what replaced the answer. Of `parts` reasoning and thoughts remain then, before all text.
    """
    parts = list(parts)
    said = parts if instead is None else list(instead)
    reasoning = "".join(part.reasoning for part in parts)
    thoughts = [thought for part in parts for thought in part.thoughts]
    turns = [turn for part in said for turn in part.turns]
    if instead is not None:
        thoughts = [{**thought, "at": [0, thought["at"][1], 0]} for thought in thoughts]
        turns = [[text, len(reasoning), calls] for text, _, calls in turns]
    text = "".join(part.text for part in said)
    return Part(text, reasoning, [call for part in said for call in part.calls], thoughts, turns)


def is_said(thought: str, text: str) -> bool:
    """Whether an agent's thought stands in the text too, whatever the spaces, and with or without its `<think>` part."""
    said = _bare(text)
    return _bare(thought) in said or _bare(_THINKING.sub("", thought)) in said


def _bare(text: str) -> str:
    return "".join(text.split())
