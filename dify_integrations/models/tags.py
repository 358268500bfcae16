"""Tags of knowledge bases."""

from __future__ import annotations

from typing import TypeAlias

from .base import Listed, Model


class Tag(Model):
    """A tag of knowledge bases.

    Attributes:
        id: Its id.
        name: Its name.
        type: `knowledge`; missing in the tags of one knowledge base.
        binding_count: Knowledge bases that have it, as text; missing in the tags of one knowledge base.
    """

    id: str
    name: str
    type: str | None = None
    binding_count: str | int | None = None


TagList: TypeAlias = list[Tag]
"""All tags; the API sends a bare array."""


class DatasetTags(Model):
    """The tags of one knowledge base.

    Attributes:
        data: The tags.
        total: Their number.
    """

    data: Listed[Tag]
    total: int | None = None
