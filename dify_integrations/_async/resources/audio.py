"""Audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...files import Download, FileInput
from ...models.audio import Transcript
from ...operations import audio as operations
from ..downloads import download

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from ..transport import AsyncTransport


class AsyncAudio:
    """Speech to text, text to speech; each must be switched on in the app."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def speech_to_text(self, file: FileInput, *, user: str | None = None, mime_type: str | None = None) -> Transcript:
        """Write down what is said in a recording.

        Args:
            file: From `FileInput.from_bytes`, `FileInput.from_path` or `FileInput.from_file`: MP3, M4A, WAV or AMR, at most
                30 MB.
            user: The end user.
            mime_type: Sent as it is. Without it the file's own type is put into Dify's words: servers take exactly
                `audio/mp3`, `audio/m4a`, `audio/wav`, `audio/amr` and `audio/mpga`, and 1.12 and later refuse the registered
                `audio/mpeg`.

        Returns:
            The text.

        Raises:
            InvalidArgument: Not a local file, or one that cannot be read.
            UnsupportedFileType: Another type (`unsupported_audio_type`).
            PayloadTooLarge: Above 30 MB (`audio_too_large`).
            BadRequest: Not switched on in the app: "Speech to text is not enabled".
            ProviderError: The speech model is missing or failed.
        """
        name = self._transport.settings.user_for(user)
        return await self._transport.send(operations.speech_to_text(file, user=name, mime_type=mime_type))

    async def text_to_speech(
        self,
        text: str | None = None,
        *,
        message_id: str | None = None,
        voice: str | None = None,
        streaming: bool | None = None,
        user: str | None = None,
        to: Path | BinaryIO | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Speak a text, or the answer of a message.

        The speech that apps with auto-play send within a stream is in the run's items (`AudioChunk`) and `result.audio`.

        Args:
            text: What to say. Either this or `message_id`.
            message_id: A message whose answer to say; of conversations of the same app.
            voice: A voice of the app's speech model; the app's own unless given.
            streaming: Passed on; Dify 1.12 and later decide by the model, whatever it says.
            user: The end user.
            to: As for `files.preview`.
            max_bytes: As for `files.preview`.

        Returns:
            The audio. `mime_type` says which kind: `audio/mpeg` whenever the model streams, otherwise the model's own.

        Raises:
            InvalidArgument: Neither a text nor a message, or both; or a target that exists or cannot be written.
            NotFound: No such message, or one without text. Dify answers 200 with `null`; its status is given as 404.
            BadRequest: Not switched on in the app: "TTS is not enabled".
            ProviderError: The speech model is missing or failed.
            BodyTooLarge: Larger than `max_bytes`.
            ConnectionDropped: The connection broke before the end; nothing is left of a new file.
            OSError: The file cannot be written.
        """
        name = self._transport.settings.user_for(user)
        operation = operations.text_to_speech(text=text, message_id=message_id, voice=voice, streaming=streaming, user=name)
        return await download(
            self._transport, operation, to=to, max_bytes=max_bytes, filename="speech", refusal=operations.no_speech
        )
