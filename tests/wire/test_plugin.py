"""The pytest plugin: cheap to import, strict about what fits a cassette."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dify_integrations import Dify
from dify_integrations.testing import UseCassette, recorder, use_cassette
from tests.wire.playing import OPTIONS, reachable
from tests.wire.recordings import CURATED, ROOT

STREAM = CURATED / "1.14.2" / "chat_streaming.yaml"


def test_importing_the_plugin_imports_neither_vcr_nor_a_server_nor_a_framework() -> None:
    code = (
        "import sys, dify_integrations.testing\n"
        "heavy = {'vcr', 'yaml', 'starlette', 'uvicorn', 'langchain_core', 'llama_index'} & set(sys.modules)\n"
        "sys.exit(','.join(sorted(heavy)) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_exchange_that_is_not_played_fails(dify_cassette: UseCassette) -> None:
    with pytest.raises(AssertionError, match="exchange 0 was not played"), dify_cassette(STREAM):
        pass


def test_an_exchange_that_was_to_be_left_out_but_is_played_fails() -> None:
    with pytest.raises(AssertionError, match="exchange 0 was played"), use_cassette(STREAM, unplayed={0}), Dify(**OPTIONS) as dify:
        dify.chat.send(**recorded_arguments())


def recorded_arguments() -> dict[str, Any]:
    call = reachable(STREAM)[0].call
    return {"query": call.args[0], **call.kwargs}


@pytest.mark.parametrize(
    "change",
    [{"query": "something else"}, {"user": "somebody else"}, {"inputs": {"a": True}}, {"auto_generate_name": False}],
    ids=lambda change: next(iter(change)),
)
def test_a_request_that_was_not_recorded_fails(change: dict[str, Any]) -> None:
    with (
        pytest.raises(Exception, match="(?i)no match for the request|no recorded interaction matches"),
        use_cassette(STREAM),
        Dify(**OPTIONS) as dify,
    ):
        dify.chat.send(**{**recorded_arguments(), **change})


def test_a_request_whose_refusal_is_swallowed_fails_all_the_same() -> None:
    """A stop in the background has nobody to raise to."""
    with pytest.raises(AssertionError, match="no exchange fits .*/stop"), use_cassette(STREAM), Dify(**OPTIONS) as dify:
        with dify.chat.stream(**recorded_arguments()) as run:
            next(iter(run))


def test_a_missing_cassette_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none.yaml"), use_cassette(tmp_path / "none.yaml"):
        pass


def test_without_vcrpy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vcr", None)
    with pytest.raises(ImportError, match="pip install"):
        recorder()
