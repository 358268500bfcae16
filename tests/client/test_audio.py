"""Speech: what is sent, in the words that servers take; what comes back, and what a 200 may hide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dify_integrations import (
    AuthenticationError,
    BadRequest,
    BodyTooLarge,
    DifyError,
    FileInput,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    ProviderError,
    UnexpectedContent,
    UnsupportedFileType,
)
from dify_integrations.operations.audio import audio_type
from tests.faults.server import FaultServer, keep
from tests.faults.sides import Side
from tests.faults.wire import answer, chunk, head

MP3 = b"ID3\x04\x00\x00\x00\x00\x00#TSSE" + bytes(range(256)) * 9
# As recorded: 1.12 and later stream what their models stream, without a length.
SPEECH = (head(content_type="audio/mpeg"), chunk(MP3[:100]), chunk(MP3[100:]), b"0\r\n\r\n", keep)
HEARD = (answer(200, b'{"text": "Transcript of 4407 bytes of audio. \\u4f60\\u597d"}\n', Content_Type="application/json"), keep)


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def refusal(status: int, code: str, message: str = "no") -> tuple[Any, ...]:
    return (answer(status, {"code": code, "message": message, "status": status}), keep)


@pytest.mark.parametrize(
    ("name", "guessed", "sent"),
    [
        # What servers take, as it is.
        *((f"a.{kind}", f"audio/{kind}", f"audio/{kind}") for kind in ("mp3", "m4a", "wav", "amr", "mpga")),
        # What systems make of the extensions.
        ("a.mp3", "audio/mpeg", "audio/mp3"),
        ("a.mpga", "audio/mpeg", "audio/mp3"),
        ("a.wav", "audio/x-wav", "audio/wav"),
        ("a.wav", "audio/vnd.wave", "audio/wav"),
        ("a.m4a", "audio/mp4", "audio/m4a"),
        ("a.m4a", "audio/mp4a-latm", "audio/m4a"),
        ("a.m4a", "audio/x-m4a", "audio/m4a"),
        # What systems do not know, by the extension.
        ("a.AMR", "application/octet-stream", "audio/amr"),
        ("a.m4a", "video/mp4", "audio/m4a"),
        # What servers do not take: theirs to refuse.
        ("a.ogg", "audio/ogg", "audio/ogg"),
        ("a.txt", "text/plain", "text/plain"),
        ("mp3", "text/plain", "text/plain"),
    ],
)
def test_types_in_the_servers_words(name: str, guessed: str, sent: str) -> None:
    """Exactly five are taken, and most systems guess others."""
    assert audio_type(name, guessed) == sent


def test_speech_to_text(side: Side, tmp_path: Path) -> None:
    """The file under its field, the user, the type; the text comes back."""
    (tmp_path / "stimme ü.mp3").write_bytes(MP3)
    with FaultServer(HEARD) as server:
        for file in (
            FileInput.from_path(tmp_path / "stimme ü.mp3"),
            FileInput.from_bytes(MP3, "stimme ü.mp3", mime_type="audio/mpeg"),
        ):
            heard = side.run(lambda dify, file=file: dify.audio.speech_to_text(file), server.url)  # type: ignore[misc]
            assert heard.text == "Transcript of 4407 bytes of audio. 你好"
        side.run(
            lambda dify: dify.audio.speech_to_text(FileInput.from_bytes(MP3, "a.mp3"), user="bob", mime_type="audio/mpeg"),
            server.url,
        )
    first, second, third = server.requests
    for request in (first, second):
        assert request.path == "/v1/audio-to-text"
        assert 'name="file"; filename="stimme ü.mp3"\r\nContent-Type: audio/mp3\r\n\r\n'.encode() + MP3 in request.body
        assert b'name="user"\r\n\r\nann\r\n' in request.body
    assert b"Content-Type: audio/mpeg\r\n" in third.body
    assert b'name="user"\r\n\r\nbob\r\n' in third.body


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (refusal(415, "unsupported_audio_type", "Audio type not allowed."), UnsupportedFileType),
        (refusal(413, "audio_too_large", "Audio size larger than 30 mb"), PayloadTooLarge),
        (refusal(400, "invalid_param", "Speech to text is not enabled"), BadRequest),
        (refusal(400, "provider_not_support_speech_to_text"), BadRequest),
        (refusal(400, "completion_request_error"), ProviderError),
        (refusal(401, "unauthorized"), AuthenticationError),
    ],
    ids=["type", "size", "off", "no model", "model failed", "key"],
)
def test_refused_speech(side: Side, script: tuple[Any, ...], expected: type[DifyError]) -> None:
    """The documented errors, both ways; a recording is sent once."""
    with FaultServer(script) as server:
        assert type(side.error(lambda dify: dify.audio.speech_to_text(FileInput.from_bytes(MP3, "a.mp3")), server.url)) is expected
        assert type(side.error(lambda dify: dify.audio.text_to_speech("hi"), server.url)) is expected
        assert len(server.requests) == 2


def test_no_file_to_hear(side: Side) -> None:
    """A remote or uploaded file cannot be heard; nothing is sent."""
    for file in (FileInput.from_url("https://x.test/a.mp3"), FileInput.uploaded("f-1", type="audio"), b"bytes"):
        error = side.error(lambda dify, file=file: dify.audio.speech_to_text(file), "http://127.0.0.1:1/v1")  # type: ignore[misc]
        assert isinstance(error, InvalidArgument)


def test_text_to_speech(side: Side, tmp_path: Path) -> None:
    """Every field that is given, and no other; bytes and type, or a file."""
    with FaultServer(SPEECH) as server:
        got = side.run(lambda dify: dify.audio.text_to_speech("Hello", voice="nova", streaming=True), server.url)
        assert (got.content, got.size, got.mime_type, got.filename) == (MP3, len(MP3), "audio/mpeg", "speech.mp3")
        saved = side.run(lambda dify: dify.audio.text_to_speech(message_id="m-1", user="bob", to=tmp_path), server.url)
        assert (saved.path, saved.content) == (tmp_path / "speech.mp3", None)
        assert (tmp_path / "speech.mp3").read_bytes() == MP3
        side.run(lambda dify: dify.audio.text_to_speech("", streaming=False), server.url)
    assert [json.loads(request.body) for request in server.requests] == [
        {"text": "Hello", "voice": "nova", "streaming": True, "user": "ann"},
        {"message_id": "m-1", "user": "bob"},
        {"text": "", "streaming": False, "user": "ann"},
    ]


@pytest.mark.parametrize(("kind", "extension"), [("audio/wav", ".wav"), ("audio/mp3", ".mp3"), ("audio/x-unheard-of", "")])
def test_other_kinds_of_audio(side: Side, kind: str, extension: str) -> None:
    """Models that do not stream give what they have."""
    with FaultServer((answer(200, b"RIFF", Content_Type=kind), keep)) as server:
        got = side.run(lambda dify: dify.audio.text_to_speech("hi"), server.url)
    assert (got.content, got.mime_type, got.filename) == (b"RIFF", kind, f"speech{extension}")


@pytest.mark.parametrize("given", [{}, {"text": "a", "message_id": "m-1"}, {"message_id": ""}])
def test_either_a_text_or_a_message(side: Side, given: dict[str, Any]) -> None:
    """Dify would silently take the message."""
    error = side.error(lambda dify: dify.audio.text_to_speech(**given), "http://127.0.0.1:1/v1")
    assert isinstance(error, InvalidArgument)


HIDDEN: list[tuple[str, bytes, str, type[DifyError], int | None]] = [
    ("unknown message", b"null\n", "application/json", NotFound, 404),
    ("error", b'{"code": "invalid_param", "message": "TTS is not enabled", "status": 400}', "application/json", BadRequest, 400),
    ("bad key", b'{"code": "unauthorized", "message": "no", "status": 401}', "application/json", AuthenticationError, 401),
    ("other JSON", b'{"a": 1}', "application/json", UnexpectedContent, None),
    ("no JSON", b"nothing", "application/json", UnexpectedContent, None),
    ("login page", b"<title>Sign in</title>", "text/html; charset=utf-8", UnexpectedContent, None),
]


@pytest.mark.parametrize(("body", "kind", "expected", "status"), [row[1:] for row in HIDDEN], ids=[row[0] for row in HIDDEN])
def test_what_a_200_may_hide(
    side: Side, tmp_path: Path, body: bytes, kind: str, expected: type[DifyError], status: int | None
) -> None:
    """0.15 to 1.14 answer `null` for a message they do not know; none of it is taken for sound, or saved."""
    with FaultServer((answer(200, body, Content_Type=kind), keep)) as server:
        for to in (None, tmp_path):
            error = side.error(lambda dify, to=to: dify.audio.text_to_speech(message_id="m-1", to=to), server.url)  # type: ignore[misc]
            assert type(error) is expected
            assert getattr(error, "status", None) == status
        assert server.accepted <= 2
    assert not list(tmp_path.iterdir())


def test_speech_has_a_limit(side: Side, tmp_path: Path) -> None:
    """As every download."""
    with FaultServer(SPEECH) as server:
        error = side.error(lambda dify: dify.audio.text_to_speech("hi", max_bytes=1000, to=tmp_path), server.url)
    assert isinstance(error, BodyTooLarge)
    assert not list(tmp_path.iterdir())
