"""Speech."""

from __future__ import annotations

from .base import Model


class Transcript(Model):
    """What was said.

    Attributes:
        text: All of it, without times or speakers.
    """

    text: str
