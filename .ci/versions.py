#!/usr/bin/env python3
"""Run the quick tests on every other Python of 3.10 to 3.13 that this machine has.

    python .ci/versions.py

Each gets an environment of its own, `.venv-3.X`. Left out are the tests that prove nothing new about a Python version:
replays of every recording, the stand-in server's own tests, the demo.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MINORS = (10, 11, 12, 13)
TESTS = [f"tests/{name}" for name in ("core", "events", "runs", "bridge", "operations", "client", "langchain", "llamaindex")]
REPLAYS = [f"--ignore=tests/{name}/test_recordings.py" for name in ("langchain", "llamaindex")]


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


def test_with(python: str, minor: int) -> None:
    folder = f".venv-3.{minor}"
    pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    if not Path(folder, ".test").exists():
        subprocess.run([python, ".ci/make_venv.py", folder], check=True)
        subprocess.run([*pip, "-U", "pip>=25.1"], check=True)
        subprocess.run([*pip, "-e", ".[all]", "--group", "test"], check=True)
        Path(folder, ".test").touch()
    subprocess.run([f"{folder}/bin/python", "-m", "pytest", "-q", "-n", "2", *REPLAYS, *TESTS], check=True)


def main() -> int:
    tested = []
    for minor in MINORS:
        python = None if minor == sys.version_info[1] else interpreter(minor)
        if python is not None:
            print(f"Python 3.{minor}: {python}", flush=True)
            test_with(python, minor)
            tested.append(f"3.{minor}")
    print(f"tested on Python {', '.join(tested)}" if tested else "no other Python from 3.10 to 3.13 on this machine")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
