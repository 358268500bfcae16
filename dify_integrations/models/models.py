"""Models a workspace can use."""

from __future__ import annotations

from typing import Any

from .base import Listed, Model


class LocalizedText(Model):
    """A text, or the address of an image, by language.

    Attributes:
        en_US, zh_Hans: English and Chinese; other languages are kept as further fields.
    """

    en_US: str | None = None  # noqa: N815  # Dify's own key
    zh_Hans: str | None = None  # noqa: N815


class ProviderModel(Model):
    """A model.

    Attributes:
        model: Its name, which `embedding_model` and `reranking_model_name` take.
        label: Its display name.
        model_type: `text-embedding`, `rerank`, `llm`, `tts`, `speech2text` or `moderation`.
        features: Such as `vision` or `tool-call`; `None` for none.
        fetch_from: `predefined-model`, or `customizable-model` for one somebody set up.
        model_properties: Such as `context_size`, by type.
        status: `active` when it can be used.
        deprecated: Whether it should no longer be chosen.
        load_balancing_enabled, has_invalid_load_balancing_configs: Of its credentials.
    """

    model: str
    label: LocalizedText | None = None
    model_type: str | None = None
    features: list[str] | None = None
    fetch_from: str | None = None
    model_properties: dict[str, Any] | None = None
    status: str | None = None
    deprecated: bool | None = None
    load_balancing_enabled: bool | None = None
    has_invalid_load_balancing_configs: bool | None = None


class ModelProvider(Model):
    """A provider and its models.

    Attributes:
        provider: Its id, such as `langgenius/openai/openai`, which `embedding_model_provider` and
            `reranking_provider_name` take.
        label: Its display name.
        icon_small, icon_small_dark: Addresses of its icon.
        status: `active` when it is set up.
        tenant_id: The workspace.
        models: Its models of the type that was asked for.
    """

    provider: str
    label: LocalizedText | None = None
    icon_small: LocalizedText | None = None
    icon_small_dark: LocalizedText | None = None
    status: str | None = None
    tenant_id: str | None = None
    models: Listed[ProviderModel]


class ModelProviders(Model):
    """Providers with models of a type.

    Attributes:
        data: The providers; `[]` when none is set up.
    """

    data: Listed[ModelProvider]
