"""Files: uploads as models, previews, and signed addresses, which never take the key to another server."""

from __future__ import annotations

import io
import logging
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from dify_integrations import (
    AsyncDify,
    BadRequest,
    ConnectFailed,
    ConnectionDropped,
    Dify,
    DifyError,
    EndpointNotAvailable,
    FileInput,
    FileOut,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from tests.client.test_secrets import texts_of
from tests.faults.server import FaultServer, keep, reset
from tests.faults.sides import KEY, Side
from tests.faults.wire import answer, head

SIGNED = "/files/f-1/file-preview?timestamp=1795168259&nonce=c4ab1849855&sign=8aCBCujZeNnU4WLvwlvp-_%3D"
SECRETS = ("1795168259", "c4ab1849855", "8aCBCujZeNnU4WLvwlvp")
FILE = (answer(200, b"abc", Content_Type="image/png"), keep)
OWN = {"X-Gateway": "pass-CANARY"}
PERSONAL = ("authorization", "x-gateway", "cookie", "proxy-authorization")
HTML_404 = answer(404, b"<!doctype html><title>404 Not Found</title>", Content_Type="text/html; charset=utf-8")


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def run_file(url: str) -> FileOut:
    return FileOut("f-1", "image", url, filename="cat.png")


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"reference": None, "preview_url": None, "source_url": "https://x.test/f?sign=1", "tenant_id": "t", "brand_new": 1},
    ],
    ids=["0.15", "1.14"],
)
def test_an_upload_as_old_and_new_servers_tell_it(side: Side, extra: dict[str, Any]) -> None:
    """What a server leaves out is `None`, what is new is kept."""
    told = {
        "id": "f-1",
        "name": "a.txt",
        "size": 3,
        "extension": "txt",
        "mime_type": "text/plain",
        "created_by": "u",
        "created_at": 1,
    }
    with FaultServer((answer(201, {**told, **extra}), keep)) as server:
        uploaded = side.run(lambda dify: dify.files.upload(FileInput.from_bytes(b"abc", "a.txt")), server.url)
    assert {**told, **extra}.items() <= uploaded.model_dump().items()
    assert uploaded.source_url == extra.get("source_url")


def test_a_preview(side: Side) -> None:
    """The id in its place, the user only where there is one, `as_attachment` only when it is wanted."""
    with FaultServer(FILE) as server:

        async def body(dify: AsyncDify) -> None:
            await dify.files.preview("f-1")
            await dify.files.preview("a/../b", user="bob", as_attachment=True)

        side.run(body, server.url)
        side.run(lambda dify: dify.files.preview("f-1"), server.url, user=None)
    paths = [request.path for request in server.requests]
    assert paths == [
        "/v1/files/f-1/preview?user=ann",
        "/v1/files/a%2F..%2Fb/preview?as_attachment=true&user=bob",
        "/v1/files/f-1/preview",
    ]
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        (answer(404, {"code": "file_not_found", "message": "File not found in message context", "status": 404}), NotFound),
        (answer(403, {"code": "file_access_denied", "message": "no", "status": 403}), PermissionDenied),
        (HTML_404, EndpointNotAvailable),
    ],
    ids=["unused", "foreign", "older server"],
)
def test_previews_that_are_refused(side: Side, acts: bytes, expected: type[DifyError]) -> None:
    """The documented errors; an older server's says since when."""
    with FaultServer((acts, keep)) as server:
        error = side.error(lambda dify: dify.files.preview("f-1"), server.url)
    assert type(error) is expected
    assert ("1.7.2" in str(error)) == (expected is EndpointNotAvailable)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("as_text", [True, False])
def test_a_signed_address_of_the_own_server(side: Side, relative: bool, as_text: bool) -> None:
    """Fetched as it is, beside `/v1`; one's own headers go with it, the key does not: the address is the permission."""
    with FaultServer(FILE) as server:
        url = SIGNED if relative else server.url.removesuffix("/v1") + SIGNED
        got = side.run(lambda dify: dify.files.download(url if as_text else run_file(url)), server.url, headers=OWN)
    assert (got.content, got.mime_type) == (b"abc", "image/png")
    assert got.filename == ("file-preview.png" if as_text else "cat.png")
    [request] = server.requests
    assert request.path == SIGNED
    assert request.headers["x-gateway"] == "pass-CANARY"
    assert "authorization" not in request.headers


