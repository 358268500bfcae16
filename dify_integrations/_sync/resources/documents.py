# Generated from dify_integrations/_async/resources/documents.py by .ci/twin.py; edit that file and run `make twin`.
"""Documents of knowledge bases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ...errors import UnexpectedContent
from ...files import Download
from ...models.documents import (
    DisplayStatus,
    Document,
    DocumentDetail,
    DocumentFile,
    DocumentPage,
    MetadataMode,
    StatusAction,
)
from ...models.indexing import BatchStatus
from ...operations import documents as operations
from ...operations import files, indexing
from ...operations.paging import Numbers
from ..downloads import download
from ..paging import Pages
from ..waiting import sleep
from .document_changes import DocumentChanges

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


class Documents(DocumentChanges):
    """Documents of knowledge bases: texts and files that the server cuts into chunks and indexes in its own time."""

    def list(
        self,
        dataset_id: str,
        *,
        keyword: str | None = None,
        status: DisplayStatus | None = None,
        page: int = 1,
        limit: int = 20,
    ) -> DocumentPage:
        """One page of a knowledge base's documents.

        Args:
            dataset_id: The knowledge base.
            keyword: Only those with it in their name.
            status: Only those in this state: `queuing`, `indexing`, `paused`, `error`, `available`, `disabled` or
                `archived`. Dify 0.15 ignores it.
            page: Number of the page, from 1.
            limit: 1 to 100.

        Returns:
            The page, newest first.

        Raises:
            InvalidArgument: An unknown state, or a page or limit out of range.
            NotFound: No such knowledge base.
        """
        return self._transport.send(operations.page(dataset_id, keyword=keyword, status=status, page=page, limit=limit))

    def iterate(
        self, dataset_id: str, *, keyword: str | None = None, status: DisplayStatus | None = None, limit: int = 100
    ) -> Pages[Document]:
        """Every document of a knowledge base, read page by page as they are needed.

        Args:
            dataset_id: The knowledge base.
            keyword: As for `list`.
            status: As for `list`.
            limit: Documents per page, 1 to 100.

        Returns:
            The documents, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        return Pages(
            self._transport,
            lambda: Numbers(limit),
            lambda cursor: operations.page(dataset_id, keyword=keyword, status=status, page=int(cursor), limit=limit),
        )

    def get(self, dataset_id: str, document_id: str, *, metadata: MetadataMode | None = None) -> DocumentDetail:
        """A document in full. Since Dify 1.4.3.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            metadata: `all` unless given; `only` gives `id`, `doc_type` and `doc_metadata`, `without` all but the last two.

        Returns:
            The document.

        Raises:
            InvalidArgument: Another word for `metadata`.
            NotFound: No such knowledge base or document.
            EndpointNotAvailable: The server is older, or an id is no UUID.
        """
        return self._transport.send(operations.get(dataset_id, document_id, metadata=metadata))

    def delete(self, dataset_id: str, document_id: str) -> None:
        """Delete a document with its chunks.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.

        Raises:
            NotFound: No such knowledge base or document.
            BadRequest: No such knowledge base, in the words of Dify 0.15.
            PermissionDenied: An archived document, or no rights.
        """
        self._transport.send(operations.delete(dataset_id, document_id))

    def set_status(self, dataset_id: str, action: StatusAction, document_ids: Sequence[str]) -> None:
        """Take documents out of the search, or back into it. Since Dify 1.5.

        All or none are changed; ids that do not exist are skipped in silence.

        Args:
            dataset_id: The knowledge base.
            action: `enable`, `disable`, `archive` or `un_archive`.
            document_ids: The documents.

        Raises:
            InvalidArgument: Another action.
            BadRequest: One of the documents is being indexed (`invalid_action`).
            NotFound: No such knowledge base.
            EndpointNotAvailable: The server is older.
        """
        self._transport.send(operations.set_status(dataset_id, action, document_ids))

    def download_url(self, dataset_id: str, document_id: str) -> DocumentFile:
        """Where a document's file can be fetched. Since Dify 1.13.1, and 0.15 to 1.8.

        Args:
            dataset_id: The knowledge base.
            document_id: A document that was made from a file or a text.

        Returns:
            The signed address; 0.15 to 1.8 tell of the file too.

        Raises:
            NotFound: No such knowledge base or document, or one without a file.
            EndpointNotAvailable: Dify 1.9 to 1.13.0, or an id is no UUID.
        """
        return self._transport.send(operations.download_url(dataset_id, document_id))

    def download(
        self,
        dataset_id: str,
        document_id: str,
        *,
        to: Path | BinaryIO | None = None,
        max_bytes: int | None = None,
        origins: Iterable[str] = (),
    ) -> Download:
        """Fetch a document's file, by the rules of `files.download`: no key goes to its address. Versions as `download_url`.

        Args:
            dataset_id: The knowledge base.
            document_id: A document that was made from a file or a text.
            to: A folder, the path of a file that does not exist yet, or an open binary file; without it the bytes are kept in
                memory.
            max_bytes: Largest size; without it 64 MB in memory and no limit with `to`.
            origins: Other servers that may be asked, such as `["https://files.example.com"]` for a Dify that keeps its files
                elsewhere (`FILES_URL`).

        Returns:
            The bytes or the path, with size, MIME type and a safe file name.

        Raises:
            NotFound: As for `download_url`.
            EndpointNotAvailable: As for `download_url`.
            InvalidArgument: The address is of a server that `origins` does not name; or the target exists or cannot be written.
            BodyTooLarge: Larger than `max_bytes`.
            ConnectionDropped: The connection broke before the end; nothing is left of a new file.
            OSError: The file cannot be written.
        """
        file = self.download_url(dataset_id, document_id)
        if not file.attachment_url:
            raise UnexpectedContent("the server gave no address for this document's file")
        operation = files.signed(file.attachment_url, base_url=self._transport.settings.base_url, origins=origins)
        return download(self._transport, operation, to=to, max_bytes=max_bytes, filename=file.name or document_id)

    def download_zip(
        self,
        dataset_id: str,
        document_ids: Sequence[str],
        *,
        to: Path | BinaryIO | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Fetch the files of several documents as one ZIP archive, which is handed over unopened. Since Dify 1.13.1.

        Args:
            dataset_id: The knowledge base.
            document_ids: 1 to 100 documents that were made from files or texts.
            to: As for `download`.
            max_bytes: As for `download`.

        Returns:
            The archive's bytes or path. Names inside it are the documents' and not checked: take care when unpacking.

        Raises:
            InvalidArgument: No or too many ids, or a target that exists or cannot be written.
            NotFound: No such knowledge base, or a document that does not exist or has no file.
            BadRequest: An id that is no UUID.
            EndpointNotAvailable: The server is older.
            BodyTooLarge: Larger than `max_bytes`.
            ConnectionDropped: The connection broke before the end; nothing is left of a new file.
            OSError: The file cannot be written.
        """
        operation = operations.download_zip(dataset_id, document_ids)
        return download(self._transport, operation, to=to, max_bytes=max_bytes, filename="documents.zip")

    def indexing_status(self, dataset_id: str, batch: str) -> BatchStatus:
        """How far the server is with the documents of a batch.

        Args:
            dataset_id: The knowledge base.
            batch: From the answer to a creation or an update.

        Returns:
            One entry per document.

        Raises:
            NotFound: No such knowledge base or batch, or its documents were deleted.
        """
        return self._transport.send(indexing.indexing_status(dataset_id, batch))

    def wait_until_indexed(
        self,
        dataset_id: str,
        batch: str,
        *,
        timeout_s: float | None = 600.0,
        poll_s: float = 1.0,
        on_progress: Callable[[BatchStatus], object] | None = None,
    ) -> BatchStatus:
        """Wait until every document of a batch can be searched.

        Args:
            dataset_id: The knowledge base.
            batch: From the answer to a creation or an update.
            timeout_s: Seconds to wait at most, not counting the last answer; `None` waits without end, which on Dify 1.12
                can be for ever after an update.
            poll_s: Seconds between the first two looks; each further wait is half as long again, up to 10 s.
            on_progress: Called with what every look showed, the last one included.

        Returns:
            The last look: every document is `completed`.

        Raises:
            IndexingFailed: A document failed; raised once the others are done too, with all `statuses`.
            IndexingPaused: None failed, but one was paused by a person or a plan limit.
            IndexingTimeout: Some are not done yet; the server goes on with them.
            InvalidArgument: A time that is not positive.
            NotFound: As for `indexing_status`.
        """
        watch = indexing.Watch(poll_s=poll_s, timeout_s=timeout_s, started=time.monotonic())
        while True:
            seen = self.indexing_status(dataset_id, batch)
            if on_progress is not None:
                on_progress(seen)
            wait = watch.next_wait(seen, time.monotonic())
            if wait is None:
                return seen
            sleep(wait)
