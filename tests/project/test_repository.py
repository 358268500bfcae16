"""What the repository must not and must hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".cfg", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return [path for path in ROOT.rglob("*") if path.is_file() and not any(part.startswith(".venv") for part in path.parts)]
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_help_lists_every_target() -> None:
    """`make help` is made from the targets' comments."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    told = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert phony == told
    assert {"demo", "test", "check", "twin", "bench", "docs", "cassettes", "help"} <= told


def test_ci_is_make_check() -> None:
    """People and CI run the same."""
    assert "exec make check" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_no_key_and_no_private_address_is_committed() -> None:
    """Neither a Dify key nor a path of somebody's machine."""
    bad = re.compile(r"\b(?:app|dataset)-(?!CANARY)(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{20,}\b|/home/[a-z]+/|/root/")
    hits = []
    for path in tracked():
        if path.suffix in TEXT and path.stat().st_size < 3_000_000 and path.name != Path(__file__).name:
            match = bad.search(path.read_text("utf-8", errors="replace"))
            if match:
                hits.append(f"{path.relative_to(ROOT)}: {match[0]}")
    assert not hits


@pytest.mark.parametrize("version", [(3, 9, 0), (2, 7, 18)], ids=str)
def test_an_old_python_is_told_so(version: tuple[int, int, int]) -> None:
    """One sentence instead of a traceback."""
    script = (ROOT / ".ci" / "make_venv.py").read_text("utf-8")
    code = f"import sys; sys.argv = ['x', 'y']; sys.version_info = {version}\n{script.replace('raise SystemExit(main(sys.argv[1]))', 'sys.exit(main(sys.argv[1]))')}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs Python 3.10 or newer" in done.stderr
