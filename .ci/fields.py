"""The fields of a class as a Markdown table, read from its source: what a model's constructor takes.

Nothing is imported, so that building the documentation needs none of the frameworks.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path


@lru_cache
def classes(package: Path) -> dict[str, tuple[str, ast.ClassDef]]:
    """Every class of a package by its name, and the module it stands in."""
    trees = {file.stem: ast.parse(file.read_text("utf-8")) for file in sorted(package.glob("*.py"))}
    return {node.name: (stem, node) for stem, tree in trees.items() for node in tree.body if isinstance(node, ast.ClassDef)}


def exported(package: Path) -> list[tuple[str, str]]:
    """The names in the package's `__all__` that are classes of its own, with their dotted module."""
    tree = ast.parse((package / "__init__.py").read_text("utf-8"))
    lists = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node.targets[0])
    ]
    return [(name, f"{package.name}.{classes(package)[name][0]}") for name in lists[0] if name in classes(package)]


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
