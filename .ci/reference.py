"""MkDocs hook: the reference pages, made from the client itself.

One page per area of the client, with the area's methods and the shapes it takes and gives, one with every operation of the
Service API, and one per class of the adapters. What stands there are the docstrings; a new area, operation or class needs
no page of its own.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fields import exported, fields_table, inherited
from mkdocs.structure.files import File

from dify_integrations import OPERATIONS, Dify

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "dify_integrations" / "models"
ADAPTERS = {"langchain": ("LangChain classes", "langchain_dify"), "llamaindex": ("LlamaIndex classes", "llamaindex_dify")}
# Shapes live in one file per area of the API, which is not always an area of the client.
SHAPES = {
    "app": ["apps"],
    "datasets": ["datasets", "retrieval"],
    "documents": ["documents", "indexing"],
}
MORE = {
    "client": ("The client", ["dify_integrations._sync.client.Dify\n    options:\n      merge_init_into_class: true"]),
    "runs": (
        "Runs",
        ["dify_integrations._sync.stream.Run", "dify_integrations.runs.result.RunResult", "dify_integrations.runs.items"],
    ),
    "events": (
        "Events",
        [f"dify_integrations.events.{name}" for name in ("base", "chat", "agent", "workflow", "human_input", "audio")],
    ),
    "lists": ("Lists", ["dify_integrations._sync.paging.Pages", "dify_integrations.models.base.Page"]),
    "file-input": ("Files for runs", ["dify_integrations.files.FileInput"]),
    "settings": ("Clocks and retries", ["dify_integrations.settings.Timeouts", "dify_integrations.core.retry.RetryPolicy"]),
    "errors": ("Errors", ["dify_integrations.errors"]),
    "llamaindex-events": ("Events", ["llamaindex_dify.events"]),
    "llamaindex-errors": ("Errors", ["llamaindex_dify.errors"]),
}


def areas(client: Any, dotted: str = "dify") -> list[tuple[str, Any]]:
    """The areas of a client and those within them: dotted name and object."""
    found = []
    for name, value in vars(type(client)).items():
        if isinstance(value, cached_property):
            area = getattr(client, name)
            found += [(f"{dotted}.{name}", area), *areas(area, f"{dotted}.{name}")]
    return sorted(found)


def page_of(dotted: str, area: Any) -> str:
    """A page's text: the area's class, then its shapes."""
    cls = type(area)
    name = cls.__module__.rpartition(".")[2]
    shapes = [shape for shape in SHAPES.get(name, [name]) if (MODELS / f"{shape}.py").exists()]
    lines = [f"# `{dotted}`", "", f"The same on `AsyncDify`, with `await` and `async for`. {getdoc(cls)}".split("\n")[0], ""]
    # An area too long for one file has the rest of its methods in a base class.
    lines += [f"::: {cls.__module__}.{cls.__qualname__}", "    options:", "      inherited_members: true", ""]
    for shape in shapes:
        lines += [f"## {(getdoc(import_module(f'dify_integrations.models.{shape}')) or shape).splitlines()[0].rstrip('.')}", ""]
        lines += [f"::: dify_integrations.models.{shape}", "    options:", "      show_root_heading: false", ""]
    return "\n".join(lines)


def operations_page() -> str:
    """Every operation of the Service API and the method that calls it."""
    rows = [
        f"| `{one.id}` | `{one.method} {one.path}` | [`dify.{one.call}`]({page_name('dify.' + one.call.rpartition('.')[0])}) "
        f"| {one.key} | {one.since or '≤ 0.15'} |"
        for one in OPERATIONS
    ]
    return "\n".join(
        [
            "# Every operation",
            "",
            f"All {len(OPERATIONS)} operations of Dify's Service API. The same table is `dify_integrations.OPERATIONS`.",
            "",
            "| operationId | address | method | key | since Dify |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def class_page(package: Path, name: str, home: str) -> str:
    """A class of an adapter: its docstring and methods, then its fields."""
    fields = fields_table(package, name)
    shown = f"# `{name}`\n\n::: {home}\n    options:\n      show_root_heading: false\n"
    if methods := inherited(package, name):
        shown += f"      inherited_members: {methods}\n"
    return f"{shown}\n## Fields\n\n{fields}\n" if fields else shown


def page_name(dotted: str) -> str:
    return f"{dotted.removeprefix('dify.').replace('.', '-')}.md"


def pages() -> dict[str, tuple[str, str]]:
    """Name of every page: title and text."""
    client = Dify("app-docs", base_url="http://127.0.0.1:9/v1")
    made = {"operations.md": ("Every operation", operations_page())}
    for name, (title, objects) in MORE.items():
        made[f"{name}.md"] = (title, "\n\n".join([f"# {title}", *(f"::: {path}" for path in objects)]))
    for dotted, area in areas(client):
        made[page_name(dotted)] = (dotted, page_of(dotted, area))
    for framework, (_, package) in ADAPTERS.items():
        for name, home in exported(ROOT / package):
            made[f"{framework}-{name}.md"] = (name, class_page(ROOT / package, name, home))
    return made


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation."""
    nav: list[Any] = config.nav or []
    made = {name: {title: f"reference/{name}"} for name, (title, _) in pages().items()}
    client = [entry for name, entry in made.items() if not name.startswith(tuple(ADAPTERS))]
    adapters = [
        {title: [entry for name, entry in sorted(made.items()) if name.startswith(framework)]}
        for framework, (title, _) in ADAPTERS.items()
    ]
    nav.append({"Reference": [*client, *adapters]})
    config.nav = nav
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    for name, (_, text) in pages().items():
        files.append(File.generated(config, f"reference/{name}", content=text))
    return files
