"""Metadata of documents: the fields of a knowledge base, and values for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Listed, Model, RequestModel

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject


class MetadataField(Model):
    """A metadata field of a knowledge base.

    Attributes:
        id: Its id; `None` for built-in fields.
        name: Its name.
        type: `string`, `number` or `time`.
        count: Documents with a value for it; in lists only.
    """

    id: str | None = None
    name: str
    type: str | None = None
    count: int | None = None


class MetadataFields(Model):
    """The metadata fields of a knowledge base.

    Attributes:
        doc_metadata: Those somebody made.
        built_in_field_enabled: Whether documents have values for the built-in ones too.
    """

    doc_metadata: Listed[MetadataField]
    built_in_field_enabled: bool | None = None


class BuiltInMetadataFields(Model):
    """The fields the server fills by itself, where they are switched on.

    Attributes:
        fields: Names and types; `document_name`, `uploader`, `upload_date`, `last_update_date` and `source`.
    """

    fields: Listed[MetadataField]


class MetadataValue(RequestModel):
    """A document's value of a metadata field.

    Attributes:
        id: The field's id.
        name: The field's name.
        value: Text, a number, Unix seconds for `time`; `None` leaves the document without a value.
    """

    id: str
    name: str
    value: str | int | float | None = None


class DocumentMetadata(RequestModel):
    """What `metadata.assign` gives to a document.

    Attributes:
        document_id: The document.
        metadata_list: The values.
        partial_update: Keep the document's values of other fields. Otherwise they are removed.
    """

    document_id: str
    metadata_list: list[MetadataValue]
    partial_update: bool = False

    def to_wire(self) -> JsonObject:
        """The object the API takes; a value of `None` is sent as null."""
        return self.model_dump()
