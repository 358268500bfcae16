"""Only what is exported is public."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types

import pytest

import dify_integrations
from dify_integrations import errors, events

PACKAGES = ["dify_integrations", "langchain_dify", "llamaindex_dify"]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_true(name: str) -> None:
    """__all__ is sorted, without repetition, and every name is there."""
    package = importlib.import_module(name)
    assert list(package.__all__) == sorted(set(package.__all__))
    for public in package.__all__:
        assert getattr(package, public) is not None


def test_nothing_else_looks_public() -> None:
    """The namespace holds what __all__ says, submodules, and what it is made with."""
    names = {
        name
        for name in dir(dify_integrations)
        if not name.startswith("_") and not isinstance(getattr(dify_integrations, name), types.ModuleType)
    }
    assert names - {"TYPE_CHECKING"} == set(dify_integrations.__all__) - {"__version__"}


def test_unknown_names_are_refused() -> None:
    """Names that come when they are asked for do not make every name one."""
    assert not hasattr(dify_integrations, "Nothing")


def test_every_error_and_event_is_exported() -> None:
    """Nobody has to know in which file they stand."""
    own_errors = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert own_errors <= set(dify_integrations.__all__)
    assert {name for name in events.__all__ if name.endswith("Event")} <= set(dify_integrations.__all__)


@pytest.mark.parametrize("name", ["pydantic.main", "starlette", "uvicorn", "vcr", "langchain_core", "llama_index"])
def test_importing_the_package_is_cheap(name: str) -> None:
    """Models, servers and frameworks are imported when they are used."""
    code = f"import sys, dify_integrations; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
