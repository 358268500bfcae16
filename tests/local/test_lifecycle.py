"""Starting and ending: threads, sockets, loops, ids, records, several servers, the command line."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import pytest

import dify_integrations.local as local
from dify_integrations.local import App, Dataset, Gate, LocalDify, Silence, Text
from dify_integrations.local.fixtures import local_dify as local_dify
from tests.local import wire
from tests.local.conftest import Serve, script

ROOT = Path(__file__).parents[2]


def refuses(base_url: str) -> bool:
    with socket.socket() as probe:
        address = urlsplit(base_url)
        return probe.connect_ex((address.hostname, address.port)) != 0


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name == "local-dify"}


def test_a_server_accepts_connections_inside_its_block_only() -> None:
    with LocalDify() as server:
        base_url = server.base_url
        assert threads()
        assert not refuses(base_url)
    assert refuses(base_url)
    assert not threads()


def test_the_base_url_needs_a_running_server() -> None:
    server = LocalDify()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.base_url
    with server:
        pass
    with pytest.raises(RuntimeError, match="started before"):
        server.start()


@pytest.mark.parametrize("mode", ["chat", "advanced-chat", "workflow"])
@pytest.mark.parametrize("last", [Gate(threading.Event()), Silence()], ids=["gate", "silence"])
def test_ending_a_server_breaks_open_streams(mode: str, last: Gate | Silence) -> None:
    with httpx.Client(trust_env=False) as http:
        server = LocalDify([App("app", mode, script(Text("a"), last))])
        server.start()
        body = {"query": "x", "inputs": {}, "user": "ann", "response_mode": "streaming"}
        path = "/workflows/run" if mode == "workflow" else "/chat-messages"
        headers = {"Authorization": f"Bearer {server.app('app').api_key}"}
        with http.stream("POST", server.base_url + path, json=body, headers=headers) as response:
            chunks = response.iter_raw()
            while b'"a"' not in next(chunks):
                pass
            server.stop()
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                for _ in chunks:
                    pass
    assert not threads()
    assert server.disconnects == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_asynchronous_twin_does_not_block_the_loop(backend: str) -> None:
    async def use() -> None:
        async with LocalDify() as server, httpx.AsyncClient(trust_env=False) as http:
            headers = {"Authorization": f"Bearer {server.app('chat').api_key}"}
            reply = await http.get(f"{server.base_url}/info", headers=headers)
            assert reply.json()["name"] == "chat"

    anyio.run(use, backend=backend)
    assert not threads()


def test_the_application_can_be_used_in_process() -> None:
    async def use() -> None:
        server = LocalDify([App("app", script=script(Text("a")))])
        transport = httpx.ASGITransport(server.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://local/v1") as http:
            headers = {"Authorization": f"Bearer {server.app('app').api_key}"}
            body = {"query": "x", "inputs": {}, "user": "ann", "response_mode": "streaming"}
            reply = await http.post("/chat-messages", json=body, headers=headers)
            assert wire.pattern(wire.events(reply.content)) == ["message", "message_end"]

    asyncio.run(use())


def test_servers_live_side_by_side(serve: Serve) -> None:
    one, two = serve(), serve()
    assert one.server.base_url != two.server.base_url
    one.generate("chat")
    assert len(one.server.requests) == 1
    assert two.server.requests == []


def test_a_fresh_server_gives_the_same_answers(serve: Serve) -> None:
    first, second = (serve(clock=lambda: 1_700_000_000.5).generate("workflow", inputs={"topic": "x"}) for _ in range(2))
    assert first.content == second.content
    assert b'"created_at":1700000000' in first.content


def test_only_the_loopback_interface_is_served() -> None:
    with pytest.raises(ValueError, match="loopback"):
        LocalDify(host="0.0.0.0")


def test_a_taken_port_is_an_error(serve: Serve) -> None:
    taken = urlsplit(serve().server.base_url).port
    assert taken is not None
    with pytest.raises(OSError, match="in use"):
        LocalDify(port=taken).start()


def test_requests_are_recorded_without_the_key(serve: Serve) -> None:
    served = serve()
    served.generate("chat", query="Hello", inputs={"x": 1})
    served.call("GET", "/conversations?user=bob&limit=3", app="chat")
    served.call("POST", "/files/upload", app="chat", data={"user": "eve"}, files={"file": ("a.txt", b"abc", "text/plain")})
    posted, listed, uploaded = served.server.requests
    assert (posted.method, posted.path, posted.user) == ("POST", "/v1/chat-messages", "ann")
    assert (posted.json["query"], posted.json["inputs"]) == ("Hello", {"x": 1})
    assert (listed.query, listed.user, listed.json) == ({"user": "bob", "limit": "3"}, "bob", None)
    assert (uploaded.form["file"], uploaded.user) == (
        {"filename": "a.txt", "content_type": "text/plain", "size": 3},
        "eve",
    )
    assert served.server.app("chat").api_key not in repr(served.server.requests)
    assert posted.headers["content-type"] == "application/json"


def test_waiting_for_something_that_does_not_come_gives_up(serve: Serve) -> None:
    assert serve().server.wait_until(lambda server: bool(server.stops), timeout_s=0.01) is False


def test_apps_and_datasets_are_found_by_name(serve: Serve) -> None:
    shelf = Dataset("Shelf", {"a.txt": "x"})
    served = serve(App("app", datasets=[shelf], api_key="app-fixed"), dataset_api_key="dataset-fixed")
    assert served.server.app("app").api_key == "app-fixed"
    assert served.server.dataset("Shelf") is shelf
    assert served.server.dataset_api_key == "dataset-fixed"
    with pytest.raises(KeyError):
        served.server.app("other")


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="Unknown mode"):
        App("x", "bogus")


def test_the_fixture_is_a_running_server(local_dify: LocalDify) -> None:
    assert not refuses(local_dify.base_url)
    assert [app.name for app in local_dify.apps] == ["chat", "completion", "agent", "chatflow", "workflow"]


def test_the_exported_names_are_sorted_and_exist() -> None:
    assert local.__all__ == sorted(local.__all__)
    assert all(hasattr(local, name) for name in local.__all__)


def test_the_stand_in_shares_no_code_with_the_client() -> None:
    allowed = re.compile(r"^(starlette|uvicorn|anyio|pytest)(\.|$)")
    for path in (ROOT / "dify_integrations" / "local").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                depth = len(path.relative_to(ROOT / "dify_integrations" / "local").parts)
                assert node.level <= depth, f"{path} reaches out of the package"
                names = [node.module or ""] if node.level == 0 else []
            for name in names:
                assert allowed.match(name) or name.split(".")[0] in {*sys.stdlib_module_names, "typing_extensions"}, name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "zoo.txt").write_text("The zoo opens at nine.", "utf-8")
    command = [sys.executable, "-W", "error", "-m", "dify_integrations.local", "--pace", "0", "--docs", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        head = "".join(line for line, _ in zip(lines, range(12)))
        base_url = re.search(r"http://127\.0\.0\.1:\d+/v1", head)
        key = re.search(r"chat +chat +(app-\w+)", head)
        assert base_url and key, head
        body = {"query": "When does the zoo open?", "inputs": {}, "user": "ann"}
        with httpx.Client(trust_env=False) as http:
            path = f"{base_url[0]}/chat-messages"
            reply = http.post(path, json=body, headers={"Authorization": f"Bearer {key[1]}"})
        assert reply.json()["answer"] == "The zoo opens at nine."
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert rest.endswith("Stopped.\n")


def test_a_connection_being_accepted_while_the_server_ends_is_closed() -> None:
    """Found on Python 3.13: a connection between accept and its first byte outlived the loop."""
    for _ in range(10):
        with socket.socket() as probe:
            with LocalDify([App("app")]) as server:
                address = urlsplit(server.base_url)
                probe.connect((address.hostname, address.port))
            probe.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert probe.recv(1) == b""
    gc.collect()
