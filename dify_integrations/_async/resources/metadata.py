"""Metadata fields of knowledge bases, and the values documents have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...models.metadata import BuiltInMetadataFields, DocumentMetadata, MetadataField, MetadataFields
from ...operations import metadata as operations
from ...operations.metadata import BuiltInAction, MetadataType, assign

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncMetadata:
    """Metadata fields of knowledge bases, and the values documents have (Dify ≥ 1.1.1)."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, dataset_id: str, *, name: str, type: MetadataType) -> MetadataField:
        """Make a metadata field.

        Args:
            dataset_id: The knowledge base.
            name: At most 255 characters, not one of the knowledge base's or the built-in fields'.
            type: `string`, `number` or `time`.

        Returns:
            The field.

        Raises:
            InvalidArgument: Another type.
            BadRequest: A name that exists, or is too long.
            NotFound: No such knowledge base.
        """
        return await self._transport.send(operations.create(dataset_id, name=name, type=type))

    async def list(self, dataset_id: str) -> MetadataFields:
        """The metadata fields of a knowledge base.

        Args:
            dataset_id: The knowledge base.

        Returns:
            The fields somebody made, with their use, and whether the built-in ones are on.

        Raises:
            NotFound: No such knowledge base.
        """
        return await self._transport.send(operations.fields(dataset_id))

    async def update(self, dataset_id: str, metadata_id: str, *, name: str) -> MetadataField:
        """Rename a metadata field; documents keep their values.

        Args:
            dataset_id: The knowledge base.
            metadata_id: The field.
            name: As for `create`.

        Returns:
            The field.

        Raises:
            BadRequest: A name that exists, or is too long. Dify after 1.14.2 says so of an unknown field, too.
            NotFound: No such field.
        """
        return await self._transport.send(operations.update(dataset_id, metadata_id, name=name))

    async def delete(self, dataset_id: str, metadata_id: str) -> None:
        """Delete a metadata field, and the documents' values with it. An unknown id succeeds too.

        Args:
            dataset_id: The knowledge base.
            metadata_id: The field.

        Raises:
            NotFound: No such knowledge base.
        """
        await self._transport.send(operations.delete(dataset_id, metadata_id))

    async def built_in(self, dataset_id: str) -> BuiltInMetadataFields:
        """The fields the server fills by itself; the same for every knowledge base, on or off.

        Args:
            dataset_id: The knowledge base.

        Returns:
            Names and types.

        Raises:
            NotFound: No such knowledge base (newer servers).
        """
        return await self._transport.send(operations.built_in(dataset_id))

    async def set_built_in(self, dataset_id: str, action: BuiltInAction) -> None:
        """Switch the built-in fields on or off; `list` tells how they are.

        Args:
            dataset_id: The knowledge base.
            action: `enable` or `disable`.

        Raises:
            InvalidArgument: Another action, which servers would answer with success.
            NotFound: No such knowledge base.
        """
        await self._transport.send(operations.set_built_in(dataset_id, action))

    async def assign(self, dataset_id: str, operations: Sequence[DocumentMetadata]) -> None:
        """Give documents values for metadata fields.

        Args:
            dataset_id: The knowledge base.
            operations: The documents and their values. Without `partial_update` a document loses its values of all
                other fields.

        Raises:
            BadRequest: A document that does not exist; Dify 1.12 says nothing of it.
            NotFound: No such knowledge base.
        """
        await self._transport.send(assign(dataset_id, operations))
