"""Annotations: questions an app answers without a model."""

from __future__ import annotations

from typing import Literal

from .base import Model, Page

ReplyAction = Literal["enable", "disable"]
"""What can be done with annotation replies."""


class Annotation(Model):
    """A question with its answer.

    Attributes:
        id: Its id.
        question: What is compared with the user's words, by meaning.
        answer: What is said, as it is.
        hit_count: How often it was used.
        created_at: Unix seconds.
    """

    id: str
    question: str | None = None
    answer: str | None = None
    hit_count: int | None = None
    created_at: int | None = None


class AnnotationPage(Page[Annotation]):
    """One page of an app's annotations."""


class AnnotationReplyJob(Model):
    """The work of switching annotation replies on or off.

    Attributes:
        job_id: What `reply_status` takes.
        job_status: `waiting`, `processing`, `completed` or `error`.
        error_msg: Why it failed; `""` or `None` otherwise.
    """

    job_id: str
    job_status: str | None = None
    error_msg: str | None = None
