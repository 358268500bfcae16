"""Code in the README and the docs runs as printed; the demo shows all six scenes."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextvars import copy_context
from importlib import import_module
from pathlib import Path

import pytest
from llama_index.core import Settings

from dify_integrations.local import LocalDify
from examples.stage import local_dify, settings_of
from tests.llamaindex.conftest import AGENTS_LOOK

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")), 1)
    if not block.startswith("--8<--")
]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDify]:
    with local_dify(pace_s=0.0) as running:
        yield running


@pytest.fixture
def environment(server: LocalDify, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the README tells people to set."""
    for name, value in settings_of(server).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def own_loop() -> Iterator[None]:
    """The event loop that LlamaIndex opens in synchronous code and never closes."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def settings_as_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that sets LlamaIndex' `Settings.llm` sets it for no other, as on another reader's machine."""
    monkeypatch.setattr(Settings, "_llm", None)


@pytest.mark.usefixtures("environment", "own_loop", "settings_as_found")
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated")
@pytest.mark.filterwarnings(AGENTS_LOOK)
@pytest.mark.parametrize("block", BLOCKS)
def test_code_runs_as_printed(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every Python block of every page, pasted into an empty file."""
    code = compile(block, "page.py", "exec")
    copy_context().run(exec, code, {"__name__": "__main__"})  # tracers leave spans behind in the context they were called in
    if "print(" in block:
        assert capsys.readouterr().out.strip()


def test_there_are_blocks() -> None:
    """The README's first screen and the pages are really looked at."""
    assert len([block for block in BLOCKS if str(block.id).startswith("README")]) >= 6
    assert len(BLOCKS) >= 9


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links name a file that exists, and a heading in it."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        if "reference/" in name:
            continue  # made when the site is built, which fails on a link that leads nowhere
        file = page.parent / name if name else page
        assert file.exists(), target
        headings = {
            re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
            for line in file.read_text("utf-8").splitlines()
            if line.startswith("#")
        }
        assert not anchor or anchor in headings, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_quotes_are_there(page: Path) -> None:
    """What a page quotes is a file and a part of it that exist; the site takes its words when it is built."""
    for name, part in re.findall(r'^--8<-- "([^":]+):?([^"]*)"', page.read_text("utf-8"), re.MULTILINE):
        source = (ROOT / name).read_text("utf-8")
        assert not part or source.count(f"--8<-- [start:{part}]") == 1


def test_the_demo_plays_on_your_own_dify(server: LocalDify) -> None:
    """With DIFY_BASE_URL and keys set nothing local is started; without the keys it says which it needs."""
    address = {**os.environ, "DIFY_BASE_URL": server.base_url}
    keys = {
        "DIFY_CHAT_KEY": server.app("assistant").api_key,
        "DIFY_CHATFLOW_KEY": server.app("helpdesk").api_key,
        "DIFY_WORKFLOW_KEY": server.app("copywriter").api_key,
        "DIFY_DATASET_API_KEY": server.dataset_api_key,
        "DIFY_DATASET_ID": server.dataset("Handbook").id,
    }
    done = demo(address | keys)
    assert done.returncode == 0, done.stderr
    assert f"Dify at {server.base_url}" in done.stdout
    assert "That was all six." in done.stdout
    refused = demo(address)
    assert refused.returncode != 0
    assert all(name in refused.stderr for name in keys)


def demo(environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.demo"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_the_demo_shows_all_six_scenes() -> None:
    """`make demo`, as it is called there: answers, sources, tool calls and the steps inside the apps."""
    done = demo()
    assert done.returncode == 0, done.stderr
    out = " ".join(done.stdout.split())
    for number, title in enumerate(
        [
            "LangChain: a chatflow",
            "LangChain: RAG",
            "LangChain: an agent",
            "LlamaIndex: a chatflow",
            "LlamaIndex: a query engine",
            "LlamaIndex: an agent",
        ],
        1,
    ):
        assert f"{number} {title}" in out
    assert "Orders can be returned within 30 days of delivery." in out
    assert "Visitors pay nine euros for an hour at the bench" in out
    assert "workshop.txt" in out
    assert out.count("that is what sea kayaks are made for.") >= 2
    assert "Express shipping costs 12 euros" in out
    assert "open on Tuesdays and Saturdays" in out
    assert out.count("that is what paddle boards are made for.") >= 2
    assert out.count("Knowledge Retrieval") == 2
    assert out.count("Collect ideas") == 2
    assert done.stderr == ""


@pytest.mark.parametrize(("package", "folder"), [("langchain_dify", "langchain"), ("llamaindex_dify", "llamaindex")])
def test_every_public_name_of_an_adapter_is_documented(package: str, folder: str) -> None:
    """With a link to its reference page, which the site makes of `__all__`."""
    told = "".join(page.read_text("utf-8") for page in (ROOT / "docs" / folder).glob("*.md"))
    assert [name for name in import_module(package).__all__ if f"../reference/{folder}-{name}.md" not in told] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_that_a_page_names_exist(page: Path) -> None:
    """What a page calls shown by a test is."""
    for name, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8")):
        assert not test or re.search(rf"^(async )?def {test}\(", (ROOT / name).read_text("utf-8"), re.MULTILINE), test


def test_every_page_is_in_the_navigation() -> None:
    """A page that is not there is found by nobody."""
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if str(page.relative_to(ROOT / "docs")) not in navigation] == []
