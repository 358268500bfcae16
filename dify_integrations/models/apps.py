"""What an app says of itself."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field

from .base import Listed, Model

T = TypeVar("T")


def _filled(value: Any) -> Any:
    return {} if value is None else value


_Filled = Annotated[T, BeforeValidator(_filled)]
"""An object that is there even when the server sends null: a feature that is not told of is off."""


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
    tags: Listed[str]
    mode: str | None = None
    author_name: str | None = None


class Feature(Model):
    """Something an app can do. Settings beside `enabled` are kept as they come.

    Attributes:
        enabled: Whether it is on; `None` counts as off.
    """

    enabled: bool | None = None


class TextToSpeech(Feature):
    """Speaking of answers.

    Attributes:
        voice: Its default voice, `""` or `None` for the model's.
        language: Such as `en-US`.
        autoPlay: `enabled` sends speech with every answer; may be missing.
    """

    voice: str | None = None
    language: str | None = None
    autoPlay: str | None = None  # noqa: N815  # Dify's word


class AnnotationReply(Feature):
    """Answers from annotations; the details are there while it is on.

    Attributes:
        id: Of the setting.
        score_threshold: 0 to 1.
        embedding_model: `{embedding_provider_name, embedding_model_name}`.
    """

    id: str | None = None
    score_threshold: float | None = None
    embedding_model: dict[str, Any] | None = None


class SensitiveWordAvoidance(Feature):
    """Moderation.

    Attributes:
        type: `keywords`, `openai_moderation`, `api`; `""` or `None` while it is off.
    """

    type: str | None = None


class ImageUpload(Feature):
    """Pictures, as chat apps were set up before there were other files.

    Attributes:
        number_limits: How many per message.
        detail: `high` or `low`.
        transfer_methods: `remote_url`, `local_file`.
    """

    number_limits: int | None = None
    detail: str | None = None
    transfer_methods: Listed[str]


class SizeLimits(Model):
    """How large files may be.

    Attributes:
        file_size_limit: MB of a document or other file.
        image_file_size_limit, audio_file_size_limit, video_file_size_limit: MB.
        workflow_file_upload_limit: Files per run.
        batch_count_limit: Files per upload in the console.
    """

    file_size_limit: int | None = None
    image_file_size_limit: int | None = None
    audio_file_size_limit: int | None = None
    video_file_size_limit: int | None = None
    workflow_file_upload_limit: int | None = None
    batch_count_limit: int | None = None


class FileUpload(Feature):
    """Which `files` the app looks at; chat apps look at pictures too when only `image.enabled` is true.

    Attributes:
        image: The older setting; `None` where there is none.
        allowed_file_types: `image`, `document`, `audio`, `video`, `custom`.
        allowed_file_extensions: For `custom`, with a dot.
        allowed_file_upload_methods: `local_file`, `remote_url`.
        number_limits: Files per message.
        fileUploadConfig: The server's limits when the app was saved.
    """

    image: ImageUpload | None = None
    allowed_file_types: Listed[str] = Field(default_factory=list)
    allowed_file_extensions: Listed[str] = Field(default_factory=list)
    allowed_file_upload_methods: Listed[str] = Field(default_factory=list)
    number_limits: int | None = None
    fileUploadConfig: SizeLimits | None = None  # noqa: N815  # Dify's word


class AppParameters(Model):
    """What the app takes and offers; the published version's.

    Attributes:
        opening_statement: May be `None`.
        suggested_questions: Shown at the start.
        user_input_form: The form: one-key objects `{kind: field}`, in order. Kinds are an open set; see
            `dify_integrations.bridge.tool_schema` for what they mean.
        file_upload: Whether and which `files` are looked at; others are ignored without an error.
        system_parameters: The server's limits.
        text_to_speech: Whether and how it speaks.
        annotation_reply: Whether annotations answer.
        sensitive_word_avoidance: Whether and by what it is moderated.
        suggested_questions_after_answer, speech_to_text, retriever_resource, more_like_this: Whether they are on.
    """

    opening_statement: str | None = None
    suggested_questions: Listed[str] = Field(default_factory=list)
    user_input_form: Listed[dict[str, Any]] = Field(default_factory=list)
    file_upload: _Filled[FileUpload] = Field(default_factory=FileUpload)
    system_parameters: _Filled[SizeLimits] = Field(default_factory=SizeLimits)
    suggested_questions_after_answer: _Filled[Feature] = Field(default_factory=Feature)
    speech_to_text: _Filled[Feature] = Field(default_factory=Feature)
    text_to_speech: _Filled[TextToSpeech] = Field(default_factory=TextToSpeech)
    retriever_resource: _Filled[Feature] = Field(default_factory=Feature)
    annotation_reply: _Filled[AnnotationReply] = Field(default_factory=AnnotationReply)
    more_like_this: _Filled[Feature] = Field(default_factory=Feature)
    sensitive_word_avoidance: _Filled[SensitiveWordAvoidance] = Field(default_factory=SensitiveWordAvoidance)


class ToolIcon(Model):
    """A drawn icon.

    Attributes:
        background: Colour, such as `#252525`.
        content: An emoji.
    """

    background: str | None = None
    content: str | None = None


class AppMeta(Model):
    """How the app's tools look.

    Attributes:
        tool_icons: By the tool's name: an address, or a drawn icon. Empty without tools, and for New Agent apps.
    """

    tool_icons: _Filled[dict[str, str | ToolIcon]] = Field(default_factory=dict)


class WebAppSettings(Model):
    """How the app's web page looks.

    Attributes:
        title: Its title.
        chat_color_theme, chat_color_theme_inverted: Its colours.
        icon_type: `emoji` or `image`.
        icon: The emoji, or the id of the image.
        icon_background: Colour.
        icon_url: Signed address of the image.
        description, copyright, privacy_policy, custom_disclaimer: Texts.
        input_placeholder: In the empty input box (servers after 1.14.2).
        default_language: Such as `en-US`.
        show_workflow_steps: Whether people see the steps of a workflow.
        use_icon_as_answer_icon: Whether answers carry the icon.
    """

    title: str | None = None
    chat_color_theme: str | None = None
    chat_color_theme_inverted: bool | None = None
    icon_type: str | None = None
    icon: str | None = None
    icon_background: str | None = None
    icon_url: str | None = None
    description: str | None = None
    copyright: str | None = None
    privacy_policy: str | None = None
    custom_disclaimer: str | None = None
    input_placeholder: str | None = None
    default_language: str | None = None
    show_workflow_steps: bool | None = None
    use_icon_as_answer_icon: bool | None = None
