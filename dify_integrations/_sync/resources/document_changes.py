# Generated from dify_integrations/_async/resources/document_changes.py by .ci/twin.py; edit that file and run `make twin`.
"""Documents that are sent in: created, or given another content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...files import FileInput
from ...models.datasets import DocForm, IndexingTechnique
from ...models.documents import SubmittedDocument
from ...models.indexing import ProcessRule
from ...models.retrieval import RetrievalModel
from ...operations import documents as operations

if TYPE_CHECKING:
    from ..transport import Transport


class DocumentChanges:
    """The part of `datasets.documents` that sends texts and files."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_by_text(
        self,
        dataset_id: str,
        *,
        name: str,
        text: str,
        process_rule: ProcessRule | None = None,
        indexing_technique: IndexingTechnique | None = None,
        doc_form: DocForm | None = None,
        doc_language: str | None = None,
        retrieval_model: RetrievalModel | None = None,
        embedding_model: str | None = None,
        embedding_model_provider: str | None = None,
        original_document_id: str | None = None,
    ) -> SubmittedDocument:
        """Add a text to a knowledge base. It is sent once, and indexed after this returns: see `wait_until_indexed`.

        Args:
            dataset_id: The knowledge base.
            name: Of the document. On Dify ≥ 1.12 the name of a document that is there replaces it, under the same id.
            text: All of it.
            process_rule: How it is cut; the knowledge base's latest rule unless given. Give one for the first document
                (`ProcessRule.automatic()`), and always on Dify 0.15, which fails with 500 without.
            indexing_technique: `high_quality` or `economy`; needed until the knowledge base has one, without effect then.
            doc_form: `text_model` unless given, `hierarchical_model` or `qa_model`; the same for all documents of one
                knowledge base.
            doc_language: Language of the questions of `qa_model`, such as `English`.
            retrieval_model: Search settings, saved with the knowledge base's first document.
            embedding_model: For the first document of a knowledge base without one; together with its provider.
            embedding_model_provider: As `organization/plugin/provider`.
            original_document_id: A document that this one replaces, as `update_by_text` does.

        Returns:
            The document as it is before indexing, and its batch.

        Raises:
            BadRequest: Among others another `doc_form` than the knowledge base has, or no `indexing_technique`.
            ProviderError: The embedding model is not set up.
            NotFound: No such knowledge base.
            PermissionDenied: The plan allows no more, or the key's owner no change.
        """
        operation = operations.create_by_text(
            dataset_id,
            name=name,
            text=text,
            process_rule=process_rule,
            indexing_technique=indexing_technique,
            doc_form=doc_form,
            doc_language=doc_language,
            retrieval_model=retrieval_model,
            embedding_model=embedding_model,
            embedding_model_provider=embedding_model_provider,
            original_document_id=original_document_id,
        )
        return self._transport.send(operation)

    def create_by_file(
        self,
        dataset_id: str,
        file: FileInput,
        *,
        process_rule: ProcessRule | None = None,
        indexing_technique: IndexingTechnique | None = None,
        doc_form: DocForm | None = None,
        doc_language: str | None = None,
        retrieval_model: RetrievalModel | None = None,
        embedding_model: str | None = None,
        embedding_model_provider: str | None = None,
        original_document_id: str | None = None,
    ) -> SubmittedDocument:
        """Add a file to a knowledge base. It is sent once, and indexed after this returns: see `wait_until_indexed`.

        Args:
            dataset_id: The knowledge base.
            file: Local: from `FileInput.from_path`, `from_bytes` or `from_file`. Its name is the document's.
            process_rule: As for `create_by_text`, as are the arguments below.
            indexing_technique: `high_quality` or `economy`.
            doc_form: `text_model`, `hierarchical_model` or `qa_model`.
            doc_language: Language of the questions of `qa_model`.
            retrieval_model: Search settings.
            embedding_model: For the first document.
            embedding_model_provider: As `organization/plugin/provider`.
            original_document_id: A document that this one replaces.

        Returns:
            The document as it is before indexing, and its batch.

        Raises:
            InvalidArgument: Not a local file, or one that cannot be read.
            BadRequest: As for `create_by_text`; with an empty message: a kind of file that Dify cannot index.
            PayloadTooLarge: Above the server's limit, 15 MB unless changed there.
            NotFound: No such knowledge base.
            PermissionDenied: The plan allows no more, or the key's owner no change.
        """
        operation = operations.create_by_file(
            dataset_id,
            file,
            process_rule=process_rule,
            indexing_technique=indexing_technique,
            doc_form=doc_form,
            doc_language=doc_language,
            retrieval_model=retrieval_model,
            embedding_model=embedding_model,
            embedding_model_provider=embedding_model_provider,
            original_document_id=original_document_id,
        )
        return self._transport.send(operation)

    def update_by_text(
        self,
        dataset_id: str,
        document_id: str,
        *,
        name: str | None = None,
        text: str | None = None,
        process_rule: ProcessRule | None = None,
        doc_form: DocForm | None = None,
        doc_language: str | None = None,
        retrieval_model: RetrievalModel | None = None,
    ) -> SubmittedDocument:
        """Give a document another text, or other rules, and index it again. Id and batch stay.

        Only a document that is `available` can be changed: indexed, enabled, not archived. Dify 1.12 may then never finish
        (seen on 1.12.1: it stays at `indexing` and cannot be changed any more).

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            name: Its name, needed with `text`. A name alone is refused; give the text or a rule too.
            text: The new text.
            process_rule: How it is cut; as before unless given.
            doc_form: As for `create_by_text`.
            doc_language: As for `create_by_text`.
            retrieval_model: As for `create_by_text`.

        Returns:
            The document as it is before indexing, and its batch.

        Raises:
            InvalidArgument: A text without a name.
            BadRequest: Among others for a document that is not available, or a name alone.
            NotFound: No such knowledge base or document.
            PermissionDenied: The key's owner may not change it.
        """
        operation = operations.update_by_text(
            dataset_id,
            document_id,
            name=name,
            text=text,
            process_rule=process_rule,
            doc_form=doc_form,
            doc_language=doc_language,
            retrieval_model=retrieval_model,
        )
        return self._transport.send(operation)

    def update_by_file(
        self,
        dataset_id: str,
        document_id: str,
        *,
        file: FileInput | None = None,
        name: str | None = None,
        process_rule: ProcessRule | None = None,
        doc_form: DocForm | None = None,
        doc_language: str | None = None,
        retrieval_model: RetrievalModel | None = None,
        embedding_model: str | None = None,
        embedding_model_provider: str | None = None,
    ) -> SubmittedDocument:
        """Give a document another file, or other rules, and index it again. Id and batch stay.

        As for `update_by_text`, the document must be available. Servers before 1.14 are asked under the address they know;
        a file that cannot be read twice (a pipe) is not sent again for that, so that they answer `EndpointNotAvailable`.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            file: The new file, as for `create_by_file`; without it the rules alone change.
            name: Another name than the file's.
            process_rule: How it is cut; needed without a file.
            doc_form: As for `create_by_text`.
            doc_language: As for `create_by_text`.
            retrieval_model: As for `create_by_text`.
            embedding_model: As for `create_by_text`.
            embedding_model_provider: As for `create_by_text`.

        Returns:
            The document as it is before indexing, and its batch.

        Raises:
            InvalidArgument: Nothing to change, or a file that is not local or cannot be read.
            BadRequest: Among others for a document that is not available, or neither a file nor a rule.
            UnsupportedFileType: A kind of file that Dify cannot index.
            PayloadTooLarge: Above the server's limit.
            NotFound: No such knowledge base or document.
            PermissionDenied: The key's owner may not change it.
        """
        operation = operations.update_by_file(
            dataset_id,
            document_id,
            file=file,
            name=name,
            process_rule=process_rule,
            doc_form=doc_form,
            doc_language=doc_language,
            retrieval_model=retrieval_model,
            embedding_model=embedding_model,
            embedding_model_provider=embedding_model_provider,
        )
        return self._transport.send(operation)
