# Generated from dify_integrations/_async/resources/annotations.py by .ci/twin.py; edit that file and run `make twin`.
"""Annotations: questions an app answers without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.annotations import Annotation, AnnotationPage, AnnotationReplyJob, ReplyAction
from ...operations import annotations as operations
from ...operations.paging import Numbers
from ..paging import Pages

if TYPE_CHECKING:
    from ..transport import Transport


class Annotations:
    """Annotations of an app of mode `chat`, `agent-chat` or `advanced-chat` (chatflow); Dify ≥ 1.2.

    Older servers answer every call here with `EndpointNotAvailable`.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, question: str, answer: str) -> Annotation:
        """Add an annotation. It is used once replies are enabled, see `configure_reply`.

        Args:
            question: What users' words are compared with.
            answer: What the app then says.

        Returns:
            The annotation.
        """
        return self._transport.send(operations.create(question, answer))

    def list(self, *, keyword: str | None = None, page: int = 1, limit: int = 20) -> AnnotationPage:
        """One page of the app's annotations.

        Args:
            keyword: Only those with this text in question or answer.
            page: From 1.
            limit: 1 to 100.

        Returns:
            The page; its `has_more` is `True` for a last page that is exactly full, `total` is right.

        Raises:
            InvalidArgument: Another page or limit.
        """
        return self._transport.send(operations.page(keyword=keyword, page=page, limit=limit))

    def iterate(self, *, keyword: str | None = None, limit: int = 100) -> Pages[Annotation]:
        """Every annotation, read page by page as they are needed.

        Args:
            keyword: As for `list`.
            limit: Annotations per page, 1 to 100.

        Returns:
            The annotations, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: Another limit.
        """
        return Pages(
            self._transport,
            lambda: Numbers(limit),
            lambda cursor: operations.page(keyword=keyword, page=int(cursor), limit=limit),
        )

    def update(self, annotation_id: str, question: str, answer: str) -> Annotation:
        """Change an annotation.

        Args:
            annotation_id: The annotation.
            question: Its question from now on; the server takes no change of the answer alone.
            answer: Its answer from now on.

        Returns:
            The annotation as it is now.

        Raises:
            NotFound: Unknown annotation.
        """
        return self._transport.send(operations.update(annotation_id, question, answer))

    def delete(self, annotation_id: str) -> None:
        """Delete an annotation and the record of its use.

        Args:
            annotation_id: The annotation.

        Raises:
            NotFound: Unknown annotation, or deleted before.
        """
        self._transport.send(operations.delete(annotation_id))

    def configure_reply(
        self, action: ReplyAction, *, embedding_provider_name: str, embedding_model_name: str, score_threshold: float
    ) -> AnnotationReplyJob:
        """Switch answers from annotations on or off. The server does it in the background.

        Args:
            action: `enable` or `disable`.
            embedding_provider_name: Provider of the model that compares questions; the server wants it for `disable` too.
            embedding_model_name: That model; see `models.list("text-embedding")`.
            score_threshold: How alike a question must be to count, 0 to 1; Dify's console offers 0.8 to 1.

        Returns:
            The job, to be followed with `reply_status`; it usually takes a second.

        Raises:
            InvalidArgument: Another action.
        """
        operation = operations.configure_reply(
            action,
            embedding_provider_name=embedding_provider_name,
            embedding_model_name=embedding_model_name,
            score_threshold=score_threshold,
        )
        return self._transport.send(operation)

    def reply_status(self, action: ReplyAction, job_id: str) -> AnnotationReplyJob:
        """How far the work of `configure_reply` is.

        Args:
            action: The same as there.
            job_id: The job's id.

        Returns:
            The job.

        Raises:
            BadRequest: Unknown job.
            InvalidArgument: Another action.
        """
        return self._transport.send(operations.reply_status(action, job_id))