def test_a_server_name_beats_ours(side: Side, tmp_path: Path) -> None:
    """What the server calls it counts first, then what the run called it, then the address."""
    with FaultServer((answer(200, b"x", Content_Disposition="attachment; filename*=UTF-8''real.png"), keep)) as server:
        got = side.run(lambda dify: dify.files.download(run_file(SIGNED), to=tmp_path), server.url)
        assert got.path == tmp_path / "real.png"
    with FaultServer(FILE) as server:
        got = side.run(lambda dify: dify.files.download("/files/tools/6a13%C3%A9.png?sign=x"), server.url)
    assert got.filename == "6a13é.png"


def test_an_address_cannot_use_the_key_for_other_things(side: Side) -> None:
    """A workflow may put any address of the own server into its files; it gets what everybody gets there."""
    refused = {"code": "unauthorized", "message": "Authorization header must be provided", "status": 401}
    with FaultServer((answer(401, refused), keep)) as server:
        url = f"{server.url}/conversations?user=bob"
        error = side.error(lambda dify: dify.files.download(run_file(url)), server.url)
    assert getattr(error, "status", None) == 401
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("given", [False, True], ids=["own connections", "given client"])
def test_another_server_gets_nothing_of_ours(side: Side, given: bool) -> None:
    """Named by the developer, it is asked for the file: without key, headers, cookies, or a given client's own."""
    with FaultServer(FILE) as files, FaultServer(FILE) as dify_server:
        origin = files.url.removesuffix("/v1")
        options: dict[str, Any] = {"headers": OWN}
        if given:
            kind: Any = httpx.Client if side.name == "sync" else httpx.AsyncClient
            options["http_client"] = kind(headers={"X-Gateway": "CANARY"}, cookies={"c": "CANARY"}, auth=("u", "CANARY"))

        async def body(dify: AsyncDify) -> None:
            await dify.files.preview("f-1")
            got = await dify.files.download(run_file(origin + SIGNED), origins=[origin])
            assert got.content == b"abc"
            await dify.files.preview("f-1")
            if given:
                await close(options["http_client"])

        side.run(body, dify_server.url, **options)
    [request] = files.requests
    assert (request.method, request.path) == ("GET", SIGNED)
    assert not set(PERSONAL) & set(request.headers)
    assert not any("CANARY" in value for value in request.headers.values())
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in dify_server.requests)


async def close(client: Any) -> None:
    """Either kind of client."""
    if isinstance(client, httpx.Client):
        client.close()
    else:
        await client.aclose()


def test_another_server_must_be_named(side: Side) -> None:
    """By scheme, host and port; nothing is sent to it or to the own one."""
    with FaultServer(FILE) as files, FaultServer(FILE) as dify_server:
        port = files.port
        for url in (
            f"http://127.0.0.1:{port}",
            f"https://127.0.0.1:{port}",
            f"http://localhost:{dify_server.port}",
            "http://[::1]",
        ):
            error = side.error(lambda dify, url=url: dify.files.download(run_file(url + SIGNED)), dify_server.url)  # type: ignore[misc]
            assert isinstance(error, InvalidArgument)
            assert "origins" in str(error)
            assert not any(secret in text for text in texts_of(error) for secret in SECRETS)
        assert files.accepted == dify_server.accepted == 0


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "ftp://x.test/a", "data:text/plain,x", "//x.test/a", "/\\x.test/a", "a", 7, None]
)
def test_what_is_no_address_of_a_file(side: Side, url: Any) -> None:
    """Refused before anything is sent."""
    error = side.error(lambda dify: dify.files.download(url), "http://127.0.0.1:1/v1")
    assert isinstance(error, InvalidArgument)


