"""Tags of knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...models.tags import DatasetTags, Tag, TagList
from ...operations import tags as operations

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncTags:
    """Tags of knowledge bases (Dify ≥ 1.4.2).

    Dify 1.12 to 1.14.2 cannot send a tag with its number of bindings: `create` and `update` do what they were asked and
    `list` finds tags, but all three end with a `BadRequest` that says so. The other calls work.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, name: str) -> Tag:
        """Make a tag.

        Args:
            name: 1 to 50 characters, not another tag's.

        Returns:
            The tag.

        Raises:
            BadRequest: A name that exists, is empty or too long; or Dify 1.12 to 1.14.2, where the tag was made and its id
                shows in Dify's console only.
        """
        return await self._transport.send(operations.create(name))

    async def list(self) -> TagList:
        """Every tag.

        Returns:
            The tags; `binding_count` is text.

        Raises:
            BadRequest: Dify 1.12 to 1.14.2, as soon as there is a tag; `of_dataset` works there.
        """
        return await self._transport.send(operations.every())

    async def update(self, tag_id: str, *, name: str) -> Tag:
        """Rename a tag.

        Args:
            tag_id: The tag.
            name: As for `create`.

        Returns:
            The tag.

        Raises:
            BadRequest: A name that is empty or too long; or Dify 1.12 to 1.14.2, where the tag was renamed.
            NotFound: No such tag.
        """
        return await self._transport.send(operations.update(tag_id, name=name))

    async def delete(self, tag_id: str) -> None:
        """Delete a tag; knowledge bases lose it.

        Args:
            tag_id: The tag.

        Raises:
            NotFound: No such tag.
        """
        await self._transport.send(operations.delete(tag_id))

    async def bind(self, dataset_id: str, tag_ids: Sequence[str]) -> None:
        """Give tags to a knowledge base; those it has are no error.

        Args:
            dataset_id: The knowledge base.
            tag_ids: The tags.

        Raises:
            InvalidArgument: No tag.
            NotFound: No such knowledge base.
        """
        await self._transport.send(operations.bind(dataset_id, tag_ids))

    async def unbind(self, dataset_id: str, tag_ids: Sequence[str]) -> None:
        """Take tags from a knowledge base; those it lacks are no error.

        Dify ≤ 1.14.0 takes one tag at a time, so each has its own request. When one fails, those before it are done.

        Args:
            dataset_id: The knowledge base.
            tag_ids: The tags.

        Raises:
            InvalidArgument: No tag.
            NotFound: No such knowledge base.
        """
        for tag_id in operations.several(tag_ids):
            await self._transport.send(operations.unbind(dataset_id, tag_id))

    async def of_dataset(self, dataset_id: str) -> DatasetTags:
        """The tags of a knowledge base.

        Args:
            dataset_id: The knowledge base.

        Returns:
            The tags, with id and name.

        Raises:
            NotFound: No such knowledge base.
        """
        return await self._transport.send(operations.of_dataset(dataset_id))
