"""The sync twin is generated, complete, and guarded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, ".ci/twin.py", "--check"], cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "twin.py", tmp_path / ".ci")
    for name in ("_async", "_sync"):
        shutil.copytree(
            ROOT / "dify_integrations" / name, tmp_path / "dify_integrations" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


def test_the_twin_is_up_to_date() -> None:
    """What is committed is what the script makes."""
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


def test_an_edited_twin_fails_the_check(copy: Path) -> None:
    """A change made in the wrong place is refused."""
    target = copy / "dify_integrations" / "_sync" / "stream.py"
    target.write_text(target.read_text("utf-8") + "\n# a quick fix\n", "utf-8")
    done = check(copy)
    assert done.returncode == 1
    assert "_sync/stream.py is not the twin" in done.stderr


def test_a_stale_twin_fails_the_check(copy: Path) -> None:
    """A change of the async file without `make twin` is refused."""
    source = copy / "dify_integrations" / "_async" / "resources" / "app.py"
    source.write_text(source.read_text("utf-8") + "\nX = 1\n", "utf-8")
    assert check(copy).returncode == 1


def test_a_left_over_file_fails_the_check(copy: Path) -> None:
    """A twin without a source is refused."""
    (copy / "dify_integrations" / "_sync" / "orphan.py").write_text("", "utf-8")
    assert "orphan.py has no async source" in check(copy).stderr


def test_an_unused_substitution_fails_the_check(copy: Path) -> None:
    """Rules that no longer apply are cleaned up."""
    script = copy / ".ci" / "twin.py"
    script.write_text(
        script.read_text("utf-8").replace("SUBSTITUTIONS = [", 'SUBSTITUTIONS = [\n    (r"neverthere", "x"),', 1), "utf-8"
    )
    assert "'neverthere' is not used" in check(copy).stderr


def test_writing_repairs_everything(copy: Path) -> None:
    """`make twin` makes the check pass again."""
    (copy / "dify_integrations" / "_sync" / "stream.py").unlink()
    subprocess.run([sys.executable, ".ci/twin.py"], cwd=copy, check=True)
    assert check(copy).returncode == 0
