"""Answers of another kind or encoding than asked for."""

from __future__ import annotations

import gzip
import threading
import zlib

import pytest

from dify_integrations import (
    AsyncDify,
    AuthenticationError,
    BadRequest,
    BodyTooLarge,
    DifyError,
    MalformedEvent,
    StreamInterrupted,
    UnexpectedContent,
)
from tests.faults.conftest import Serve
from tests.faults.server import Connection
from tests.faults.sides import Side
from tests.faults.wire import LAST, Kind, answer, chunk, frame, head, ok

LOGIN = b"<!doctype html><title>Sign in</title><form action=/login>" + b" " * 5000


def test_login_page_for_a_stream(side: Side, kind: Kind, serve: Serve) -> None:
    """A page with status 200 is no stream; the message shows its beginning and a hint."""
    server = serve((answer(200, LOGIN, Content_Type="text/html; charset=utf-8"),))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert type(error) is UnexpectedContent
    assert "text/html" in error.message
    assert "Sign in" in error.message
    assert "base_url" in error.message
    assert len(error.message) < 1000


def test_login_page_for_json(side: Side, serve: Serve) -> None:
    """The same for a call that expects JSON."""
    server = serve((answer(200, LOGIN, Content_Type="text/html"),))
    error = side.error(lambda dify: dify.app.info(), server.url)
    assert type(error) is UnexpectedContent
    assert len(error.message) < 1000
    assert len(server.requests) == 1


def test_error_object_with_200(side: Side, kind: Kind, serve: Serve) -> None:
    """Gateways hide the status; the error object still gives the error."""
    body = {"code": "not_chat_app", "message": "wrong mode", "status": 400}
    error = side.error(lambda dify: kind.start(dify).finish(), serve((answer(200, body),)).url)
    assert type(error) is BadRequest
    assert error.code == "not_chat_app"
    assert error.status == 400


def test_error_object_with_200_is_classified_by_its_status(side: Side, kind: Kind, serve: Serve) -> None:
    """The status inside says what the gateway hid."""
    body = {"code": "unauthorized", "message": "Access token is invalid", "status": 401}
    error = side.error(lambda dify: kind.start(dify).finish(), serve((answer(200, body),)).url)
    assert type(error) is AuthenticationError
    assert error.status == 401


@pytest.mark.parametrize(
    "body",
    [
        {"event": "message", "answer": "Hello", "message_id": "m-1"},
        {"task_id": "t", "data": {"status": "succeeded", "outputs": {"code": 1}}},
    ],
    ids=["chat", "workflow with an output named code"],
)
def test_blocking_result_for_a_stream(side: Side, kind: Kind, body: dict[str, object], serve: Serve) -> None:
    """A server that answers with one JSON object although a stream was asked for."""
    error = side.error(lambda dify: kind.start(dify).finish(), serve((answer(200, body),)).url)
    assert type(error) is UnexpectedContent
    assert "application/json" in error.message


@pytest.mark.parametrize("status", [201, 204])
def test_other_successes_for_a_stream(side: Side, kind: Kind, status: int, serve: Serve) -> None:
    """A success without a stream is no run."""
    data = b"HTTP/1.1 204 No\r\n\r\n" if status == 204 else answer(status, b"", Content_Type="text/event-stream")
    assert isinstance(side.error(lambda dify: kind.start(dify).finish(), serve((data,)).url), UnexpectedContent)


def test_a_stream_for_json(side: Side, serve: Serve) -> None:
    """And the reverse."""
    server = serve((head(), chunk(b"data: {}\n\n"), LAST))
    assert type(side.error(lambda dify: dify.app.info(), server.url)) is UnexpectedContent


def test_no_content_type(side: Side, kind: Kind, serve: Serve) -> None:
    """Without a content type nothing is guessed."""
    server = serve((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",))
    assert type(side.error(lambda dify: kind.start(dify).finish(), server.url)) is UnexpectedContent


@pytest.mark.parametrize(
    "content_type",
    [
        "text/event-stream",
        "text/event-stream;charset=gbk",
        "Text/Event-Stream; charset=utf-16; boundary=x",
        "text/event-stream ; charset=UTF8",
        "text/event-stream;",
    ],
)
def test_odd_charsets_are_ignored(side: Side, kind: Kind, content_type: str, serve: Serve) -> None:
    """Event streams are UTF-8, whatever a proxy writes."""
    server = serve((head(content_type=content_type), chunk(kind.whole.replace(b'"lo"', '"\u2028ü"'.encode())), LAST))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url).text == "Hel\u2028ü"


def test_streams_ask_for_no_encoding(side: Side, kind: Kind, serve: Serve) -> None:
    """A compressing proxy would hold events back."""
    server = serve((head(), chunk(kind.whole), LAST))
    side.run(lambda dify: kind.start(dify).finish(), server.url)
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert server.requests[0].headers["accept"] == "text/event-stream"


def test_only_encodings_that_can_be_undone_are_asked_for(side: Side, serve: Serve) -> None:
    """Whatever libraries httpx finds: an encoding that is refused later must not be asked for (Cloudflare sends zstd)."""
    server = serve(ok())
    side.run(lambda dify: dify.app.info(), server.url)
    asked = {name.strip() for name in server.requests[0].headers["accept-encoding"].split(",")}
    assert asked <= {"gzip", "deflate", "identity"}


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate"])
def test_compressed_streams_are_read_as_they_come(side: Side, kind: Kind, encoding: str, serve: Serve) -> None:
    """A proxy that compresses all the same, flushing per event: every event is there before the next is sent."""
    coder = zlib.compressobj(wbits=31 if encoding.lower() == "gzip" else 15)
    pieces = [coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH) for data in (kind.began, kind.more, kind.ended)]
    seen = threading.Event()

    def until_seen(_: Connection) -> None:
        assert seen.wait(2)

    server = serve((head(Content_Encoding=encoding), chunk(pieces[0]), until_seen, chunk(pieces[1]), chunk(pieces[2]), LAST))

    async def body(dify: AsyncDify) -> str:
        text = ""
        async with kind.start(dify) as run:
            async for piece in run.text():
                text += piece
                seen.set()
        return text

    assert side.run(body, server.url) == "Hello"


