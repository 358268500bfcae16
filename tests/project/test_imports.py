"""Imports go down only, and each outside library stays in its room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = [
    "_version errors",
    "settings files core",
    "models",
    "events",
    "runs",
    "operations",
    "_stop _faults _saving _reading _line _uploaded",
    "_async _sync",
    "bridge",
    "testing",
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}
# The transport, in three files: what is sent and read, the connections, and httpx's exceptions.
HTTPX_ROOMS = {f"dify_integrations/{side}/{name}.py" for side in ("_async", "_sync") for name in ("transport", "connections")}
HTTPX_ROOMS.add("dify_integrations/_faults.py")
PURE = ["core", "events", "runs", "operations", "bridge"]
IMPURE = {"httpx", "asyncio", "anyio", "socket", "time", "random", "threading", "os", "logging"}
# Locks, where state is shared between threads.
ALLOWED = {
    f"dify_integrations/{name}.py": {"threading"}
    for name in ("core/budget", "bridge/cancelling", "bridge/conversation", "bridge/clients")
}
# Several calls at once, and the seconds that are left to wait.
ALLOWED |= {
    "dify_integrations/bridge/flows.py": {"anyio"},
    "dify_integrations/bridge/knowing.py": {"anyio", "threading"},
    "dify_integrations/bridge/searching.py": {"anyio"},
    "dify_integrations/bridge/storing.py": {"time"},
}


def files(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path, *, at_run_time: bool = True) -> set[str]:
    """Absolute names of what a file imports; without what stands under TYPE_CHECKING or inside functions."""
    tree = ast.parse(path.read_text("utf-8"))
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    found: set[str] = set()
    nodes = [node for node in tree.body if not (at_run_time and isinstance(node, ast.If))] if at_run_time else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def layer(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "dify_integrations" and len(parts) > 1 and parts[1] in RANK else None


@pytest.mark.parametrize("path", files("dify_integrations"), ids=name_of)
def test_no_import_goes_up(path: Path) -> None:
    """errors → settings → core → models → events → runs → operations → _async/_sync → bridge."""
    own = path.relative_to(ROOT).parts[1].removesuffix(".py")
    if own not in RANK:
        return
    for module in imports_of(path):
        other = layer(module)
        assert other is None or RANK[other] <= RANK[own], f"{name_of(path)} imports {module}, which is above it"


@pytest.mark.parametrize("path", files("dify_integrations", "langchain_dify", "llamaindex_dify"), ids=name_of)
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    """httpx in the transport; frameworks in their adapter; neither adapter in the other; none in the core."""
    name = name_of(path)
    tops = {module.split(".")[0] for module in imports_of(path, at_run_time=name.startswith("dify_integrations"))}
    if name not in HTTPX_ROOMS:
        assert "httpx" not in tops
    if not name.startswith("langchain_dify"):
        assert not tops & {"langchain_core", "langchain", "langgraph", "langchain_dify"}
    else:
        # Interrupts and the custom stream are LangGraph's: whoever uses them has it; test_import sees that nobody else imports it.
        spared = {"langgraph"} if name in {"langchain_dify/_pausing.py", "langchain_dify/_progress.py"} else set()
        assert not (tops - spared) & {"langchain", "langgraph"}, "langchain-core is all the adapter needs"
    if not name.startswith("llamaindex_dify"):
        assert not tops & {"llama_index", "llamaindex_dify"}


@pytest.mark.parametrize("path", [p for top in PURE for p in files(f"dify_integrations/{top}")], ids=name_of)
def test_the_pure_layers_are_pure(path: Path) -> None:
    """No sockets, clocks, randomness, environment or event loops; the exceptions are named."""
    tops = {module.split(".")[0] for module in imports_of(path)}
    assert not tops & IMPURE - ALLOWED.get(name_of(path), set())


@pytest.mark.parametrize("path", files("dify_integrations/local"), ids=name_of)
def test_the_stand_in_shares_no_code_with_the_client(path: Path) -> None:
    """Otherwise a test against it would prove itself."""
    for module in imports_of(path, at_run_time=False):
        assert layer(module) is None, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", files("dify_integrations", "langchain_dify", "llamaindex_dify"), ids=name_of)
def test_files_and_functions_are_small(path: Path) -> None:
    """350 lines a file (the twin aside), 50 a function without its docstring."""
    text = path.read_text("utf-8")
    if "_sync" not in path.parts:
        assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            doc = ast.get_docstring(node, clean=False) or ""
            lines = (node.end_lineno or 0) - node.lineno + 1 - doc.count("\n") - bool(doc)
            assert lines <= 50, f"{node.name} has {lines} lines"
