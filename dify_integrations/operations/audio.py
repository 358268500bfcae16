"""Speech to text and text to speech."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..core.failure import error_object
from ..core.jsonio import parse_json
from ..core.operation import Answer, Operation, reading
from ..core.redact import excerpt
from ..errors import DifyError, InvalidArgument, NotFound, UnexpectedContent
from ..files import FileInput
from ..models.audio import Transcript
from .catalogue import operation
from .inputs import file_part, whole

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject

# What servers take is written `audio/<one of these>`, although most are no registered types: 1.12 and later refuse even
# audio/mpeg, and 0.15 takes audio/mp3 as well.
_TAKEN: Final = ("mp3", "m4a", "wav", "amr", "mpga")
_OTHER_NAMES: Final = {
    **dict.fromkeys(("audio/mpeg", "audio/mpeg3", "audio/x-mpeg", "audio/x-mpeg-3", "audio/x-mp3"), "audio/mp3"),
    **dict.fromkeys(("audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"), "audio/wav"),
    **dict.fromkeys(("audio/mp4", "audio/x-m4a", "audio/mp4a-latm"), "audio/m4a"),
    "audio/x-amr": "audio/amr",
}


def speech_to_text(file: FileInput, *, user: str, mime_type: str | None = None) -> Operation[Transcript]:
    part = file_part(file)
    part = replace(part, mime_type=mime_type or audio_type(part.filename, part.mime_type))
    return operation("audioToText", reading(Transcript.model_validate), form={"user": user}, files=[part])


def audio_type(filename: str, mime_type: str) -> str:
    """The type in the servers' words; a type they do not know stays as it is, and they refuse it."""
    if mime_type.startswith("audio/"):
        return _OTHER_NAMES.get(mime_type, mime_type)
    _, dot, extension = filename.lower().rpartition(".")
    return f"audio/{extension}" if dot and extension in _TAKEN else mime_type


def text_to_speech(
    *, text: str | None, message_id: str | None, voice: str | None, streaming: bool | None, user: str
) -> Operation[Answer]:
    if (text is None) == (not message_id):
        raise InvalidArgument("give either the text to speak or the message_id of an answer")
    given = {"text": text, "message_id": message_id or None, "voice": voice, "streaming": streaming}
    body: JsonObject = {**{name: value for name, value in given.items() if value is not None}, "user": user}
    return operation("textToAudioChat", whole, json=body, downloads=True)


def no_speech(answer: Answer) -> DifyError:
    """What JSON or a page in the place of speech means."""
    error = error_object(answer)
    if error is not None:
        return error
    try:
        nothing = parse_json(answer.body) is None
    except ValueError:
        nothing = False
    if nothing:
        # 0.15 to 1.14 answer 200 with `null`.
        return NotFound("there is no such message, or it has no text to speak", status=404)
    return UnexpectedContent(f"expected audio, got {answer.content_type}: {excerpt(answer.body)}; is base_url right?")
