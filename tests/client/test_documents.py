"""Documents: what is sent as JSON and as a form, older addresses, files that come back."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dify_integrations import (
    AsyncDify,
    BadRequest,
    BodyTooLarge,
    EndpointNotAvailable,
    FileInput,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ProcessRule,
    RetrievalModel,
    UnexpectedContent,
    UnsupportedFileType,
)
from dify_integrations.models.documents import DocumentDetail, SubmittedDocument
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import Act, Connection, FaultServer, Received, keep
from tests.faults.sides import Side
from tests.faults.wire import answer
from tests.wire.calls.base import Asked as AskedOnWire

KB, DOC = "2de060fd-428c-453d-bcc1-8711384f3af0", "3a0155fb-b2dd-45a2-965a-94ab6f35bf5b"
KEY: dict[str, Any] = {"dataset_api_key": "dataset-x"}
SUBMITTED = {"document": {"id": DOC, "name": "a.txt", "doc_metadata": None}, "batch": "20261120"}
RULE = ProcessRule.custom(max_tokens=100, separator="\n\n", chunk_overlap=10, remove_urls_emails=True)
RULE_SENT = {
    "mode": "custom",
    "rules": {
        "pre_processing_rules": [{"id": "remove_extra_spaces", "enabled": True}, {"id": "remove_urls_emails", "enabled": True}],
        "segmentation": {"max_tokens": 100, "separator": "\n\n", "chunk_overlap": 10},
    },
}
SETTINGS: dict[str, Any] = {
    "process_rule": RULE,
    "indexing_technique": "high_quality",
    "doc_form": "qa_model",
    "doc_language": "German",
    "retrieval_model": RetrievalModel(top_k=2),
    "embedding_model": "m",
    "embedding_model_provider": "a/b/c",
    "original_document_id": "d-0",
}
SETTINGS_SENT = SETTINGS | {
    "process_rule": RULE_SENT,
    "retrieval_model": {
        "search_method": "semantic_search",
        "reranking_enable": False,
        "top_k": 2,
        "score_threshold_enabled": False,
    },
}
FILE = FileInput.from_bytes("größe".encode(), "数据.md", mime_type="text/markdown")
FILE_SENT = ("数据.md", "text/markdown", "größe".encode())


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], *scripts: Any) -> list[Asked]:
    """What a call asks a server that answers with `scripts`."""
    with FaultServer(*(scripts or [script(SUBMITTED)])) as server:
        side.run(call, server.url, **KEY)
    return asked(server)


def form(side: Side, call: Callable[[AsyncDify], Awaitable[Any]]) -> tuple[Received, dict[str, Any]]:
    """The request of a call, and its form's parts; `data` is read."""
    with FaultServer(script(SUBMITTED)) as server:
        side.run(call, server.url, **KEY)
    [request] = server.requests
    return request, fields_of(request)


def fields_of(request: Received) -> dict[str, Any]:
    sent = AskedOnWire("POST", "", request.headers, request.body).parts()
    fields: dict[str, Any] = {part.name: (part.filename, part.mime_type, part.content) for part in sent}
    if "data" in fields:
        filename, mime_type, content = fields["data"]
        assert (filename, mime_type) == (None, "text/plain"), "a field, not a file"
        fields["data"] = json.loads(content)
    return fields


def test_create_by_text(side: Side) -> None:
    """Only what is given, or every field of the specification."""
    path = f"/datasets/{KB}/document/create-by-text"
    few = sent(side, lambda dify: dify.datasets.documents.create_by_text(KB, name="a", text="b"))
    assert few == [Asked("POST", path, {}, {"name": "a", "text": "b"})]
    [request] = sent(side, lambda dify: dify.datasets.documents.create_by_text(KB, name="a", text="b", **SETTINGS))
    assert request == Asked("POST", path, {}, {"name": "a", "text": "b", **SETTINGS_SENT})


