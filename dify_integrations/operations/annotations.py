"""Annotations: questions an app answers without a model."""

from __future__ import annotations

from typing import get_args

from ..core.operation import Operation, nothing, reading
from ..models.annotations import Annotation, AnnotationPage, AnnotationReplyJob, ReplyAction
from .catalogue import operation
from .choices import chosen
from .paging import page_number, page_size


def create(question: str, answer: str) -> Operation[Annotation]:
    return operation("createAnnotation", reading(Annotation.model_validate), json={"question": question, "answer": answer})


def page(*, keyword: str | None = None, page: int = 1, limit: int = 20) -> Operation[AnnotationPage]:
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    if keyword is not None:
        query.append(("keyword", keyword))
    return operation("getAnnotationList", reading(AnnotationPage.model_validate), query=query)


def update(annotation_id: str, question: str, answer: str) -> Operation[Annotation]:
    return operation(
        "updateAnnotation",
        reading(Annotation.model_validate),
        path={"annotation_id": annotation_id},
        json={"question": question, "answer": answer},
    )


def delete(annotation_id: str) -> Operation[None]:
    return operation("deleteAnnotation", nothing, path={"annotation_id": annotation_id})


def configure_reply(
    action: ReplyAction, *, embedding_provider_name: str, embedding_model_name: str, score_threshold: float
) -> Operation[AnnotationReplyJob]:
    return operation(
        "initialAnnotationReplySettings",
        reading(AnnotationReplyJob.model_validate),
        path={"action": _action(action)},
        json={
            "embedding_provider_name": embedding_provider_name,
            "embedding_model_name": embedding_model_name,
            "score_threshold": score_threshold,
        },
    )


def reply_status(action: ReplyAction, job_id: str) -> Operation[AnnotationReplyJob]:
    return operation(
        "getInitialAnnotationReplySettingsStatus",
        reading(AnnotationReplyJob.model_validate),
        path={"action": _action(action), "job_id": job_id},
    )


def _action(action: str) -> str:
    return chosen("action", action, get_args(ReplyAction))  # another word is a 500
