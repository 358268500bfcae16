"""Files and speech."""

from __future__ import annotations

from typing import Any

from dify_integrations.files import FileInput
from tests.wire.calls import differences as differ
from tests.wire.calls.base import NO_USER, Asked, Json, Reason, Route, Unreachable, of_a_user

NO_SPEECH = Reason("either a text or a message is spoken")


def _upload(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    if differ.is_dropped(asked.body):
        return (FileInput.from_bytes(differ.STAND_IN, "big.bin"),), {"user": "ann"}
    return (asked.file(),), {"user": _user(asked)}


def _user(asked: Asked) -> str:
    user = asked.text("user")
    if not user:
        raise Unreachable(NO_USER)
    return user


def _preview(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    kwargs: Json = {"as_attachment": True} if asked.query.get("as_attachment") == "true" else {}
    return asked.ids, kwargs | ({"user": asked.query["user"]} if "user" in asked.query else {})


def _listen(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    file = asked.file()
    return (file,), {"user": _user(asked), "mime_type": file.mime_type}


def _speak(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = of_a_user(asked.json())
    if not {"text", "message_id"} & body.keys():
        raise Unreachable(NO_SPEECH)
    return (), body


ROUTES = [
    Route("uploadChatFile", _upload, (differ.big_body,)),
    Route("previewChatFile", _preview),
    Route("audioToText", _listen),
    Route("textToAudioChat", _speak),
]
