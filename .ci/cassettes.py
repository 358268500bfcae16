#!/usr/bin/env python3
"""Record cassettes again from a live Dify server.

    DIFY_BASE_URL=https://dify.example/v1 DIFY_API_KEY=app-… python .ci/cassettes.py cassettes/recorded

The key decides what is recorded: one key is one app, and the app's mode decides which scenarios there are. With
DIFY_DATASET_API_KEY and --dataset the knowledge scenarios are recorded too. Each scenario becomes NAME.yaml, and NAME.sse
(NAME.1.sse, NAME.2.sse …) with the raw bytes of its streams. Keys and cookies are not written.

vcrpy reads every answer to its end before the client sees it, and then nothing could be stopped in time. So the bytes are
copied on their way through a transport instead; vcrpy's part is the file and its scrubbing, by dify_integrations.testing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from dify_integrations import Dify
from dify_integrations.errors import DifyError
from dify_integrations.files import FileInput
from dify_integrations.models.retrieval import RetrievalModel
from dify_integrations.testing import save_cassette

CHATS = ("chat", "agent-chat", "advanced-chat", "agent")
NO_ID = "00000000-0000-4000-8000-000000000000"


@dataclass
class Asked:
    """What the scenarios ask."""

    query: str = "Hello! Please answer in one sentence."
    inputs: dict[str, Any] = field(default_factory=dict)
    dataset: str = ""
    user: str = "cassette-user"


Scenario = Callable[[Dify, Asked], Any]


def stream_chat(dify: Dify, asked: Asked) -> Any:
    first = dify.chat.send(asked.query, inputs=asked.inputs)
    again = dify.chat.send("And again?", inputs=asked.inputs, conversation_id=first.conversation_id)
    return first, again, dify.messages.list(first.conversation_id)


def refuse_conversation(dify: Dify, asked: Asked) -> Any:
    return dify.chat.send(asked.query, inputs=asked.inputs, conversation_id=NO_ID, response_mode="blocking")


def block_chat(dify: Dify, asked: Asked) -> Any:
    return dify.chat.send(asked.query, inputs=asked.inputs, response_mode="blocking")


def stop_chat(dify: Dify, asked: Asked) -> Any:
    return stop_early(dify.chat.stream(asked.query, inputs=asked.inputs))


def complete(dify: Dify, asked: Asked) -> Any:
    inputs = {"query": asked.query, **asked.inputs}
    return dify.completion.send(inputs), dify.completion.send(inputs, response_mode="blocking")


def stop_completion(dify: Dify, asked: Asked) -> Any:
    return stop_early(dify.completion.stream({"query": asked.query, **asked.inputs}))


def run_workflow(dify: Dify, asked: Asked) -> Any:
    run = dify.workflows.run(asked.inputs)
    return run, dify.workflows.detail(run.workflow_run_id), dify.workflows.run(asked.inputs, response_mode="blocking")


def stop_workflow(dify: Dify, asked: Asked) -> Any:
    return stop_early(dify.workflows.stream(asked.inputs))


def refuse_run(dify: Dify, _: Asked) -> Any:
    return dify.workflows.detail(NO_ID)


def upload(dify: Dify, _: Asked) -> Any:
    return dify.files.upload(FileInput.from_bytes(b"A line of text.\n", "note.txt"))


def describe(dify: Dify, _: Asked) -> Any:
    return dify.app.info(), dify.app.parameters()


def retrieve(dify: Dify, asked: Asked) -> Any:
    model = RetrievalModel(search_method="keyword_search", top_k=3)
    return dify.datasets.get(asked.dataset), dify.datasets.retrieve(asked.dataset, asked.query, retrieval_model=model)


def refuse_dataset(dify: Dify, asked: Asked) -> Any:
    return dify.datasets.retrieve(NO_ID, asked.query)


def stop_early(run: Any) -> Any:
    """Ask for the end after the first text, and read on."""
    asked = False
    with run:
        for event in run:
            if not asked and event.name in ("message", "agent_message", "text_chunk"):
                run.stop()
                asked = True
    return run.result


# Name, modes of apps it is for (empty: needs a knowledge base), scenario.
SCENARIOS: tuple[tuple[str, tuple[str, ...], Scenario], ...] = (
    ("app", (*CHATS, "completion", "workflow"), describe),
    ("files_upload", (*CHATS, "completion", "workflow"), upload),
    ("chat_streaming", CHATS, stream_chat),
    ("chat_blocking", ("chat", "advanced-chat"), block_chat),
    ("chat_stop", ("chat", "agent-chat", "advanced-chat"), stop_chat),
    ("chat_unknown_conversation", ("chat", "advanced-chat"), refuse_conversation),
    ("completion", ("completion",), complete),
    ("completion_stop", ("completion",), stop_completion),
    ("workflow", ("workflow",), run_workflow),
    ("workflow_stop", ("workflow",), stop_workflow),
    ("workflow_unknown_run", ("workflow",), refuse_run),
    ("retrieve", (), retrieve),
    ("retrieve_unknown_dataset", (), refuse_dataset),
)


class Copied(httpx.SyncByteStream):
    """A body that is handed on piece by piece, and kept."""

    def __init__(self, stream: Any, keep: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._keep = keep
        self._pieces: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._pieces.append(piece)
            yield piece

    def close(self) -> None:
        self._stream.close()
        self._keep(b"".join(self._pieces))


class Tap(httpx.BaseTransport):
    """A transport that keeps every exchange, in the order of the requests."""

    def __init__(self) -> None:
        self.exchanges: list[tuple[httpx.Request, httpx.Response, list[bytes]]] = []
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        response = self._inner.handle_request(request)
        kept: list[bytes] = []
        self.exchanges.append((request, response, kept))
        response.stream = Copied(response.stream, kept.append)
        return response

    def close(self) -> None:
        self._inner.close()


def outcome(scenario: Scenario, dify: Dify, asked: Asked) -> Any:
    """What a scenario gives: its value, or the text of its error."""
    try:
        return scenario(dify, asked)
    except DifyError as error:
        return f"{type(error).__name__}: {error}"


def record(folder: Path, name: str, scenario: Scenario, asked: Asked, base_url: str | None = None) -> Any:
    """Record one scenario into `folder`; what it gave."""
    tap = Tap()
    with httpx.Client(transport=tap) as http, Dify(base_url=base_url, user=asked.user, http_client=http, max_retries=0) as dify:
        result = outcome(scenario, dify, asked)
        secrets = dify.settings.secrets()
    exchanges = [(request, response, b"".join(kept)) for request, response, kept in tap.exchanges]
    streams = save_cassette(folder / f"{name}.yaml", exchanges, secrets=secrets)
    for number, body in enumerate(streams, 1):
        stem = name if len(streams) == 1 else f"{name}.{number}"
        (folder / f"{stem}.sse").write_bytes(body)
    return result


def chosen(asked: Asked, only: list[str], mode: str | None) -> list[tuple[str, Scenario]]:
    """The scenarios that fit the app behind the key and the options."""
    names = {name for name, _, _ in SCENARIOS}
    if unknown := set(only) - names:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
    if mode is None and os.environ.get("DIFY_API_KEY"):
        with Dify(user=asked.user) as dify:
            mode = dify.app.info().mode
        if mode is None:
            sys.exit("this server does not tell the app's mode (Dify < 1.4): give it with --mode")
    return [
        (name, scenario)
        for name, modes, scenario in SCENARIOS
        if (mode in modes if modes else bool(asked.dataset)) and (not only or name in only)
    ]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the cassettes go")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="record this scenario (may be repeated)")
    parser.add_argument(
        "--mode", choices=[*CHATS, "completion", "workflow"], help="the app's mode; asked of the server unless given"
    )
    parser.add_argument("--query", default=Asked.query, help="what to ask; long answers make better stops")
    parser.add_argument("--inputs", default="{}", type=json.loads, help="the app's variables, a JSON object")
    parser.add_argument("--dataset", default="", metavar="ID", help="a knowledge base to search")
    parser.add_argument("--user", default=Asked.user, help="the end user's name in the recordings")
    options = parser.parse_args(arguments)
    if not os.environ.get("DIFY_BASE_URL") or not (os.environ.get("DIFY_API_KEY") or os.environ.get("DIFY_DATASET_API_KEY")):
        parser.error("set DIFY_BASE_URL, and DIFY_API_KEY or DIFY_DATASET_API_KEY")
    asked = Asked(options.query, options.inputs, options.dataset, options.user)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, scenario in chosen(asked, options.only, options.mode):
        record(options.folder, name, scenario, asked)
        print(options.folder / f"{name}.yaml")


if __name__ == "__main__":
    main()
