"""Obeying the prompt that emulates tool calling: find the tools in it, call the best one, quote its result.

A tool is any JSON object on one line with `name` and `parameters`; a call is answered as one JSON object per line between
`<tool_calls>` and `</tool_calls>`; a result is what stands in a `<tool_result …>` element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from . import words

_RESULT = re.compile(r"<tool_result\b[^>]*>(.*?)</tool_result>", re.DOTALL)

_WITHDRAWN = re.compile(r"tools?\b[^\n]{0,40}\bcannot be used", re.IGNORECASE)
_SPOKEN = re.compile(r"^[ \t>*#]*(?:question|query|user|human)[ \t*]*:[ \t*]*(\S.*)$", re.IGNORECASE | re.MULTILINE)


def obey(prompt: str, earlier: Sequence[str] = ()) -> str | None:
    """The reply to a prompt that offers tools, or `None` when it offers none.

    Args:
        prompt: This turn's.
        earlier: Those of the turns before: a prompt that only speaks of tools means the ones offered last.
    """
    if "<tool_calls>" not in prompt or _WITHDRAWN.search(prompt):
        return None
    tools = next((found for text in (prompt, *reversed(earlier)) if (found := offered_tools(text))), [])
    if not tools:
        return None
    results = tool_results(prompt)
    if results:
        return f"The tool answered: {' '.join(results)}"
    question = question_in(prompt)
    tool = best_tool(question, tools)
    call = {"name": tool["name"], "arguments": arguments(tool, question)}
    return f"<tool_calls>\n{json.dumps(call, ensure_ascii=False)}\n</tool_calls>"


def offered_tools(prompt: str) -> list[dict[str, Any]]:
    """The tool definitions in a prompt, in order."""
    tools = []
    for line in (line.strip().lstrip("-* ") for line in prompt.splitlines()):
        if line.startswith("{"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            value = value.get("function", value) if isinstance(value, dict) else value
            if isinstance(value, dict) and isinstance(value.get("name"), str) and "parameters" in value:
                tools.append(value)
    return tools


def tool_results(prompt: str) -> list[str]:
    """The results that came back since the user spoke last; placeholders of an instruction are none."""
    spoken = [0, *(match.end() for match in _SPOKEN.finditer(prompt))]
    history, _, after = prompt.rpartition("</history>")
    if history and _RESULT.sub("", after).strip():
        spoken.append(len(history))  # what stands behind a transcript is a new turn
    found = [(match.start(), _decoded(match.group(1).strip())) for match in _RESULT.finditer(prompt)]
    return [text for start, text in found if text.strip(".…") and start >= max(spoken)]


def _decoded(result: str) -> str:
    """A result that was written as a JSON string, as the text it stands for."""
    try:
        value = json.loads(result)
    except ValueError:
        return result
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def question_in(prompt: str) -> str:
    """What the user asks in a prompt with tools: the last labelled words, else the last paragraph without markup."""
    labelled = _SPOKEN.findall(prompt)
    if labelled:
        return str(labelled[-1]).strip()
    blocks = [block.strip() for block in re.split(r"\n\s*\n", _RESULT.sub("", prompt))]
    plain = [block for block in blocks if block and not re.search(r"</?tool_|^\s*[-*]?\s*\{", block, re.MULTILINE)]
    return plain[-1] if plain else prompt


def best_tool(question: str, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """The tool whose name, description and parameters share most with the question; the first one on a tie."""
    texts = [f"{tool['name'].replace('_', ' ')} {tool.get('description', '')}" for tool in tools]
    scored = words.scores(question, texts)
    # Digits in a question speak for a tool that must be given numbers.
    if re.search(r"\d", question):
        scored = [score + (0.1 if _wants_numbers(tool) else 0.0) for score, tool in zip(scored, tools, strict=True)]
    return tools[max(range(len(tools)), key=lambda index: (scored[index], -index))]


def _wants_numbers(tool: dict[str, Any]) -> bool:
    properties = (tool["parameters"] if isinstance(tool["parameters"], dict) else {}).get("properties") or {}
    return any((schema or {}).get("type") in {"integer", "number"} for schema in properties.values())


def arguments(tool: dict[str, Any], question: str) -> dict[str, Any]:
    """Values for the required parameters, taken from the question in order."""
    schema = tool["parameters"] if isinstance(tool["parameters"], dict) else {}
    properties = schema.get("properties") or {}
    numbers = [float(number) if "." in number else int(number) for number in re.findall(r"-?\d+(?:\.\d+)?", question)]
    filled: dict[str, Any] = {}
    for name in schema.get("required") or []:
        filled[name] = _value(name, properties.get(name) or {}, question, numbers)
    return filled


def _value(name: str, schema: dict[str, Any], question: str, numbers: list[float | int]) -> Any:
    kind = schema.get("type", "string")
    options = schema.get("enum")
    if options:
        said = [option for option in options if str(option).lower() in question.lower()]
        return said[0] if said else options[0]
    if kind in {"integer", "number"}:
        number = numbers.pop(0) if numbers else 1
        return int(number) if kind == "integer" else number
    if kind == "boolean":
        return True
    if kind == "array":
        return [_value(name, schema.get("items") or {}, question, numbers)]
    if kind == "object":
        return arguments({"parameters": schema}, question)
    return _words_for(name, question)


def _words_for(name: str, question: str) -> str:
    """The proper name in a question when the parameter asks for one thing, else the whole question."""
    if name.lower() in {"query", "question", "text", "input", "message", "prompt", "expression", "search", "q"}:
        return question
    about = re.search(r"\babout\s+(.+?)[.?!]*$", question)
    if about and name.lower() in {"topic", "subject", "theme"}:
        return about.group(1)
    after = re.search(r"\b(?:in|of|for|about|at|from|named|to)\s+((?:[A-Z][\w'-]*\s?)+)", question)
    if after:
        return after.group(1).strip()
    proper = re.findall(r"(?<!^)\b[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)*", question)
    return str(proper[-1]) if proper else question
