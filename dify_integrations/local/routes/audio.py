"""`/audio-to-text` and `/text-to-audio`."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..apps import App
from ..replies import ApiError, answer, invalid, no_part
from ..speech import spoken, transcript
from .access import app_of, json_body, state_of

_TYPES = ("mp3", "m4a", "wav", "amr", "mpga")
_LARGEST = 30 * 1024 * 1024


async def to_text(request: Request) -> Response:
    """POST /audio-to-text."""
    app = app_of(request)
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise no_part()
        kinds = (*_TYPES, "mpeg") if state_of(request).version.is_old else _TYPES
        return answer({"text": transcript(await _audio(app, file, kinds))})


async def _audio(app: App, file: UploadFile, kinds: Sequence[str]) -> bytes:
    if app.speech == "off":
        raise invalid("Speech to text is not enabled")
    if file.content_type not in {f"audio/{kind}" for kind in kinds}:
        raise ApiError(415, "unsupported_audio_type", "Audio type not allowed.")
    audio = await file.read()
    if len(audio) > _LARGEST:
        raise ApiError(413, "audio_too_large", "Audio size larger than 30 mb")
    return audio


async def to_audio(request: Request) -> Response:
    """POST /text-to-audio: of a message, which wins, or of a text; of an unknown message JSON `null`."""
    app, state = app_of(request), state_of(request)
    body = await json_body(request)
    text = body.get("text")
    if body.get("message_id"):
        message = state.messages.get(str(body["message_id"]))
        if message is None or message.app is not app:
            return answer(None)
        text = message.answer
    if text is None:
        raise invalid("Text is required")
    if app.speech == "off":
        raise invalid("TTS is not enabled")
    return Response(spoken(str(text)), media_type="audio/mpeg")


ROUTES = [
    Route("/audio-to-text", to_text, methods=["POST"]),
    Route("/text-to-audio", to_audio, methods=["POST"]),
]
