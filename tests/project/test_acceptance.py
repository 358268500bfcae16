"""The adapter's acceptance checks: each of the numbers has at least one test that says so in its docstring.

A docstring that begins with `Check 16:` or `Checks 16 and 18:` claims the number; what the checks demand stands in
`CHECKS`, one line each.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CLAIM = re.compile(r"Checks? (\d+(?:(?:, | and |, and )\d+)*)\b")
CHECKS = {
    1: "LangChain's standard suites; a serialized model loads again and holds no key",
    2: "every token told once, before the consumer has it, by every way; never on a plain invoke",
    3: "streamed chunks add up to the invoked message, for every recorded app mode",
    4: "the same content blocks in output versions v0, v1 and v3",
    5: "apps and users on one cache never answer for each other",
    6: "a stateful model refuses a cache",
    7: "a second turn goes on in the conversation with the new text only",
    8: "edited and repeated turns are never put behind the old conversation",
    9: "a LangGraph thread goes on in its conversation after a restart",
    10: "histories of other providers, system messages and few-shots arrive whole and marked by role",
    11: "the user of the config keeps conversations and uploads apart",
    12: "files in messages become files of Dify, uploaded once for each user; no path of this machine",
    13: "calls of tools are read the same however the text is split",
    14: "an agent solves its task with tools in parallel, errors, unknown tools, forced choice and a schema",
    15: "structured output by three methods and three kinds of schema, with one repair",
    16: "one tree of runs by every way, all of them closed",
    17: "LangGraph shows every token once, usage is counted once",
    18: "nodes are told as events of models, tools and runnables, below the right parents",
    19: "leaving early sends one stop with the right user; a normal end none",
    20: "a cancel token interrupts a blocked read and a sync chain",
    21: "every documented error has its class and tells whether to repeat",
    22: "fallbacks take over before the first content, nothing is sent twice, dropped streams go on",
    23: "replaced answers are annotated, raised or buffered",
    24: "retrieval: long queries by policy, options per call, deterministic fusion, stable ids and scores",
    25: "toolkits: valid, distinct, described tools whose schema takes every form; a pause starts a run once",
}


@lru_cache(maxsize=1)
def claims() -> dict[int, list[str]]:
    """The tests that claim each number."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted([*TESTS.glob("langchain/test_*.py"), *TESTS.glob("bridge/test_*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name.lower().startswith("test"):
                claim = CLAIM.match(ast.get_docstring(node) or "")
                for number in re.findall(r"\d+", claim[1]) if claim else ():
                    found[int(number)].append(f"{path.name}::{node.name}")
    return found


@pytest.mark.parametrize("number", CHECKS, ids=[f"{number}: {demand}" for number, demand in CHECKS.items()])
def test_every_acceptance_check_has_a_test(number: int) -> None:
    assert claims()[number], f"no test claims check {number}: {CHECKS[number]}"


def test_no_test_claims_a_check_that_does_not_exist() -> None:
    assert set(claims()) <= set(CHECKS)