def test_create_by_file(side: Side) -> None:
    """One file part under its name, and the settings as JSON in one field."""
    request, fields = form(side, lambda dify: dify.datasets.documents.create_by_file(KB, FILE, **SETTINGS))
    assert (request.method, request.path) == ("POST", f"/v1/datasets/{KB}/document/create-by-file")
    assert fields == {"data": SETTINGS_SENT, "file": FILE_SENT}
    assert form(side, lambda dify: dify.datasets.documents.create_by_file(KB, FILE))[1] == {"file": FILE_SENT}


def test_create_by_path(side: Side, tmp_path: Path) -> None:
    """Read while it is sent."""
    path = tmp_path / "big.txt"
    path.write_bytes(b"x" * 300_000)
    file = FileInput.from_path(path)
    _, fields = form(side, lambda dify: dify.datasets.documents.create_by_file(KB, file, process_rule=ProcessRule.automatic()))
    assert fields == {"data": {"process_rule": {"mode": "automatic"}}, "file": ("big.txt", "text/plain", b"x" * 300_000)}


def test_update_by_text(side: Side) -> None:
    """A text, a name, a rule, or all fields of the specification."""
    given = {name: SETTINGS[name] for name in ("process_rule", "doc_form", "doc_language", "retrieval_model")}
    [request] = sent(side, lambda dify: dify.datasets.documents.update_by_text(KB, DOC, name="a", text="b", **given))
    assert (request.method, request.path) == ("POST", f"/datasets/{KB}/documents/{DOC}/update-by-text")
    assert request.body == {"name": "a", "text": "b", **{name: SETTINGS_SENT[name] for name in given}}
    [request] = sent(side, lambda dify: dify.datasets.documents.update_by_text(KB, DOC, name="a", process_rule=RULE))
    assert request.body == {"name": "a", "process_rule": RULE_SENT}


def test_update_by_file(side: Side) -> None:
    """A form even without a file."""
    given = {name: value for name, value in SETTINGS.items() if name not in ("indexing_technique", "original_document_id")}
    request, fields = form(side, lambda dify: dify.datasets.documents.update_by_file(KB, DOC, file=FILE, name="n", **given))
    assert (request.method, request.path) == ("PATCH", f"/v1/datasets/{KB}/documents/{DOC}")
    assert fields == {"data": {"name": "n", **{name: SETTINGS_SENT[name] for name in given}}, "file": FILE_SENT}
    request, fields = form(side, lambda dify: dify.datasets.documents.update_by_file(KB, DOC, process_rule=RULE))
    assert fields == {"data": {"process_rule": RULE_SENT}}
    assert form(side, lambda dify: dify.datasets.documents.update_by_file(KB, DOC, file=FILE))[1] == {"file": FILE_SENT}


def test_update_by_file_on_older_servers(side: Side) -> None:
    """Before 1.14 the verb is unknown, at last even the hyphens; the whole form goes again."""
    unknown = refusal(405, "method_not_allowed", "The method is not allowed for the requested URL.")
    with FaultServer(unknown, absent(), script(SUBMITTED)) as server:
        done = side.run(
            lambda dify: dify.datasets.documents.update_by_file(KB, DOC, file=FILE, process_rule=RULE), server.url, **KEY
        )
    assert isinstance(done, SubmittedDocument)
    document = f"/v1/datasets/{KB}/documents/{DOC}"
    assert [(request.method, request.path) for request in server.requests] == [
        ("PATCH", document),
        ("POST", f"{document}/update-by-file"),
        ("POST", f"{document}/update_by_file"),
    ]
    assert all(fields_of(request) == {"data": {"process_rule": RULE_SENT}, "file": FILE_SENT} for request in server.requests)


def test_a_refusal_is_not_tried_elsewhere(side: Side) -> None:
    """Only an unknown address leads to the next one."""
    with FaultServer(refusal(404, "not_found", "Document not found.")) as server:
        error = side.error(lambda dify: dify.datasets.documents.update_by_file(KB, DOC, file=FILE), server.url, **KEY)
    assert type(error) is NotFound
    assert len(server.requests) == 1