def test_redirects_are_not_followed(side: Side) -> None:
    """Neither elsewhere nor on the same server, whatever a given client would do."""
    with FaultServer(FILE) as other:
        for where in (other.url, "/elsewhere"):
            with FaultServer((answer(302, Location=where), keep)) as server:
                kind: Any = httpx.Client if side.name == "sync" else httpx.AsyncClient
                client = kind(follow_redirects=True)

                async def body(dify: AsyncDify, client: Any = client) -> BadRequest:
                    try:
                        with pytest.raises(BadRequest, match="redirect") as caught:
                            await dify.files.download(SIGNED)
                        return caught.value
                    finally:
                        await close(client)

                error = side.run(body, server.url, http_client=client)
                assert error.status == 302
                assert len(server.requests) == 1
        assert other.accepted == 0


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_errors_and_our_log_never_show_a_signature(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever happens to the request; and the host they name is the one that was asked."""
    caplog.set_level(logging.DEBUG, logger="dify_integrations")
    quoting = answer(403, f"<Error>{SIGNED}</Error>".encode(), Content_Type="application/xml")
    scripts: list[Any] = [(reset,), (answer(500), keep), (quoting, keep), (head(), reset), (answer(200, b"abc")[:-1],)]
    for script in scripts:
        with FaultServer(script) as server:
            error = side.error(lambda dify: dify.files.download(SIGNED), server.url)
        for text in [*texts_of(error), *(record.getMessage() for record in caplog.records if record.name == "dify_integrations")]:
            assert not any(secret in text for secret in SECRETS), text
    assert caplog.records
    port = unused_port()
    origin = f"http://127.0.0.1:{port}"
    error = side.error(lambda dify: dify.files.download(origin + SIGNED, origins=[origin]), "http://localhost:1/v1")
    assert isinstance(error, ConnectFailed)
    assert f"127.0.0.1:{port}" in str(error)


def test_the_broken_one_is_named(side: Side) -> None:
    """Also when a connection breaks in the middle of a file, it is the other server's name that is told."""
    with FaultServer((answer(200, b"abc")[:-1],)) as files:
        origin = files.url.removesuffix("/v1")
        error = side.error(lambda dify: dify.files.download(origin + SIGNED, origins=[origin]), "http://localhost:1/v1")
        assert isinstance(error, ConnectionDropped)
        assert f"127.0.0.1:{files.port}" in str(error)


def test_an_address_that_is_too_long(side: Side) -> None:
    """httpx refuses it in its own way; ours is typed."""
    error = side.error(lambda dify: dify.files.download("/" + "a" * 70_000), "http://127.0.0.1:1/v1")
    assert isinstance(error, DifyError)


def test_names_of_files(tmp_path: Path) -> None:
    """What cannot be sent is refused at once; what can be guessed is."""
    for name in ("", "a/b.txt", "a\\b.txt", "half\ud800.txt"):
        with pytest.raises(InvalidArgument):
            FileInput.from_bytes(b"", name)
        with pytest.raises(InvalidArgument):
            FileInput.from_file(io.BytesIO(), name)
    (tmp_path / "a.png").touch()
    assert FileInput.from_path(tmp_path / "a.png").mime_type == "image/png"
    assert FileInput.from_path(tmp_path / "a.png", type="custom", mime_type="x/y") == FileInput(
        "custom", content=tmp_path / "a.png", filename="a.png", mime_type="x/y"
    )
    for path in (tmp_path, tmp_path / "none", str(tmp_path / "a.png")):
        with pytest.raises(InvalidArgument):
            FileInput.from_path(path)  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize("file", [io.StringIO("x"), object(), "text", Path("x")])
def test_what_is_no_open_file(file: Any) -> None:
    with pytest.raises(InvalidArgument, match="binary"):
        FileInput.from_file(file, "a.txt")


def test_a_type_cannot_carry_a_header() -> None:
    """httpx would write a line break as it is, and the rest would be a header of the part."""
    with Dify("app-x", base_url="http://127.0.0.1:1/v1", user="ann") as dify:
        for mime_type in ("text/plain\r\nX-Evil: 1", "text/plän"):
            with pytest.raises(InvalidArgument, match="mime_type"):
                dify.files.upload(FileInput.from_bytes(b"", "a.txt", mime_type=mime_type))
