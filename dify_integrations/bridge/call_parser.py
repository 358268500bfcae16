"""An answer with tool calls, read while it arrives. The grammar is in `tool_calls`; one line's JSON is `call_lines`'."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final, Literal
from uuid import uuid4

from ..runs.reasoning import CLOSE as THOUGHT
from ..runs.reasoning import OPEN as THINK
from .call_lines import CLOSE, ParsedCall, depth_of, has_arguments, is_unfinished, read_cut, read_whole, unreadable

_OPENINGS: Final = ("<tool_calls>", "<tool_call>")
_INVENTED: Final = "<tool_result"
# A tag that begins a block is followed by the end of its line or by JSON; a tag that is only talked about is not.
_OPEN: Final = re.compile(r"<tool_calls?>[ \t\r]*(?=[\n{\[<])")
# An answer that was cut off inside the tag that ends its block.
_CUT_CLOSE: Final = re.compile(r"\A\s*<\Z|</(?:t(?:o(?:o(?:l(?:_(?:c(?:a(?:l(?:l(?:s)?)?)?)?)?)?)?)?)?)?\Z")
_NOISE: Final = re.compile(r"(?:```\w*|[\[\],]*)")
_CALL_KEYS: Final = frozenset({"id", "type", "name", "function", "arguments", "parameters", "args"})
# How an answer that is nothing but a call begins: a fence, an array, an object, its first key.
_START: Final = re.compile(r"""\s*(?:`{1,2}\Z|```\w*\s*)?(?:\[\s*)?(?:\{\s*(?:["'](\w*)(["'])?)?)?""")
_FENCED: Final = re.compile(r"(?s)```\w*\s*(.*?)\s*```")


def _new_id() -> str:
    return f"call_{uuid4().hex}"


class ToolCallParser:
    """Reads an answer piece by piece: text comes out as text, calls come out when they are complete.

    Joined, the output is the same however the answer was cut into pieces. Whitespace before a block is dropped, as is
    everything from the first `<tool_result` after one: results that the model made up itself. Inside `<think>` a block is
    text: what a model only considers must not run.
    """

    def __init__(self, *, names: Collection[str] = (), parallel: bool = True, new_id: Callable[[], str] = _new_id) -> None:
        """Begin an answer.

        Args:
            names: The offered tools. With them, an answer that is nothing but a JSON object (bare or fenced) naming one
                of them counts as a call; such an answer is held back to its end.
            parallel: `False` keeps nothing after the first call that could be read.
            new_id: Makes the ids of calls.
        """
        self._names = frozenset(names)
        self._parallel = parallel
        self._new_id = new_id
        self._state: Literal["start", "whole", "text", "thinking", "block", "over"] = "start" if names else "text"
        self._held = ""
        self._later: list[str] = []  # pieces that cannot change anything yet, so that long lines are not copied over and over
        self._pending = ""  # lines of a call that is not complete
        self._depth = 0  # brackets they leave open, as far as a line alone can tell
        self._after_block = False
        self._called = False

    def feed(self, text: str) -> list[str | ParsedCall]:
        """The next piece of the answer; returns text (never empty) and calls, in order."""
        if self._state == "whole" or (self._state == "block" and "\n" not in text):
            self._later.append(text)
            return []
        self._take(text)
        return self._drained(final=False)

    def close(self) -> list[str | ParsedCall]:
        """The end of the answer; returns what was held back."""
        self._take("")
        out: list[str | ParsedCall] = []
        if self._state in ("start", "whole"):
            self._state = "text"
            calls = self._whole_answer() if self._held else []
            if calls:
                self._state = "over"
                self._emit(calls, out)
        out += self._drained(final=False)
        out += self._drained(final=True)
        self._state = "over"
        return out

    def _take(self, text: str) -> None:
        self._held = "".join((self._held, *self._later, text))
        self._later.clear()

    def _drained(self, *, final: bool) -> list[str | ParsedCall]:
        out: list[str | ParsedCall] = []
        while self._step(out, final=final):
            pass
        return out

    def _step(self, out: list[str | ParsedCall], *, final: bool) -> bool:
        """Do one thing; return whether there may be more to do."""
        if self._state == "start":
            return self._at_start()
        if self._state == "text":
            return self._in_text(out, final=final)
        if self._state == "thinking":
            return self._in_thinking(out, final=final)
        if self._state == "block":
            return self._in_block(out, final=final)
        return False

    def _at_start(self) -> bool:
        """Decide whether the answer may be nothing but a call. Once that is out of the question it stays so."""
        start = _START.match(self._held)
        key = start[1] if start and start[2] else None
        if start and key is None and start.end() == len(self._held):
            return False
        self._state = "whole" if key in _CALL_KEYS else "text"
        return self._state == "text"

    def _whole_answer(self) -> list[ParsedCall]:
        text = self._held.strip()
        fenced = _FENCED.fullmatch(text)
        calls = read_whole(fenced[1] if fenced else text) or []
        offered = all(call.name in self._names and call.error is None for call in calls)
        return calls if offered and has_arguments(text) else []

    def _in_text(self, out: list[str | ParsedCall], *, final: bool) -> bool:
        opening = _OPEN.search(self._held)
        invented = self._held.find(_INVENTED) if self._after_block else -1
        thinking = self._held.find(THINK, 0, opening.start() if opening is not None else None)
        if thinking >= 0 and not 0 <= invented < thinking:
            cut = thinking + len(THINK)
            self._say(self._held[:cut], out)
            self._state, self._held = "thinking", self._held[cut:]
        elif invented >= 0 and (opening is None or invented < opening.start()):
            self._say(self._held[:invented].rstrip(), out)
            self._state = "over"
        elif opening is not None:
            self._say(self._held[: opening.start()].rstrip(), out)
            self._state, self._held = "block", self._held[opening.end() :]
        else:
            cut = self._sure(final=final)
            self._say(self._held[:cut], out)
            self._held = self._held[cut:]
            return False
        return True

    def _in_thinking(self, out: list[str | ParsedCall], *, final: bool) -> bool:
        end = self._held.find(THOUGHT)
        last = self._held.rfind("<")
        cut = last if last >= 0 and THOUGHT.startswith(self._held[last:]) and not final else len(self._held)
        if end >= 0:
            cut, self._state = end + len(THOUGHT), "text"
        self._say(self._held[:cut], out)
        self._held = self._held[cut:]
        return end >= 0

    def _sure(self, *, final: bool) -> int:
        """How much of the held text is text whatever follows: a tag, and space before it, may still begin at the end."""
        last = self._held.rfind("<")
        tail = self._held[last:] if last >= 0 else "-"
        is_tag = tail.rstrip(" \t\r") in _OPENINGS
        if final and not is_tag:
            return 0 if self._after_block and not self._held.strip() else len(self._held)
        watched = (*_OPENINGS, THINK, *([_INVENTED] if self._after_block else []))
        if is_tag or any(tag.startswith(tail) for tag in watched):
            return len(self._held[:last].rstrip())
        return len(self._held.rstrip())

    def _in_block(self, out: list[str | ParsedCall], *, final: bool) -> bool:
        line, end, rest = self._held.partition("\n")
        if not end and not final:
            return False
        self._held = rest
        self._line(line + end if end else _CUT_CLOSE.sub("", line), out)
        if final and not self._held and self._state == "block":
            self._flush(out)
            self._state = "over"
        return True

    def _line(self, line: str, out: list[str | ParsedCall]) -> None:
        if CLOSE.fullmatch(line.strip()):
            self._flush(out)
            self._leave("\n" if line.endswith("\n") else "")
        elif self._pending or not _NOISE.fullmatch(line.strip()):
            self._json_line(line, out)

    def _json_line(self, line: str, out: list[str | ParsedCall]) -> None:
        self._depth = depth_of(line) + (self._depth if self._pending else 0)
        # Reading all lines again after each one would take quadratic time.
        calls = read_whole(self._pending + line) if not self._pending or self._depth <= 0 else None
        if calls is None and self._pending and has_arguments(line):
            calls = _good(read_whole(line))  # the pending call was cut off, but this one stands
            if calls is not None:
                self._flush(out)
        if calls is not None:
            self._pending = ""
            self._emit(calls, out)
        elif not self._closed_inline(line, out):
            self._pending += line
            if (self._depth <= 0 or self._pending == line) and not is_unfinished(self._pending):
                self._flush(out)

    def _closed_inline(self, line: str, out: list[str | ParsedCall]) -> bool:
        """Take a closing tag that is not alone on its line, when what stands before it shows that it is no string's."""
        for tag in CLOSE.finditer(line):
            before = line[: tag.start()]
            calls = read_cut(f"{self._pending}{before}\n")
            if calls is None and not self._pending and before.lstrip()[:1] not in ("{", "["):
                calls = [unreadable(before)] if before.strip() else []
            if calls is not None:
                self._pending = ""
                self._emit(calls, out)
                self._leave(line[tag.end() :])
                return True
        return False

    def _flush(self, out: list[str | ParsedCall]) -> None:
        """Make the best of lines that never became a complete call."""
        text, self._pending = self._pending, ""
        calls = read_cut(text) if text else []
        if calls is None:
            parts = re.split(r"""(?<=\n)(?=\s*\{\s*["']name["'])""", text)
            calls = [call for part in parts for call in read_cut(part) or [unreadable(part)]]
        self._emit(calls, out)

    def _leave(self, rest: str) -> None:
        self._state, self._after_block = "text", True
        self._held = rest + self._held

    def _say(self, text: str, out: list[str | ParsedCall]) -> None:
        if text:
            out.append(text)

    def _emit(self, calls: Sequence[ParsedCall], out: list[str | ParsedCall]) -> None:
        for call in calls:
            if self._called and not self._parallel:
                return
            out.append(replace(call, id=self._new_id()))
            self._called = self._called or call.error is None


def _good(calls: list[ParsedCall] | None) -> list[ParsedCall] | None:
    return calls if calls and all(call.error is None for call in calls) else None