def test_an_unsupported_file(side: Side) -> None:
    """415 from updates; creations say 400 without a word."""
    with FaultServer(refusal(415, "unsupported_file_type", "File type not allowed.")) as server:
        error = side.error(lambda dify: dify.datasets.documents.update_by_file(KB, DOC, file=FILE), server.url, **KEY)
    assert type(error) is UnsupportedFileType
    [silent] = recorded("1.14.2/documents_by_file", r"POST .*/create-by-file", 400)[:1]
    with FaultServer(script(silent)) as server:
        error = side.error(lambda dify: dify.datasets.documents.create_by_file(KB, FILE), server.url, **KEY)
    assert type(error) is BadRequest


def test_a_page(side: Side) -> None:
    answered = {"data": [SUBMITTED["document"]], "has_more": True, "limit": 3, "total": 4, "page": 2}
    with FaultServer(script(answered)) as server:
        page = side.run(
            lambda dify: dify.datasets.documents.list(KB, keyword="a b", status="available", page=2, limit=3), server.url, **KEY
        )
    query = {"page": "2", "limit": "3", "keyword": "a b", "status": "available"}
    assert asked(server) == [Asked("GET", f"/datasets/{KB}/documents", query, None)]
    assert (page.total, page.data[0].doc_metadata) == (4, [])


