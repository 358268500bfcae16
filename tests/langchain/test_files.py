"""Files inside messages: every shape in use becomes the same upload, addresses stay addresses, nonsense is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.bridge import inline
from dify_integrations.local import Text
from langchain_dify import DifyWorkflow
from langchain_dify._turns import parts_of
from tests.langchain.conftest import Serve, Served, saying

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
IMAGE = base64.b64encode(PNG).decode()
PDF = b"%PDF-1.4 hello"
DOCUMENT = base64.b64encode(PDF).decode()
WAV = base64.b64encode(b"RIFFwave").decode()

INLINE: dict[str, tuple[dict[str, Any], tuple[str, str, bytes]]] = {
    "v1 image": ({"type": "image", "base64": IMAGE, "mime_type": "image/png"}, ("image", "image.png", PNG)),
    "v0 image": (
        {"type": "image", "source_type": "base64", "data": IMAGE, "mime_type": "image/png"},
        ("image", "image.png", PNG),
    ),
    "data url": ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}, ("image", "image.png", PNG)),
    "data url, short": ({"type": "image_url", "image_url": f"data:image/png;base64,{IMAGE}"}, ("image", "image.png", PNG)),
    "openai responses": ({"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}"}, ("image", "image.png", PNG)),
    "anthropic image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": IMAGE}},
        ("image", "image.png", PNG),
    ),
    "google": ({"type": "media", "mime_type": "image/png", "data": PNG}, ("image", "file.png", PNG)),
    "v1 file": ({"type": "file", "base64": DOCUMENT, "mime_type": "application/pdf"}, ("document", "file.pdf", PDF)),
    "v1 file, named": (
        {"type": "file", "base64": DOCUMENT, "mime_type": "application/pdf", "extras": {"filename": "../a b.pdf"}},
        ("document", "a b.pdf", PDF),
    ),
    "openai file": (
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{DOCUMENT}", "filename": "r.pdf"}},
        ("document", "r.pdf", PDF),
    ),
    "anthropic document": (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DOCUMENT}},
        ("document", "file.pdf", PDF),
    ),
    "data url of words": ({"type": "file", "url": "data:text/plain,hi%20there"}, ("document", "file.txt", b"hi there")),
    "v1 audio": ({"type": "audio", "base64": WAV, "mime_type": "audio/wav"}, ("audio", "audio.wav", b"RIFFwave")),
    "openai audio": ({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}, ("audio", "audio.wav", b"RIFFwave")),
}


@pytest.mark.parametrize("name", INLINE)
def test_content_inside_a_message_becomes_a_file(name: str) -> None:
    """Check 12: base64 image, data-URL PDF and audio in the shapes of both generations and three providers."""
    block, expected = INLINE[name]
    (part,) = parts_of([HumanMessage([{"type": "text", "text": "See:"}, block])])
    assert [(file.type, file.filename, file.content) for file in part.files] == [expected]
    assert part.text == "See:"


WORDS: dict[str, dict[str, Any]] = {
    "v1": {"type": "text-plain", "text": "words", "mime_type": "text/plain"},
    "v0": {"type": "file", "source_type": "text", "text": "words"},
    "anthropic": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    "anthropic blocks": {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "words"}]}},
    "openai": {"type": "input_text", "text": "words"},
}


@pytest.mark.parametrize("name", WORDS)
def test_words_in_the_shape_of_files_stay_words(name: str) -> None:
    (part,) = parts_of([HumanMessage([WORDS[name]])])
    assert (part.text, part.files) == ("words", ())


def test_tool_result_inside_a_message() -> None:
    """As Anthropic's integration keeps them."""
    call = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c1"}])
    image = {"type": "image", "base64": IMAGE, "mime_type": "image/png"}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "seen"}, image], "is_error": True}
    _, part = parts_of([call, HumanMessage([result])])
    assert 'name="look"' in part.text and 'status="error"' in part.text and "seen" in part.text
    assert [file.type for file in part.files] == ["image"]


def test_files_of_tools_are_sent_and_those_of_answers_are_not() -> None:
    image = {"type": "image", "base64": IMAGE, "mime_type": "image/png"}
    answer, tool = parts_of([AIMessage(["Look: ", image]), ToolMessage([image], tool_call_id="c1")])
    assert (answer.text, answer.files) == ("Look: ", ()) and len(tool.files) == 1


def test_file_objects_may_stand_in_a_block() -> None:
    given = FileInput.from_bytes(PDF, "a.pdf")
    (part,) = parts_of([HumanMessage([{"type": "file", "file": given}])])
    assert part.files == (given,)


NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "no base64": ({"type": "image", "base64": "%%%", "mime_type": "image/png"}, "not base64"),
    "empty": ({"type": "file", "url": "data:text/plain,"}, "empty"),
    "no type": ({"type": "file", "base64": DOCUMENT}, "mime_type"),
    "no comma": ({"type": "image_url", "image_url": {"url": "data:image/png;base64"}}, "no comma"),
    "nothing": ({"type": "image"}, "must be an http"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_before_anything_is_sent(name: str) -> None:
    block, reason = NONSENSE[name]
    with pytest.raises(InvalidArgument, match=reason):
        parts_of([HumanMessage([block])])


@pytest.mark.parametrize("block", [{"base64": "A" * 200}, {"data": b"A" * 150}], ids=["base64", "bytes"])
def test_too_much_is_refused_before_it_is_decoded(block: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "LIMIT_BYTES", 100)
    with pytest.raises(InvalidArgument, match=r"files\.upload"):
        parts_of([HumanMessage([{"type": "image", "mime_type": "image/png", **block}])])


def message() -> HumanMessage:
    return HumanMessage(
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "base64": IMAGE, "mime_type": "image/png"},
            {"type": "image", "base64": IMAGE, "mime_type": "image/png"},
            {"type": "image_url", "image_url": {"url": "https://pictures.example/cat.png"}},
        ]
    )


def sent(body: Any) -> list[tuple[str, str]]:
    return [(file["type"], file["transfer_method"]) for file in body["files"]]


def test_files_are_uploaded_on_the_way(serve: Serve) -> None:
    """Check 12: equal bytes are uploaded once, as the call's user; an address stays one."""
    served = serve()
    served.chat("chat").invoke([message()], user="bob")
    uploads = [request for request in served.server.requests if request.path.endswith("/files/upload")]
    assert len(uploads) == 1
    (body,) = served.bodies()
    assert (body["query"], body["user"]) == ("What is this?", "bob")
    assert sent(body) == [("image", "local_file"), ("image", "local_file"), ("image", "remote_url")]


@pytest.mark.anyio
async def test_files_are_uploaded_on_the_async_way(serve: Serve) -> None:
    """Check 12."""
    served = serve()
    assert [chunk async for chunk in served.chat("chat").astream([message()])]
    assert sent(served.bodies()[0]) == [("image", "local_file"), ("image", "local_file"), ("image", "remote_url")]


def uploaders(served: Served) -> list[str | None]:
    return [request.user for request in served.server.requests if request.path.endswith("/files/upload")]


@pytest.mark.parametrize("conversation", ["auto", "stateless"])
def test_a_picture_that_every_turn_repeats_is_uploaded_once(serve: Serve, conversation: Any) -> None:
    """Check 12: same bytes and user, over turns and over calls."""
    served = serve()
    model = served.chat("chat", conversation=conversation)
    first = model.invoke([message()])
    model.invoke([message(), first, HumanMessage("And its colour?")])
    model.invoke([message()])
    assert len(served.bodies()) == 3
    assert uploaders(served) == ["ann"]


@pytest.mark.anyio
async def test_pictures_belong_to_users(serve: Serve) -> None:
    """Check 11: the same picture of two users at once is two uploads, each used by its own user only."""
    served = serve()
    model = served.chat("chat")
    configs: Any = [{"configurable": {"dify_user": user}} for user in ("bob", "eve")]
    for _ in range(2):
        await model.abatch([[message()], [message()]], configs)
    assert sorted(user or "" for user in uploaders(served)) == ["bob", "eve"]
    used = {(body["user"], body["files"][0]["upload_file_id"]) for body in served.bodies()}
    assert len(used) == 2


def test_text_models_and_workflows_repeat_no_uploads_either(serve: Serve) -> None:
    """Check 12: the client remembers, whoever speaks through it."""
    served = serve(*(saying(Text("ok"), mode=mode, name=mode) for mode in ("completion", "workflow")))
    given = FileInput.from_bytes(PDF, "a.pdf")
    llm = served.llm("completion", prompt_key="query")
    workflow = served.keep(DifyWorkflow(**served.connection("workflow")))
    for _ in range(2):
        llm.invoke("Sum it up.", files=[given])
        workflow.invoke({"paper": given})
    assert len(uploaders(served)) == 2, "one for each app"


@pytest.mark.parametrize("conversation", ["auto", "stateless"])
def test_a_picture_may_be_all_that_is_said(serve: Serve, conversation: Any) -> None:
    """Check 12: Dify refuses an empty query, also next to files."""
    served = serve([Text("A cat.")])
    model = served.chat(conversation=conversation)
    picture = HumanMessage([{"type": "image", "base64": IMAGE, "mime_type": "image/png"}])
    first = model.invoke([picture])
    assert model.invoke([picture, first, picture]).text == "A cat."
    assert [file["type"] for body in served.bodies() for file in body["files"]][:2] == ["image", "image"]
