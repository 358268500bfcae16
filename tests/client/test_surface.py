"""The sync and async clients are one client: the same names, arguments and words."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from typing import Any

import pytest

import dify_integrations
from dify_integrations import AsyncDify, AsyncRun, Dify, Run
from dify_integrations._async.paging import AsyncPages
from dify_integrations._sync.paging import Pages


def areas(sync: Any, other: Any) -> list[tuple[str, Any, Any]]:
    """The areas of a client, and the areas within them: name, and the object on both sides."""
    found = []
    for name, value in vars(type(sync)).items():
        if isinstance(value, cached_property):
            pair = getattr(sync, name), getattr(other, name)
            found += [(name, *pair), *areas(*pair)]
    return found


FOUND = areas(Dify("app-x"), AsyncDify("app-x"))
AREAS = [name for name, _, _ in FOUND]
TWINS: list[tuple[type[Any], type[Any]]] = [
    (Dify, AsyncDify),
    (Run, AsyncRun),
    (Pages, AsyncPages),
    *((type(sync), type(other)) for _, sync, other in FOUND),
]
PREPARES = ("stream", "resume", "cancel", "items", "text", "result", "with_options", "settings", "pages")
# Words that differ on purpose; everything else must be the same text.
WORDS = [
    (r"\baclose\b", "close"),
    (r"`await`ing", "opening"),
    (r"iterated or awaited", "iterated or opened"),
    (r"async (with|for)", r"\1"),
    (r"Async([A-Z]\w+)", r"\1"),
    (r"of the running event loop|of this loop", "of this process"),
    (r"[Pp]er event loop", "Per process"),
    (r"several threads, event loops and users", "several threads and users"),
    (r"; connections are also closed with their event loop", ""),
]


@pytest.fixture(params=TWINS, ids=lambda pair: pair[0].__name__)
def twins(request: pytest.FixtureRequest) -> tuple[type[Any], type[Any]]:
    """A sync class and its async counterpart."""
    pair: tuple[type[Any], type[Any]] = request.param
    return pair


def public(cls: type[Any]) -> set[str]:
    names = {name for name in dir(cls) if not name.startswith("_")}
    return {"close" if name == "aclose" else name for name in names}


def member(cls: type[Any], name: str) -> Any:
    """A method or the function behind a property."""
    if name == "close" and cls.__name__.startswith("Async"):
        name = "aclose"
    value = inspect.getattr_static(cls, name)
    return getattr(value, "fget", None) or getattr(value, "func", None) or value


def words(text: str | None) -> str:
    """Text with the async words made sync, spacing apart."""
    text = text or ""
    for pattern, replacement in WORDS:
        text = re.sub(pattern, replacement, text)
    return " ".join(text.split()).replace("per process", "Per process")


def test_same_names(twins: tuple[type[Any], type[Any]]) -> None:
    """Nothing exists on one side only."""
    sync, other = twins
    assert other.__name__ == f"Async{sync.__name__}"
    assert public(sync) == public(other)


def test_same_arguments(twins: tuple[type[Any], type[Any]]) -> None:
    """Names, kinds and defaults of every method, the constructor included."""
    sync, other = twins
    for name in [*public(sync), "__init__"]:
        one, two = (inspect.signature(member(cls, name)).parameters.values() for cls in twins)
        assert [(p.name, p.kind, p.default) for p in one] == [(p.name, p.kind, p.default) for p in two], name


def test_same_words(twins: tuple[type[Any], type[Any]]) -> None:
    """Docstrings differ in the async words only, and every public member has one."""
    sync, other = twins
    for name in public(sync):
        text = member(sync, name).__doc__
        assert text, f"{sync.__name__}.{name}"
        assert words(text) == words(member(other, name).__doc__), name
    assert words(sync.__doc__) == words(other.__doc__)


def test_arguments_are_documented(twins: tuple[type[Any], type[Any]]) -> None:
    """A method with an `Args:` part tells of every argument in it."""
    for name in public(twins[0]):
        function = member(twins[0], name)
        text = function.__doc__ or ""
        if "Args:" not in text or re.search("as for (the other arguments|`stream`)", text):
            continue
        for argument in list(inspect.signature(function).parameters)[1:]:
            assert re.search(rf"^\s+{argument}:", text, re.MULTILINE), f"{name}: {argument}"


def test_async_methods_are_coroutines() -> None:
    """What talks to the server is awaited; what only prepares is not."""
    for sync, other in TWINS:
        for name in public(sync):
            function = member(other, name)
            assert not inspect.iscoroutinefunction(member(sync, name))
            if name in (*PREPARES, *AREAS) or name.startswith(("iterate", "stream_")):
                assert not inspect.iscoroutinefunction(function), name
            elif inspect.isfunction(function):
                assert inspect.iscoroutinefunction(function), f"{other.__name__}.{name}"


def test_exports() -> None:
    """`__all__` is sorted, complete and importable."""
    names = dify_integrations.__all__
    assert names == sorted(names)
    assert all(hasattr(dify_integrations, name) for name in names)
    assert {"Dify", "AsyncDify", "Run", "AsyncRun", "DifyError", "Timeouts", "RetryPolicy", "FileInput"} <= set(names)


def test_every_error_is_exported() -> None:
    """What is raised can be caught by name."""
    for name, value in vars(dify_integrations.errors).items():
        if inspect.isclass(value) and issubclass(value, dify_integrations.DifyError):
            assert getattr(dify_integrations, name) is value
