"""The fields of a class as a Markdown table, read from its source: what a model's constructor takes.

Nothing is imported, so that building the documentation needs none of the frameworks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

# Public only because other files of the package use it.
_NOT_SHOWN = {"alike", "app_fingerprint", "app_named", "apps_fingerprint", "clients", "model_post_init"}


@lru_cache
def classes(package: Path) -> dict[str, tuple[str, ast.ClassDef]]:
    """Every class of a package by its name, and the module it stands in."""
    trees = {file.stem: ast.parse(file.read_text("utf-8")) for file in sorted(package.glob("*.py"))}
    return {node.name: (stem, node) for stem, tree in trees.items() for node in tree.body if isinstance(node, ast.ClassDef)}


def exported(package: Path) -> list[tuple[str, str]]:
    """The names in the package's `__all__`, each with the dotted path of the class that stands behind it."""
    init = package / "__init__.py"
    lists = [
        ast.literal_eval(node.value)
        for node in ast.parse(init.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node.targets[0])
    ]
    return [(name, _home(init, name, package.parent)) for name in lists[0]]


def _home(file: Path, name: str, root: Path) -> str:
    """Where a class is made that a file makes or imports."""
    tree = ast.parse(file.read_text("utf-8"))
    if any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body):
        return ".".join([*file.relative_to(root).with_suffix("").parts, name])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            own = {alias.asname or alias.name: alias.name for alias in node.names}
            if name in own:
                base = file.parents[node.level - 1] if node.level else root
                return _home(base.joinpath(*node.module.split(".")).with_suffix(".py"), own[name], root)
    raise LookupError(f"{file} neither makes nor imports {name}")


def inherited(package: Path, name: str) -> list[str]:
    """The public methods that a class has from bases of its own package."""
    _, found = classes(package).get(name, ("", None))
    bases = [ast.unparse(base).partition("[")[0] for base in found.bases] if found is not None else []
    methods = [method for base in bases for method in [*_methods(package, base), *inherited(package, base)]]
    return [method for method in dict.fromkeys(methods) if method not in _NOT_SHOWN]


def _methods(package: Path, name: str) -> list[str]:
    _, found = classes(package).get(name, ("", None))
    defined = (
        [node for node in found.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))] if found is not None else []
    )
    return [node.name for node in defined if not node.name.startswith("_") and ast.get_docstring(node)]


def fields_table(package: Path, name: str) -> str:
    """The table, fields of the class before those it inherits; empty for a class without fields."""
    rows = dict(_rows(package, name))
    head = ["| field | type | default | |", "|---|---|---|---|"]
    return "\n".join([*head, *rows.values()]) if rows else ""


def _rows(package: Path, name: str) -> Iterator[tuple[str, str]]:
    _, found = classes(package).get(name, ("", None))
    if found is None:
        return
    own = {}
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Call):
            told = {keyword.arg: keyword.value for keyword in node.value.keywords}
            if isinstance(about := told.get("description"), ast.Constant):
                own[node.target.id] = f"| `{node.target.id}` | {_code(node.annotation)} | {_default(told)} | {about.value} |"
    inherited = [row for base in found.bases for row in _rows(package, ast.unparse(base).partition("[")[0])]
    yield from own.items()
    yield from ((field, row) for field, row in inherited if field not in own)


def _default(told: dict[str | None, ast.expr]) -> str:
    if "default" in told:
        return _code(told["default"])
    factory = told.get("default_factory")
    if factory is None:
        return "required"
    return {"dict": "`{}`", "list": "`[]`"}.get(ast.unparse(factory), "")


def _code(node: ast.expr) -> str:
    text = ast.unparse(node).replace("|", "\\|")
    return f"`{text}`"
