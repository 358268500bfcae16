"""The adapters' acceptance checks: each of the numbers has at least one test that says so in its docstring.

A docstring that begins with `Check 16:` or `Checks 16 and 18:` claims the number, in the framework in whose folder the
test stands; what the checks demand stands in `CHECKS`, one line each.
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
# Bridge tests that claim a number were written for LangChain's.
FILES = {"langchain": ("langchain/**/test_*.py", "bridge/test_*.py"), "llamaindex": ("llamaindex/**/test_*.py",)}
LANGCHAIN = {
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
LLAMAINDEX = {
    1: "every class is core's own kind of LLM, retriever, tool, tool spec, chat engine, index and reader",
    2: "eight methods, one answer: text, tokens and ids alike, deltas that add up, a chunk even for no words",
    3: "each call is one LLM span with one start and one end; completing is no second chat",
    4: "no key in anything that is stored, shown, told or raised; it survives copies, and other processes bring their own",
    5: "what happens inside the app is a tree of spans below its call by every way, and every span ends",
    6: "OpenInference and the OpenTelemetry bridge export that tree; the next call begins at a clean root",
    7: "token counters and tracers tell Dify's counts",
    8: "an app as `Settings.llm` and a knowledge base in core's query engines, plain, streamed, async and cited",
    9: "fusion finds each passage once, in the order computed by hand, again and again, in loops and outside",
    10: "every cell of the filter table; what cannot be expressed is refused before a request; all settings or none",
    11: "long queries by policy, foreign shapes of records, missing scores, questions with answers, child chunks",
    12: "agents call by words: in parallel, paired, however the text is cut, with handoffs and direct returns",
    13: "without function calling: core's error, ReAct instead, code agents, and `predict_and_call` as it is",
    14: "structured output by every method with and without function calling, and both kinds of selectors",
    15: "tools that the app's own agent used run nowhere here, and other providers take the memory",
    16: "a tool call is one run also when it fails; forms of every kind; live events before the result",
    17: "a run that waits for a person: one run, one submission, also in another process, also two at once",
    18: "conversations: only what is new, forks said anew, users and engines apart, nothing withdrawn in a memory",
    19: "leaving by every way drops the connection and stops the run once, as its user; loops come and go",
    20: "core's own scenarios for LLMs, agents, chat engines and retrievers run on these classes",
}
CHECKS = {"langchain": LANGCHAIN, "llamaindex": LLAMAINDEX}
ALL = [
    pytest.param(framework, number, id=f"{framework} {number}: {demand}")
    for framework, checks in CHECKS.items()
    for number, demand in checks.items()
]


@lru_cache
def claims(framework: str) -> dict[int, list[str]]:
    """The tests that claim each number."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(file for pattern in FILES[framework] for file in TESTS.glob(pattern)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name.lower().startswith("test"):
                claim = CLAIM.match(ast.get_docstring(node) or "")
                for number in re.findall(r"\d+", claim[1]) if claim else ():
                    found[int(number)].append(f"{path.name}::{node.name}")
    return found


@pytest.mark.parametrize(("framework", "number"), ALL)
def test_every_acceptance_check_has_a_test(framework: str, number: int) -> None:
    assert claims(framework)[number], f"no test claims check {number}: {CHECKS[framework][number]}"


@pytest.mark.parametrize("framework", CHECKS)
def test_no_test_claims_a_check_that_does_not_exist(framework: str) -> None:
    assert set(claims(framework)) <= set(CHECKS[framework])