def test_all_of_them(side: Side) -> None:
    """A full last page is not followed by an empty one."""
    pages = [{"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "total": 4}, {"data": [{"id": "c"}, {"id": "d"}], "total": 4}]

    async def body(dify: AsyncDify) -> list[str]:
        return [document.id async for document in dify.datasets.documents.iterate(KB, keyword="k", status="error", limit=2)]

    with FaultServer(*map(script, pages)) as server:
        assert side.run(body, server.url, **KEY) == ["a", "b", "c", "d"]
    assert [request.query for request in asked(server)] == [
        {"page": page, "limit": "2", "keyword": "k", "status": "error"} for page in "12"
    ]


def test_get(side: Side) -> None:
    """`only` has three fields; values keep their types."""
    only = recorded("1.14.2/metadata_crud", r"GET .*metadata=only")[0]
    with FaultServer(script(only)) as server:
        got = side.run(lambda dify: dify.datasets.documents.get(KB, DOC, metadata="only"), server.url, **KEY)
    assert asked(server) == [Asked("GET", f"/datasets/{KB}/documents/{DOC}", {"metadata": "only"}, None)]
    assert isinstance(got, DocumentDetail)
    assert got.name is None
    values = {entry.name: entry.value for entry in got.doc_metadata}
    assert (values["writer"], values["printed"], values["document_name"]) == ("鲁迅", 1700000000, "llamas.txt")
    assert isinstance(values["pages"], int)


def test_a_document_in_full(side: Side) -> None:
    """Rules and source are typed; an automatic rule calls the separator `delimiter`."""
    full = recorded("1.14.2/documents_by_file", r"GET /datasets/[^/]+/documents/[0-9a-f-]{36}")[0]
    with FaultServer(script(full)) as server:
        got = side.run(lambda dify: dify.datasets.documents.get(KB, DOC), server.url, **KEY)
    rule = got.document_process_rule
    assert rule is not None and rule.mode == "automatic"
    assert rule.rules is not None and rule.rules.segmentation is not None
    assert (rule.rules.segmentation.delimiter, rule.rules.segmentation.separator) == ("\n", None)
    assert got.data_source_info is not None and got.data_source_info.upload_file is not None
    assert got.data_source_info.upload_file.name == "guide.md"


@pytest.mark.parametrize("body", [b"", b"204\n", b'{"result": "success"}'], ids=repr)
def test_delete(side: Side, body: bytes) -> None:
    """Whatever the server says of its success."""
    with FaultServer((answer(200, body, Content_Type="application/json"), keep)) as server:
        assert side.run(lambda dify: dify.datasets.documents.delete(KB, DOC), server.url, **KEY) is None
    assert asked(server) == [Asked("DELETE", f"/datasets/{KB}/documents/{DOC}", {}, None)]


def test_delete_of_an_archived_document(side: Side) -> None:
    with FaultServer(refusal(403, "archived_document_immutable", "The archived document is not editable.")) as server:
        error = side.error(lambda dify: dify.datasets.documents.delete(KB, DOC), server.url, **KEY)
    assert type(error) is PermissionDenied


@pytest.mark.parametrize("action", ["enable", "disable", "archive", "un_archive"])
def test_set_status(side: Side, action: Any) -> None:
    call = [Asked("PATCH", f"/datasets/{KB}/documents/status/{action}", {}, {"document_ids": ["a", "b"]})]
    done = script({"result": "success"})
    assert sent(side, lambda dify: dify.datasets.documents.set_status(KB, action, ["a", "b"]), done) == call


REFUSED: list[tuple[Callable[[AsyncDify], Awaitable[Any]], str]] = [
    (lambda dify: dify.datasets.documents.set_status(KB, "bogus", ["a"]), "enable, disable, archive, un_archive"),  # type: ignore[arg-type]
    (lambda dify: dify.datasets.documents.set_status(KB, "enable", "abc"), "document_ids takes a list of strings"),
    (lambda dify: dify.datasets.documents.list(KB, status="bogus"), "status must be one of"),  # type: ignore[arg-type]
    (lambda dify: dify.datasets.documents.list(KB, limit=0), "between 1 and 100"),
    (lambda dify: dify.datasets.documents.get(KB, DOC, metadata="bogus"), "all, only, without"),  # type: ignore[arg-type]
    (lambda dify: dify.datasets.documents.get(KB, ".."), "dot segment"),
    (lambda dify: dify.datasets.documents.download_zip(KB, []), "1 to 100"),
    (lambda dify: dify.datasets.documents.download_zip(KB, ["x"] * 101), "1 to 100"),
    (lambda dify: dify.datasets.documents.download_zip(KB, DOC), "list of strings"),
    (lambda dify: dify.datasets.documents.update_by_text(KB, DOC, text="b"), "name too"),
    (lambda dify: dify.datasets.documents.update_by_file(KB, DOC), "give a file"),
    (lambda dify: dify.datasets.documents.create_by_file(KB, FileInput.from_url("https://a/b.txt")), "local content"),
    (lambda dify: dify.datasets.documents.create_by_file(KB, FileInput.uploaded("f", type="document")), "local content"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_refused_before_it_is_sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], words: str) -> None:
    """No server is needed to know."""
    error = side.error(call, "http://127.0.0.1:1/v1", **KEY)
    assert type(error) is InvalidArgument
    assert words in error.message


def signed(port: int, more: str = "") -> str:
    """An address of a file, as servers sign it."""
    return f"http://127.0.0.1:{port}/files/x/file-preview?sign=abc{more}"


def telling(**more: str) -> tuple[Act, ...]:
    """An answer with addresses on the server itself."""

    def act(connection: Connection) -> None:
        told = {name: signed(connection.server.port, end) for name, end in more.items()}
        connection.send(answer(200, {"name": "guide2.md"} | told if len(told) > 1 else told))

    return act, keep


CONTENT = answer(200, b"words", Content_Type="text/plain", Content_Disposition="attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt")


def test_download(side: Side, tmp_path: Path) -> None:
    """The signed address is fetched without the key."""
    with FaultServer(telling(url=""), (CONTENT, keep)) as server:
        got = side.run(lambda dify: dify.datasets.documents.download(KB, DOC, to=tmp_path), server.url, **KEY)
    assert got.path == tmp_path / "größe.txt"
    assert (tmp_path / "größe.txt").read_bytes() == b"words"
    first, second = server.requests
    assert (first.method, first.path) == ("GET", f"/v1/datasets/{KB}/documents/{DOC}/download")
    assert second.path == "/files/x/file-preview?sign=abc"
    assert "authorization" in first.headers and "authorization" not in second.headers


def test_download_from_an_old_server(side: Side) -> None:
    """0.15 to 1.8 have another address, and tell of the file; `url` only shows it."""
    told = telling(url="", download_url="&as_attachment=true")
    with FaultServer(absent(), told, (answer(200, b"words", Content_Type="text/markdown"), keep)) as server:
        got = side.run(lambda dify: dify.datasets.documents.download(KB, DOC), server.url, **KEY)
    assert (got.content, got.filename, got.mime_type) == (b"words", "guide2.md", "text/markdown")
    assert [request.path for request in server.requests] == [
        f"/v1/datasets/{KB}/documents/{DOC}/download",
        f"/v1/datasets/{KB}/documents/{DOC}/upload-file",
        "/files/x/file-preview?sign=abc&as_attachment=true",
    ]


def test_download_url_where_there_is_none(side: Side) -> None:
    """1.9 to 1.13.0 have neither address."""
    with FaultServer(absent(), absent()) as server:
        error = side.error(lambda dify: dify.datasets.documents.download_url(KB, DOC), server.url, **KEY)
    assert type(error) is EndpointNotAvailable
    assert "1.13.1" in error.message


def test_what_0_15_tells_of_a_file(side: Side) -> None:
    """All of it is kept."""
    [old] = recorded("0.15.3/documents-file", r"GET .*/upload-file")
    with FaultServer(absent(), script(old)) as server:
        got = side.run(lambda dify: dify.datasets.documents.download_url(KB, DOC), server.url, **KEY)
    assert got.model_dump(exclude_unset=True) == value_of(old)
    assert got.attachment_url.endswith("&as_attachment=true")


def test_a_file_elsewhere_is_not_fetched_unasked(side: Side) -> None:
    """An address of another server must be allowed by the caller."""
    with FaultServer((CONTENT, keep)) as other, FaultServer(script({"url": signed(other.port)})) as server:
        error = side.error(lambda dify: dify.datasets.documents.download(KB, DOC), server.url, **KEY)
        assert type(error) is InvalidArgument
        assert other.requests == []
        allowed = [f"http://127.0.0.1:{other.port}"]
        got = side.run(lambda dify: dify.datasets.documents.download(KB, DOC, origins=allowed), server.url, **KEY)
        assert got.content == b"words"
        assert "authorization" not in other.requests[0].headers


def test_no_address_at_all(side: Side) -> None:
    with FaultServer(script({"url": None})) as server:
        error = side.error(lambda dify: dify.datasets.documents.download(KB, DOC), server.url, **KEY)
    assert type(error) is UnexpectedContent


def test_download_zip(side: Side) -> None:
    """Handed over unopened, to wherever it shall go."""
    [archive] = recorded("1.14.2/document_download", r"POST .*/download-zip")[:1]
    into = BytesIO()
    ids = ["a", "b"]
    with FaultServer(script(archive), script(archive)) as server:
        got = side.run(lambda dify: dify.datasets.documents.download_zip(KB, ids), server.url, **KEY)
        side.run(lambda dify: dify.datasets.documents.download_zip(KB, ids, to=into), server.url, **KEY)
    assert got.content == into.getvalue() == archive.body
    assert (got.mime_type, archive.body[:2]) == ("application/zip", b"PK")
    assert asked(server)[0] == Asked("POST", f"/datasets/{KB}/documents/download-zip", {}, {"document_ids": ids})


def test_an_archive_that_is_too_large(side: Side, tmp_path: Path) -> None:
    """Nothing is left of it."""
    with FaultServer((answer(200, b"PK" * 100, Content_Type="application/zip"), keep)) as server:
        error = side.error(
            lambda dify: dify.datasets.documents.download_zip(KB, ["a"], to=tmp_path, max_bytes=100), server.url, **KEY
        )
    assert type(error) is BodyTooLarge
    assert list(tmp_path.iterdir()) == []
