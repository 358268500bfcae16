"""Speech that plays while the answer is written (apps with text-to-speech auto-play)."""

from __future__ import annotations

from . import fields
from .base import Event


class TTSMessageEvent(Event):
    """A piece of speech.

    Attributes:
        audio: Base64 of an MP3 chunk.
    """

    __slots__ = ()
    name = "tts_message"
    audio = fields.text()


class TTSMessageEndEvent(Event):
    """The speech is complete; `audio` is `""`. Comes after `message_end`; lost behind `workflow_finished` on ≥ 1.13."""

    __slots__ = ()
    name = "tts_message_end"
    audio = fields.text()