def test_compressed_json(side: Side, serve: Serve) -> None:
    """Ordinary answers may be compressed."""
    body = gzip.compress(b'{"name": "app"}')
    server = serve((answer(200, body, Content_Type="application/json", Content_Encoding="gzip"),))
    assert side.run(lambda dify: dify.app.info(), server.url).name == "app"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "gzip, gzip", "x-nonsense"])
def test_unknown_encodings_are_refused(side: Side, kind: Kind, encoding: str, serve: Serve) -> None:
    """httpx would pass the raw bytes through."""
    server = serve((head(Content_Encoding=encoding), chunk(b"\x0b\x02\x80"), LAST))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert isinstance(error, UnexpectedContent)
    assert "encoding" in error.message
    json_server = serve((answer(200, b"\x0b\x02\x80", Content_Encoding=encoding),))
    assert isinstance(side.error(lambda dify: dify.app.info(), json_server.url), UnexpectedContent)


def test_an_error_with_an_unknown_encoding_keeps_its_class(side: Side, serve: Serve) -> None:
    """A refused key is a refused key, even when its explanation cannot be read."""
    server = serve((answer(401, b"\x0b\x02\x80", Content_Encoding="br"),))
    assert isinstance(side.error(lambda dify: dify.app.info(), server.url), (AuthenticationError, UnexpectedContent))


def test_gzip_garbage_in_a_stream(side: Side, kind: Kind, serve: Serve) -> None:
    """Bytes that are no gzip give a typed error, not zlib's."""
    server = serve((head(Content_Encoding="gzip"), chunk(b"not gzip at all"), LAST))
    assert isinstance(side.error(lambda dify: kind.start(dify).finish(), server.url), UnexpectedContent)


def test_gzip_cut_off(side: Side, kind: Kind, serve: Serve) -> None:
    """httpx takes a gzip body that ends early for complete; the missing end of the run tells."""
    coder = zlib.compressobj(wbits=31)
    data = coder.compress(kind.began) + coder.flush(zlib.Z_SYNC_FLUSH)
    server = serve((head(Content_Encoding="gzip"), chunk(data), LAST))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert isinstance(error, StreamInterrupted)
    assert error.partial is not None
    assert error.partial.text == "Hel"


def test_json_bomb(side: Side, serve: Serve) -> None:
    """A small body that unpacks into more than the limit is given up."""
    bomb = gzip.compress(b"[" + b"0," * 5_000_000 + b"0]")
    server = serve((answer(200, bomb, Content_Type="application/json", Content_Encoding="gzip"),))

    async def body(dify: AsyncDify) -> None:
        limited = dify.with_options()
        object.__setattr__(limited.settings, "max_body_bytes", 1_000_000)
        with pytest.raises(BodyTooLarge):
            await limited.app.info()

    side.run(body, server.url)


@pytest.mark.parametrize(
    "data",
    [b"data: [1]\n\n", b'data: {"event": "mess\n\n', b"data: hello\n\n", b"data: " + b"[" * 100_000 + b"\n\n"],
    ids=["array", "cut JSON", "no JSON", "deep nesting"],
)
def test_malformed_events(side: Side, kind: Kind, data: bytes, serve: Serve) -> None:
    """A frame that is no object ends the run with what had arrived, and the run is asked to stop."""
    server = serve((head(), chunk(kind.began, data), lambda connection: connection.wait(None)))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert isinstance(error, MalformedEvent)
    assert error.partial is not None
    assert error.partial.text == "Hel"
    assert server.wait_until(lambda: len(server.stops) == 1)


def test_unknown_events_are_passed_over(side: Side, kind: Kind, serve: Serve) -> None:
    """Events of a later Dify do no harm."""
    strange = frame("hologram", data={"x": 1}) + b"data: {}\n\n: comment\n\nid: 7\nretry: 5\n\ndata:\n\n"
    server = serve((head(), chunk(kind.began, strange, kind.more, kind.ended), LAST))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url).text == "Hello"


def test_an_event_above_the_limit(side: Side, kind: Kind, serve: Serve) -> None:
    """A single event without end is given up, not collected."""
    server = serve((head(), chunk(kind.began), chunk(b"data: " + b"x" * 300_000), LAST))

    async def body(dify: AsyncDify) -> DifyError:
        object.__setattr__(dify.settings, "max_event_bytes", 100_000)
        with pytest.raises(BodyTooLarge) as caught:
            await kind.start(dify).finish()
        return caught.value

    error = side.run(body, server.url)
    assert error.partial is not None
    assert error.partial.text == "Hel"
