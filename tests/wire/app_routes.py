"""From a recorded request about conversations, feedback, annotations, the app or its log to the call that sends the same.

In the shape of `calls.py`: `ROUTES` are rows of its table, `as_sent` what the client adds or leaves out on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.wire.calls import BAD_LIMIT, NO_USER, Call, Unreachable, _Asked

Json = dict[str, Any]
Build = Callable[[re.Match[str], _Asked], Call]

BAD_CHOICE = "the client refuses words the server refuses"
NO_NAME = "the client refuses a renaming without a name"
NO_RATING = "the client always names the rating"
NO_VALUE = "the client always names the value"
NO_TEXT = "question and answer are arguments that must be given"
NO_MODEL = "the embedding model is an argument that must be given"
BAD_PAGE = "the client refuses pages the server refuses"

_SORTED = ("created_at", "-created_at", "updated_at", "-updated_at")
_WITHOUT_USER = ("/meta", "/site", "/app/feedbacks", "/apps/", "/end-users/", "/workflows/logs")


def as_sent(method: str, path: str, query: Json, body: Json | None) -> tuple[Json, Json | None]:
    """A recorded query and body without the differences the client makes on purpose.

    Page and page size are always named, with the server's defaults; `user` goes only where it means something.
    """
    query = dict(query)
    if path.startswith(_WITHOUT_USER):
        query.pop("user", None)
        body = {name: value for name, value in body.items() if name != "user"} if body and method != "DELETE" else None
    if method != "GET":
        return query, body
    if path in ("/app/feedbacks", "/apps/annotations", "/workflows/logs"):
        query = {"page": "1", "limit": "20", **query}
    elif path == "/conversations" or path.endswith("/variables"):
        query = {"limit": "20", **query}
    return query, body


def _limited(asked: _Asked) -> Json:
    query: Json = dict(asked.query)
    for name in ("limit", "page"):
        if name in query:
            query[name] = int(query[name])
    if not 1 <= query.get("limit", 20) <= 100:
        raise Unreachable(BAD_LIMIT)
    if query.get("page", 1) < 1:
        raise Unreachable(BAD_PAGE)
    return query


def _of_a_user(values: Json) -> Json:
    if not values.get("user"):
        raise Unreachable(NO_USER)
    return values


def _conversations(_: re.Match[str], asked: _Asked) -> Call:
    query = _of_a_user(_limited(asked))
    if query.get("sort_by", "created_at") not in _SORTED:
        raise Unreachable(BAD_CHOICE)
    return Call("conversations.list", (), query)


def _rename(match: re.Match[str], asked: _Asked) -> Call:
    body = _of_a_user(asked.json())
    if not body.get("auto_generate") and not body.get("name"):
        raise Unreachable(NO_NAME)
    return Call("conversations.rename", (match[1],), body)


def _delete(match: re.Match[str], asked: _Asked) -> Call:
    return Call("conversations.delete", (match[1],), _of_a_user(asked.json()))


def _variables(match: re.Match[str], asked: _Asked) -> Call:
    return Call("conversations.variables", (match[1],), _of_a_user(_limited(asked)))


def _update_variable(match: re.Match[str], asked: _Asked) -> Call:
    body = _of_a_user(asked.json())
    if "value" not in body:
        raise Unreachable(NO_VALUE)
    return Call("conversations.update_variable", (match[1], match[2], body.pop("value")), body)


def _suggested(match: re.Match[str], asked: _Asked) -> Call:
    return Call("chat.suggested", (match[1],), _of_a_user(dict(asked.query)))


def _feedback(match: re.Match[str], asked: _Asked) -> Call:
    body = _of_a_user(asked.json())
    if "rating" not in body:
        raise Unreachable(NO_RATING)
    if body["rating"] not in ("like", "dislike", None):
        raise Unreachable(BAD_CHOICE)
    return Call("feedback.send", (match[1], body.pop("rating")), body)


def _texts(method: str, asked: _Asked, *ids: str) -> Call:
    body = asked.json()
    if not {"question", "answer"} <= body.keys():
        raise Unreachable(NO_TEXT)
    return Call(method, (*ids, body["question"], body["answer"]))


def _configure(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if match[1] not in ("enable", "disable"):
        raise Unreachable(BAD_CHOICE)
    if not {"embedding_provider_name", "embedding_model_name", "score_threshold"} <= body.keys():
        raise Unreachable(NO_MODEL)
    return Call("annotations.configure_reply", (match[1],), body)


def _list(method: str) -> Build:
    def build(_: re.Match[str], asked: _Asked) -> Call:
        query = _limited(asked)
        query.pop("user", None)
        return Call(method, (), {name.replace("__", "_"): value for name, value in query.items()})

    return build


ROUTES: list[tuple[str, str, Build]] = [
    ("GET", r"/conversations", _conversations),
    ("DELETE", r"/conversations/([^/]+)", _delete),
    ("POST", r"/conversations/([^/]+)/name", _rename),
    ("GET", r"/conversations/([^/]+)/variables", _variables),
    ("PUT", r"/conversations/([^/]+)/variables/([^/]+)", _update_variable),
    ("GET", r"/messages/([^/]+)/suggested", _suggested),
    ("POST", r"/messages/([^/]+)/feedbacks", _feedback),
    ("GET", r"/app/feedbacks", _list("feedback.list")),
    ("POST", r"/apps/annotations", lambda _, asked: _texts("annotations.create", asked)),
    ("GET", r"/apps/annotations", _list("annotations.list")),
    ("PUT", r"/apps/annotations/([^/]+)", lambda match, asked: _texts("annotations.update", asked, match[1])),
    ("DELETE", r"/apps/annotations/([^/]+)", lambda match, _: Call("annotations.delete", (match[1],))),
    ("POST", r"/apps/annotation-reply/([^/]+)", _configure),
    (
        "GET",
        r"/apps/annotation-reply/([^/]+)/status/([^/]+)",
        lambda match, _: Call("annotations.reply_status", (match[1], match[2])),
    ),
    ("GET", r"/end-users/([^/]+)", lambda match, _: Call("end_users.get", (match[1],))),
    ("GET", r"/meta", lambda *_: Call("app.meta")),
    ("GET", r"/site", lambda *_: Call("app.site")),
    ("GET", r"/workflows/logs", _list("workflows.logs")),
]
