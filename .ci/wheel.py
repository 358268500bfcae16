#!/usr/bin/env python3
"""Install the built wheel into empty environments and look at it as a user would.

Without extras: `dify_integrations` works with httpx, pydantic and what these need, and an adapter says which extra it
lacks. Also checks what is in the wheel: three packages, three `py.typed`, no tests, no cassettes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGES = ("dify_integrations", "langchain_dify", "llamaindex_dify")
# httpx, pydantic and anyio, and what these need in turn.
EXPECTED = {
    *("httpx", "httpcore", "h11", "certifi", "idna", "sniffio", "anyio", "exceptiongroup"),
    *("pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"),
    *("dify-integrations", "pip", "setuptools"),
}
LOOK = """
import importlib.metadata as m, sys
import dify_integrations
from dify_integrations import AsyncDify, Dify
extra = {d.metadata["Name"].lower().replace("_", "-") for d in m.distributions()} - set(sys.argv[1].split(","))
assert not extra, f"the core pulled in {sorted(extra)}"
assert dify_integrations.__version__ == m.version("dify-integrations")
Dify("app-x", user="u")
for package, name in (("langchain_dify", "langchain"), ("llamaindex_dify", "llamaindex")):
    try:
        __import__(package).__all__ and getattr(__import__(package), __import__(package).__all__[0])
    except ImportError as error:
        assert f'dify-integrations[{name}]' in str(error), error
    else:
        raise AssertionError(f"{package} imported without its framework")
try:
    import dify_integrations.local
except ImportError as error:
    assert "dify-integrations[local]" in str(error), error
else:
    raise AssertionError("dify_integrations.local imported without its extra")
"""


def look_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")}
    if tops != set(PACKAGES):
        raise SystemExit(f"the wheel holds {sorted(tops)}, not {sorted(PACKAGES)}")
    missing = [package for package in PACKAGES if f"{package}/py.typed" not in names]
    if missing:
        raise SystemExit(f"no py.typed in {missing}")


def main(dist: str) -> int:
    (wheel,) = Path(dist).glob("*.whl")
    look_inside(wheel)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel.resolve())], check=True)
        subprocess.run([python, "-I", "-c", LOOK, ",".join(sorted(EXPECTED))], check=True, cwd=folder)
    print(f"{wheel.name}: imports cleanly in an empty environment")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
