"""The re-recording tool against LocalDify: what it writes replays to the same values, and holds no key."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dify_integrations import Dify
from dify_integrations.local import LocalDify
from dify_integrations.testing import UseCassette, record_cassette
from tests.wire.recordings import ROOT

TOOL = ROOT / ".ci" / "cassettes.py"
WORKFLOW = {"topic": "cats", "tone": "plain"}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rerecord", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["rerecord"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_help_names_the_variables() -> None:
    shown = subprocess.run(
        [sys.executable, str(TOOL), "--help"], capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    for name in ("DIFY_BASE_URL", "DIFY_API_KEY", "DIFY_DATASET_API_KEY"):
        assert name in shown.stdout


def test_without_an_address_it_records_nothing(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DIFY_BASE_URL", raising=False)
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path / "new")])
    assert "DIFY_BASE_URL" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("app", ["chat", "agent", "chatflow", "completion", "workflow"])
def test_what_is_recorded_replays_to_the_same(
    app: str,
    tool: ModuleType,
    local_dify: LocalDify,
    dify_cassette: UseCassette,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = local_dify.app(app).api_key
    dataset = local_dify.dataset("Handbook").id
    monkeypatch.setenv("DIFY_BASE_URL", local_dify.base_url)
    monkeypatch.setenv("DIFY_API_KEY", key)
    monkeypatch.setenv("DIFY_DATASET_API_KEY", local_dify.dataset_api_key)
    asked = tool.Asked("Refunds?", WORKFLOW if app == "workflow" else {}, dataset)
    scenarios = tool.chosen(asked, [], None)
    assert len(scenarios) >= 6
    for name, scenario in scenarios:
        recorded = tool.record(tmp_path, name, scenario, asked)
        with dify_cassette(tmp_path / f"{name}.yaml"), Dify(**replaying(key, asked)) as dify:
            assert tool.outcome(scenario, dify, asked) == recorded
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key.encode() not in written
    assert local_dify.dataset_api_key.encode() not in written
    assert b"data: {" in b"".join(path.read_bytes() for path in tmp_path.glob("*.sse"))


def replaying(key: str, asked: Any) -> dict[str, Any]:
    return {"api_key": key, "user": asked.user, "base_url": "http://localhost:9/v1", "max_retries": 0}


def test_main_records_what_is_asked_for(
    tool: ModuleType, local_dify: LocalDify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIFY_BASE_URL", local_dify.base_url)
    monkeypatch.setenv("DIFY_API_KEY", local_dify.app("chat").api_key)
    tool.main([str(tmp_path), "--only", "app", "--only", "chat_blocking"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.yaml", "chat_blocking.yaml"]
    assert "chat_blocking.yaml" in capsys.readouterr().out


def test_users_can_record_with_the_plugin(local_dify: LocalDify, dify_cassette: UseCassette, tmp_path: Path) -> None:
    """`record_cassette` and `dify_cassette` are each other's opposite, streams and secrets in bodies included."""
    options: dict[str, Any] = {"api_key": local_dify.app("chat").api_key, "user": "me", "base_url": local_dify.base_url}
    path = tmp_path / "chat.yaml"
    with record_cassette(path, secrets=["hunter2"]), Dify(**options) as dify:
        recorded = dify.chat.send("my password is hunter2")
    assert b"hunter2" not in path.read_bytes()
    with dify_cassette(path), Dify(**options) as dify:
        replayed = dify.chat.send("my password is REDACTED")
    assert replayed.text == recorded.text.replace("hunter2", "REDACTED")
