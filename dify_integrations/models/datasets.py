"""Knowledge bases."""

from __future__ import annotations

from typing import Any

from .base import Model


class Dataset(Model):
    """A knowledge base. Nearly everything may be null until its first document.

    Attributes:
        id, name, description: Who it is.
        indexing_technique: `high_quality` or `economy`.
        retrieval_model_dict: Its saved search settings.
        embedding_model, embedding_model_provider: `None` for `economy`.
        document_count, word_count, app_count: Counts.
    """

    id: str
    name: str
    description: str | None = None
    indexing_technique: str | None = None
    retrieval_model_dict: dict[str, Any] | None = None
    embedding_model: str | None = None
    embedding_model_provider: str | None = None
    document_count: int | None = None
    word_count: int | None = None
    app_count: int | None = None
