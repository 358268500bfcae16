"""What an app says of itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .base import Model


class AppInfo(Model):
    """Name and kind of the app.

    Attributes:
        name: Its name.
        description: May be `None`.
        tags: Names of tags.
        mode: `completion`, `chat`, `agent-chat`, `advanced-chat`, `workflow`, `agent`; `None` before Dify 1.4.
        author_name: `None` before Dify 1.4.3.
    """

    name: str = ""
    description: str | None = None
    tags: list[str] = Field(default_factory=list)
    mode: str | None = None
    author_name: str | None = None


class AppParameters(Model):
    """What the app takes and offers; the published version's.

    Attributes:
        opening_statement: May be `None`.
        suggested_questions: Shown at the start.
        user_input_form: The form: one-key objects `{kind: field}`, in order. Kinds are an open set; see
            `dify_integrations.bridge.tool_schema` for what they mean.
        file_upload: Free-form; `enabled` says whether `files` are looked at.
        system_parameters: Size limits in MB and counts.
        suggested_questions_after_answer, speech_to_text, text_to_speech, retriever_resource, annotation_reply,
        more_like_this, sensitive_word_avoidance: Objects with `enabled` and settings.
    """

    opening_statement: str | None = None
    suggested_questions: list[str] | None = None
    user_input_form: list[dict[str, Any]] = Field(default_factory=list)
    file_upload: dict[str, Any] | None = None
    system_parameters: dict[str, Any] | None = None
    suggested_questions_after_answer: dict[str, Any] | None = None
    speech_to_text: dict[str, Any] | None = None
    text_to_speech: dict[str, Any] | None = None
    retriever_resource: dict[str, Any] | None = None
    annotation_reply: dict[str, Any] | None = None
    more_like_this: dict[str, Any] | None = None
    sensitive_word_avoidance: dict[str, Any] | None = None
