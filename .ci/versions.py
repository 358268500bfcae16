#!/usr/bin/env python3
"""Run quick tests on every other Python of 3.10 to 3.13 that this machine has, and with the oldest frameworks that are allowed.

    python .ci/versions.py

Each gets an environment of its own, `.venv-3.X`. The oldest Python gets the oldest versions of LangChain's and LlamaIndex'
core that pyproject.toml allows, and runs all quick tests; without another Python here it is this one, in `.venv-oldest`.
The rest run those where a version of Python can make a difference: what is pure, and what waits, streams, is left,
cancelled, copied or read at run time.

Left out everywhere are the tests that prove nothing new about versions: replays of every recording, the stand-in server's
own tests, the demo.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

MINORS = (10, 11, 12, 13)
PURE = ("core", "events", "runs", "operations")
QUICK = [f"tests/{name}" for name in (*PURE, "bridge", "client", "langchain", "llamaindex")]
TELLING = [
    *(f"tests/{name}" for name in (*PURE, "client")),
    *(
        f"tests/langchain/test_{name}.py"
        for name in ("cancelling", "errors", "import", "leaving", "pausing", "streaming", "tools", "tracing")
    ),
    *(f"tests/llamaindex/test_{name}.py" for name in ("contract", "human_input", "instrumentation", "leaving", "quartet", "tool")),
]
LEFT_OUT = [f"--ignore=tests/{name}/test_recordings.py" for name in ("langchain", "llamaindex")]
# Of the oldest core neither its own engines nor the tracers that fit it do what they do now: OpenInference that nests
# streams asks for a newer one.
NOT_WITH_THE_OLDEST = ["--ignore=tests/llamaindex/test_tracers.py", "--ignore=tests/llamaindex/upstream"]


@dataclass(frozen=True)
class Environment:
    """Where tests run.

    Attributes:
        python: The interpreter it is made of.
        folder: Its place.
        oldest: Whether it gets the oldest frameworks.
    """

    python: str
    folder: str
    oldest: bool

    def make(self) -> None:
        done = Path(self.folder, ".test")
        if done.exists() and done.stat().st_mtime > Path("pyproject.toml").stat().st_mtime:
            return
        pip = [f"{self.folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        subprocess.run([self.python, ".ci/make_venv.py", self.folder], check=True)
        subprocess.run([*pip, "-U", "pip>=25.1"], check=True)
        subprocess.run([*pip, "-e", ".[all]", "--group", "test", *(floors() if self.oldest else ())], check=True)
        done.touch()

    def test(self) -> None:
        tests = [*NOT_WITH_THE_OLDEST, *QUICK] if self.oldest else TELLING
        subprocess.run([f"{self.folder}/bin/python", "-m", "pytest", "-q", "-n", "2", *LEFT_OUT, *tests], check=True)


def floors() -> list[str]:
    """The oldest frameworks that are allowed, as requirements."""
    allowed = re.findall(r'"((?:langchain|llama-index)-core)>=([\d.]+),', Path("pyproject.toml").read_text(encoding="utf-8"))
    assert len(allowed) == 2, allowed
    return [f"{name}=={oldest}" for name, oldest in allowed]


def interpreter(minor: int) -> str | None:
    """A working python3.<minor>: on the path, or one that pyenv keeps off it."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(root.glob(f"3.{minor}.*"), key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)])
    candidates = [shutil.which(f"python3.{minor}"), *(str(path / "bin" / "python") for path in reversed(kept))]
    for candidate in filter(None, candidates):
        probe = subprocess.run(
            [candidate, "-c", "import venv, ensurepip, sys; print(sys.version_info[1])"], capture_output=True, check=False
        )
        if probe.stdout.strip() == str(minor).encode():
            return candidate
    return None


def environments() -> list[Environment]:
    """All there are, the oldest Python's first."""
    others = [(minor, interpreter(minor)) for minor in MINORS if minor != sys.version_info[1]]
    found = [(f".venv-3.{minor}", python) for minor, python in others if python is not None]
    return [
        Environment(python, folder, index == 0)
        for index, (folder, python) in enumerate(found or [(".venv-oldest", sys.executable)])
    ]


def main() -> int:
    there = environments()
    with ThreadPoolExecutor(2) as pool:  # pip uses one core
        list(pool.map(Environment.make, there))
    for environment in there:
        print(
            f"{environment.folder}: {environment.python}{' with ' + ', '.join(floors()) if environment.oldest else ''}", flush=True
        )
        environment.test()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
