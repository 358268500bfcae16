#!/usr/bin/env python3
"""Write the sync twin of the async code, or check that it is up to date.

    python .ci/twin.py            writes dify_integrations/_sync
    python .ci/twin.py --check    exit 1 when a file differs, is missing or left over, or a substitution is unused

Only words are substituted, so the async source must stay free of things that have no sync word; what is really different
stands in `waiting.py`, written by hand on both sides. Lines between `# twin: async only` and `# twin: end` are dropped.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "dify_integrations"
SOURCE, TARGET = ROOT / "_async", ROOT / "_sync"
BY_HAND = {Path("waiting.py")}
HEADER = "# Generated from {source} by .ci/twin.py; edit that file and run `make twin`.\n"

SUBSTITUTIONS = [
    (r"async def", "def"),
    (r"async with", "with"),
    (r"async for", "for"),
    (r"`await`ing", "opening"),
    (r"iterated or awaited", "iterated or opened"),
    (r"await ", ""),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"__aiter__", "__iter__"),
    (r"__anext__", "__next__"),
    (r"\baclose\b", "close"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAsyncIterable\b", "Iterable"),
    (r"AsyncGenerator\[None, None\]", "Generator[None, None, None]"),
    (r"\bAsyncGenerator\b", "Generator"),
    (r"StopAsyncIteration", "StopIteration"),
    (r"Async([A-Z]\w+)", r"\1"),
    (r"of the running event loop", "of this process"),
    (r"of this loop", "of this process"),
    (r"of the running loop", "of this process"),
    (r"per event loop", "per process"),
    (r"several threads, event loops and users", "several threads and users"),
    (r"; connections are also closed with their event loop", ""),
]
ASYNC_ONLY = re.compile(r"^ *# twin: async only\n.*?^ *# twin: end\n\n?", re.MULTILINE | re.DOTALL)


def twin_of(text: str, used: set[str]) -> str:
    """The sync text; notes the substitutions that applied."""
    text = ASYNC_ONLY.sub("", text)
    for pattern, replacement in SUBSTITUTIONS:
        text, count = re.subn(pattern, replacement, text)
        if count:
            used.add(pattern)
    return text


def main() -> int:
    check = "--check" in sys.argv[1:]
    used: set[str] = set()
    problems: list[str] = []
    wanted = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")}
    for name in sorted(wanted - BY_HAND):
        source = (SOURCE / name).relative_to(ROOT.parent).as_posix()
        text = HEADER.format(source=source) + twin_of((SOURCE / name).read_text("utf-8"), used)
        target = TARGET / name
        if check:
            if not target.exists() or target.read_text("utf-8") != text:
                problems.append(
                    f"{target.relative_to(ROOT.parent)} is not the twin of {source}: edit the async file, then `make twin`"
                )
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    left_over = {path.relative_to(TARGET) for path in TARGET.rglob("*.py")} - wanted
    problems += [f"dify_integrations/_sync/{name} has no async source" for name in sorted(left_over)]
    problems += [f"substitution {pattern!r} is not used any more" for pattern, _ in SUBSTITUTIONS if pattern not in used]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
