"""The app, its users and its annotations."""

from __future__ import annotations

from typing import Any

from tests.wire.calls import differences as differ
from tests.wire.calls.base import Asked, Json, Reason, Route, by_ids, given, without_user

NO_TEXT = Reason("question and answer are arguments that must be given")
NO_MODEL = Reason("the embedding model is an argument that must be given")


def _texts(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(asked.json(), "question", "answer", reason=NO_TEXT)
    return (*asked.ids, body["question"], body["answer"]), {}


def _annotations(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    query = without_user(asked.query)
    return (), query | {name: int(query[name]) for name in ("page", "limit") if name in query}


def _configure(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    names = ("embedding_provider_name", "embedding_model_name", "score_threshold")
    return asked.ids, given(asked.json(), *names, reason=NO_MODEL)


_BARE = (differ.no_user, differ.no_body)

ROUTES = [
    Route("getChatAppInfo", by_ids, (differ.no_user,)),
    Route("getChatAppParameters", by_ids, (differ.no_user,)),
    Route("getChatAppMeta", by_ids, (differ.no_user,)),
    Route("getChatWebAppSettings", by_ids, (differ.no_user,)),
    Route("getEndUserChat", by_ids, (differ.no_user,)),
    Route("createAnnotation", _texts),
    Route("getAnnotationList", _annotations, differ.LISTED),
    Route("updateAnnotation", _texts),
    Route("deleteAnnotation", by_ids, _BARE),
    Route("initialAnnotationReplySettings", _configure),
    Route("getInitialAnnotationReplySettingsStatus", by_ids, (differ.no_user,)),
]
