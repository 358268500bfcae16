"""Pipelines. Nobody has recorded a run that went well: streams and answers here are written by Dify's source and documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_integrations import (
    AsyncDify,
    BadRequest,
    DatasourceCompletedEvent,
    DatasourceProcessingEvent,
    Ended,
    EndpointNotAvailable,
    FileInput,
    InvalidArgument,
    Item,
    PayloadTooLarge,
    RunFailed,
    ServerError,
    StreamInterrupted,
)
from dify_integrations.models.pipelines import LocalFile, OnlineDocument, OnlineDrive, OnlinePage, WebsiteCrawl
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import Act, FaultServer
from tests.faults.sides import Side
from tests.faults.wire import LAST, PING, chunk, frame, head

KEY = {"dataset_api_key": "dataset-x"}
NOWHERE = "http://127.0.0.1:1/v1"
RUN = "/datasets/k/pipeline/run"
NODE = "/datasets/k/pipeline/datasource/nodes/n/run"
UPLOADED = recorded("1.14.2/rag_pipeline_errors", "POST /datasets/pipeline/file-upload", 201)[0]
NO_PIPELINE = recorded("1.14.2/rag_pipeline_errors", "POST /datasets/.*/pipeline/run", 400)[0]
STARTED = {
    "batch": "20261121101112123456",
    "dataset": {"id": "k", "name": "Notes", "description": "", "chunk_structure": "text_model"},
    "documents": [
        {
            "id": "d",
            "position": 1,
            "data_source_type": "local_file",
            "data_source_info": {"reference": "f"},
            "name": "a.txt",
            "indexing_status": "waiting",
            "error": None,
            "enabled": True,
        }
    ],
}
ITEMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "local_file": (
        LocalFile(reference="f", name="a.txt"),
        {"reference": "f", "related_id": "f", "name": "a.txt", "transfer_method": "local_file"},
    ),
    "online_document": (
        OnlineDocument(workspace_id="w", page=OnlinePage(page_id="p", type="page", page_name="Roadmap"), credential_id="c"),
        {"workspace_id": "w", "page": {"page_id": "p", "type": "page", "page_name": "Roadmap"}, "credential_id": "c"},
    ),
    "website_crawl": (
        WebsiteCrawl(url="https://example.com", title="Home", content="Hello"),  # type: ignore[call-arg]  # kept and sent
        {"url": "https://example.com", "title": "Home", "content": "Hello"},
    ),
    "online_drive": (OnlineDrive(id="i", type="folder", bucket="b"), {"id": "i", "type": "folder", "bucket": "b"}),
}
DRAFT = {
    "task_id": "t",
    "workflow_run_id": "r",
    "data": {"id": "r", "workflow_id": "w", "status": "succeeded", "outputs": {"a": 1}},
}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def stream(*frames: bytes) -> tuple[Act, ...]:
    """A stream of these frames that ends with them."""
    return head(), *(chunk(one) for one in frames), LAST


# -- files and data sources


def test_upload(side: Side) -> None:
    """One part named file, no user; the answer becomes an item."""
    with FaultServer(script(UPLOADED)) as server:
        file = FileInput.from_bytes(b"abc", "note.txt")
        uploaded = side.run(lambda dify: dify.datasets.pipelines.upload_file(file), server.url, **KEY)
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v1/datasets/pipeline/file-upload")
    assert request.headers["authorization"] == "Bearer dataset-x"
    assert b'name="file"; filename="note.txt"' in request.body
    assert b"abc" in request.body
    assert b'name="user"' not in request.body
    assert uploaded.model_dump(exclude_unset=True) == value_of(UPLOADED)
    assert uploaded.as_item() == LocalFile(reference=uploaded.id, name="note.txt")
    assert uploaded.as_item(name="Note").name == "Note"


def test_uploads_that_fail(side: Side) -> None:
    """A remote file is refused here, one that is too large there."""
    with FaultServer(refusal(413, "file_too_large", "File size exceeded.")) as server:
        file = FileInput.from_bytes(b"abc", "note.txt")
        large = side.error(lambda dify: dify.datasets.pipelines.upload_file(file), server.url, **KEY)
    assert isinstance(large, PayloadTooLarge)
    remote = FileInput.from_url("https://example.com/a.txt")
    error = side.error(lambda dify: dify.datasets.pipelines.upload_file(remote), NOWHERE, **KEY)
    assert isinstance(error, InvalidArgument)


def test_data_sources(side: Side) -> None:
    """A bare array becomes a list of nodes."""
    credential = {"id": "c", "name": "Production Notion", "type": "api-key", "is_default": True}
    node = {
        "node_id": "1719288585006",
        "plugin_id": "langgenius/notion_datasource",
        "provider_name": "notion",
        "datasource_type": "online_document",
        "title": "Notion Documents",
        "user_input_variables": [{"variable": "depth"}],
        "credentials": [credential],
    }
    with FaultServer(script([node])) as server:
        [found] = side.run(lambda dify: dify.datasets.pipelines.datasource_plugins("k"), server.url, **KEY)
    assert asked(server) == [Asked("GET", "/datasets/k/pipeline/datasource-plugins", {"is_published": "true"}, None)]
    assert found.model_dump(exclude_unset=True) == node
    assert found.credentials[0].is_default is True


def test_data_sources_of_the_draft(side: Side) -> None:
    """`false` is true for servers up to 1.14.2, so nothing is written there; newer ones refuse that and read `false`."""
    refused = "1 validation error for DatasourcePluginsQuery\nis_published\n  Input should be a valid boolean"
    with FaultServer(script([]), refusal(400, "invalid_param", refused), script([])) as server:
        for _ in range(2):
            assert (
                side.run(lambda dify: dify.datasets.pipelines.datasource_plugins("k", is_published=False), server.url, **KEY) == []
            )
    queries = [request.path.partition("?")[2] for request in server.requests]
    assert queries == ["is_published=", "is_published=", "is_published=false"]


def test_a_knowledge_base_without_pipeline(side: Side) -> None:
    """Nothing is tried again then."""
    with FaultServer(script(NO_PIPELINE)) as server:
        call = {"is_published": False}
        error = side.error(lambda dify: dify.datasets.pipelines.datasource_plugins("k", **call), server.url, **KEY)
    assert type(error) is BadRequest
    assert "Pipeline not found" in error.message
    assert len(server.requests) == 1


# -- runs


@pytest.mark.parametrize("kind", ITEMS)
def test_run(side: Side, kind: str) -> None:
    """Every kind of item says its own type; what is being made comes back at once."""
    item, wire = ITEMS[kind]
    with FaultServer(script(STARTED)) as server:
        run = side.run(
            lambda dify: dify.datasets.pipelines.run("k", [item], start_node_id="n", inputs={"depth": 2}), server.url, **KEY
        )
    body = {
        "inputs": {"depth": 2},
        "datasource_type": kind,
        "datasource_info_list": [wire],
        "start_node_id": "n",
        "is_published": True,
        "response_mode": "blocking",
    }
    assert asked(server) == [Asked("POST", RUN, {}, body)]
    assert run.batch == "20261121101112123456"
    assert [(document.id, document.name, document.indexing_status) for document in run.documents] == [("d", "a.txt", "waiting")]
    assert run.model_dump(exclude_unset=True) == STARTED


def test_a_type_without_items(side: Side) -> None:
    """The recorded request of nothing can be sent."""
    with FaultServer(script(NO_PIPELINE)) as server:
        error = side.error(
            lambda dify: dify.datasets.pipelines.run("k", [], start_node_id="x", datasource_type="local_file"), server.url, **KEY
        )
    assert type(error) is BadRequest
    assert json.loads(server.requests[0].body)["datasource_info_list"] == []


def test_items_that_cannot_be_sent(side: Side) -> None:
    """None at all, several kinds, another type than theirs, or something else."""
    local, drive = ITEMS["local_file"][0], ITEMS["online_drive"][0]
    calls: list[tuple[list[Any], Any]] = [
        ([], None),
        ([local, drive], None),
        ([local], "online_drive"),
        ([{"reference": "f"}], None),
        ([], "bogus"),
    ]
    for items, kind in calls:
        call = {"start_node_id": "n", "datasource_type": kind}
        error = side.error(lambda dify, items=items, call=call: dify.datasets.pipelines.run("k", items, **call), NOWHERE, **KEY)  # type: ignore[misc]  # defaults bind them
        assert isinstance(error, InvalidArgument)
    with pytest.raises(InvalidArgument, match=r"OnlineDrive\.type"):
        OnlineDrive(id="i", type="link")  # type: ignore[arg-type]  # that is the point


def test_the_draft_at_once(side: Side) -> None:
    """The documented answer of a blocking run; one that failed raises with what there is."""
    failed = {**DRAFT, "data": {**DRAFT["data"], "status": "failed", "error": "no index"}}  # type: ignore[dict-item]  # a mapping
    call: dict[str, Any] = {"start_node_id": "n", "is_published": False}
    items = [ITEMS["local_file"][0]]
    with FaultServer(script(DRAFT), script(failed)) as server:
        run = side.run(lambda dify: dify.datasets.pipelines.run("k", items, **call), server.url, **KEY)
        error = side.error(lambda dify: dify.datasets.pipelines.run("k", items, **call), server.url, **KEY)
    assert json.loads(server.requests[0].body)["is_published"] is False
    assert run.data is not None
    assert (run.batch, run.documents, run.workflow_run_id, run.data.outputs) == (None, [], "r", {"a": 1})
    assert run.model_dump(exclude_unset=True) == DRAFT
    assert isinstance(error, RunFailed)
    assert "no index" in error.message
    assert error.result is not None
    assert (error.result.workflow_run_id, error.result.status) == ("r", "failed")


def test_runs_that_do_not_start(side: Side) -> None:
    """A 500 of the pipeline is not sent again: the work may have begun."""
    item = ITEMS["local_file"][0]
    with FaultServer(refusal(500, "pipeline_run_error", "Datasource node data not found"), absent()) as server:
        failed = side.error(lambda dify: dify.datasets.pipelines.run("k", [item], start_node_id="n"), server.url, **KEY)
        old = side.error(lambda dify: dify.datasets.pipelines.run("k", [item], start_node_id="n"), server.url, **KEY)
    assert (type(failed), type(old)) == (ServerError, EndpointNotAvailable)
    assert "Datasource node data not found" in failed.message
    assert "1.13.0" in old.message
    assert len(server.requests) == 2


IDS = {"task_id": "t", "workflow_run_id": "r"}
BEGAN = frame("workflow_started", **IDS, data={"id": "r", "workflow_id": "w", "inputs": {}})
NODE_BEGAN = frame("node_started", **IDS, data={"id": "1", "node_id": "n", "node_type": "datasource", "title": "Files"})
NODE_ENDED = frame(
    "node_finished", **IDS, data={"id": "1", "node_id": "n", "node_type": "datasource", "title": "Files", "status": "succeeded"}
)
OUTPUTS = {"chunk_structure": "text_model", "preview": [{"content": "Oaks"}]}
ENDED = frame("workflow_finished", **IDS, data={"id": "r", "workflow_id": "w", "status": "succeeded", "outputs": OUTPUTS})


def test_the_draft_streamed(side: Side) -> None:
    """The events of a workflow, folded as those of a workflow."""
    item, wire = ITEMS["local_file"]

    async def body(dify: AsyncDify) -> None:
        async with dify.datasets.pipelines.stream("k", [item], start_node_id="n") as run:
            names = [event.name async for event in run]
            assert names == ["workflow_started", "node_started", "node_finished", "workflow_finished"]
            with pytest.raises(InvalidArgument, match="no call to stop"):
                await run.stop()
        assert (run.result.status, run.result.outputs, run.result.workflow_run_id) == ("succeeded", OUTPUTS, "r")
        assert [step.title for step in run.result.steps if step.kind == "node"] == ["Files"]

    with FaultServer(stream(PING, BEGAN, NODE_BEGAN, NODE_ENDED, ENDED)) as server:
        side.run(body, server.url, **KEY)
    body_sent = {
        "inputs": {},
        "datasource_type": "local_file",
        "datasource_info_list": [wire],
        "start_node_id": "n",
        "is_published": False,
        "response_mode": "streaming",
    }
    assert asked(server) == [Asked("POST", RUN, {}, body_sent)]
    assert server.requests[0].headers["accept"] == "text/event-stream"
    assert server.stops == []


def test_leaving_a_draft(side: Side) -> None:
    """Nobody can be asked to stop it, so nobody is."""
    item = ITEMS["local_file"][0]

    async def body(dify: AsyncDify) -> None:
        async with dify.datasets.pipelines.stream("k", [item], start_node_id="n") as run:
            async for _ in run:
                break

    with FaultServer((head(), chunk(BEGAN), lambda connection: connection.wait(None))) as server:
        side.run(body, server.url, **KEY)
        assert server.wait_until(lambda: len(server.left) == 1)
    assert (len(server.requests), server.stops) == (1, [])


def test_a_draft_cut_off(side: Side) -> None:
    """The end of the stream is not the end of the run."""
    item = ITEMS["local_file"][0]
    with FaultServer(stream(BEGAN, NODE_BEGAN)) as server:
        error = side.error(lambda dify: dify.datasets.pipelines.stream("k", [item], start_node_id="n").finish(), server.url, **KEY)
    assert type(error) is StreamInterrupted
    assert error.ids == IDS


# -- data sources at work

PAGES = [{"source_url": "https://example.com", "title": "Home", "description": "", "content": "Hello"}]
WORKING = frame("datasource_processing", total=2, completed=1)
FOUND = frame("datasource_completed", data=PAGES, total=2, completed=2, time_consuming=1.25)
BUCKET = {"bucket": "b", "files": [{"id": "f", "name": "a.txt", "size": 3, "type": "file"}]}


def test_ask_a_data_source(side: Side) -> None:
    """What several events found, objects and lists, is one list."""
    with FaultServer(stream(WORKING, FOUND, frame("datasource_completed", data=BUCKET, total=None, completed=None))) as server:
        found = side.run(
            lambda dify: dify.datasets.pipelines.run_datasource_node(
                "k", "n", datasource_type="website_crawl", inputs={"url": "https://example.com"}, credential_id="c"
            ),
            server.url,
            **KEY,
        )
    assert found == [*PAGES, BUCKET]
    body = {
        "inputs": {"url": "https://example.com"},
        "datasource_type": "website_crawl",
        "credential_id": "c",
        "is_published": True,
    }
    assert asked(server) == [Asked("POST", NODE, {}, body)]


def test_watch_a_data_source(side: Side) -> None:
    """Its own events, one by one; the end of the stream is its end."""

    async def body(dify: AsyncDify) -> None:
        pipelines = dify.datasets.pipelines
        async with pipelines.stream_datasource_node("k", "n", datasource_type="website_crawl", is_published=False) as run:
            events = [event async for event in run]
        working, found = events
        assert isinstance(working, DatasourceProcessingEvent)
        assert (working.total, working.completed) == (2, 1)
        assert isinstance(found, DatasourceCompletedEvent)
        assert (found.data, found.time_consuming) == (PAGES, 1.25)
        assert (run.result.status, run.result.outputs, run.result.elapsed_s) == ("succeeded", {"data": PAGES}, 1.25)
        assert run.result.ids == {}

    with FaultServer(stream(WORKING, FOUND)) as server:
        side.run(body, server.url, **KEY)
    assert json.loads(server.requests[0].body) == {"inputs": {}, "datasource_type": "website_crawl", "is_published": False}
    assert server.stops == []


def test_a_data_source_that_found_nothing(side: Side) -> None:
    """An empty list is an answer."""
    with FaultServer(stream(frame("datasource_completed", data=[], total=0, completed=0))) as server:
        found = side.run(
            lambda dify: dify.datasets.pipelines.run_datasource_node("k", "n", datasource_type="online_drive"), server.url, **KEY
        )
    assert found == []


def test_a_data_source_that_failed(side: Side) -> None:
    """At once, though the server goes on; the items end with it."""
    script_ = (head(), chunk(WORKING), chunk(frame("datasource_error", error="no such site")), lambda one: one.wait(None))

    async def items(dify: AsyncDify) -> None:
        seen: list[Item] = []
        async with dify.datasets.pipelines.stream_datasource_node("k", "n", datasource_type="website_crawl") as run:
            with pytest.raises(RunFailed, match="no such site"):
                async for item in run.items():
                    seen.append(item)  # noqa: PERF401  # it raises at the end
        assert seen == [Ended("failed", "no such site")]

    with FaultServer(script_) as server:
        error = side.error(
            lambda dify: dify.datasets.pipelines.run_datasource_node("k", "n", datasource_type="website_crawl"), server.url, **KEY
        )
        side.run(items, server.url, **KEY)
    assert isinstance(error, RunFailed)
    assert "no such site" in error.message
    assert error.result is not None
    assert (error.result.status, error.result.error) == ("failed", "no such site")


@pytest.mark.parametrize("frames", [(), (WORKING,)], ids=["nothing", "progress"])
def test_a_data_source_cut_off(side: Side, frames: tuple[bytes, ...]) -> None:
    """Without anything found, the end of the stream is an interruption."""
    with FaultServer(stream(*frames)) as server:
        error = side.error(
            lambda dify: dify.datasets.pipelines.run_datasource_node("k", "n", datasource_type="website_crawl"), server.url, **KEY
        )
    assert type(error) is StreamInterrupted


def test_questions_that_cannot_be_asked(side: Side) -> None:
    bogus: Any = "bogus"
    calls: list[Any] = [
        lambda dify: dify.datasets.pipelines.run_datasource_node("k", "n", datasource_type=bogus),
        lambda dify: dify.datasets.pipelines.run_datasource_node("k", "..", datasource_type="online_drive"),
        lambda dify: dify.datasets.pipelines.run_datasource_node("k", "n", datasource_type="online_drive", inputs=["a"]),
    ]
    for call in calls:
        assert isinstance(side.error(call, NOWHERE, **KEY), InvalidArgument)
