"""A conversation's history in typed parts, page by page backward; and what might be asked next."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, InvalidArgument, NotFound
from dify_integrations.models.messages import Message, MessagePage
from tests.client.serving import Asked, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

PAGES = recorded("1.14.2/messages_pagination", r"GET /messages\?.*limit=2(&first_id=.*)?")


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def history(cassette: str) -> list[Message]:
    """The last recorded history of a cassette, oldest turn first."""
    return MessagePage.model_validate(value_of(recorded(cassette, r"GET /messages\?.*")[-1])).data


def test_every_turn_backward(side: Side) -> None:
    """Newest first, each page asked for with the oldest turn of the one before."""
    pages = [value_of(page)["data"] for page in PAGES]

    async def body(dify: AsyncDify) -> list[str]:
        return [turn.id async for turn in dify.messages.iterate("c-1", limit=2)]

    with FaultServer(*map(script, PAGES)) as server:
        assert side.run(body, server.url) == [turn["id"] for page in pages for turn in page[::-1]]
    first = {"conversation_id": "c-1", "user": "ann", "limit": "2"}
    assert [request.query for request in asked(server)] == [
        first,
        {**first, "first_id": pages[0][0]["id"]},
        {**first, "first_id": pages[1][0]["id"]},
    ]


def test_files_of_a_turn() -> None:
    [file] = history("1.14.2/chat_image_local_upload")[0].message_files
    assert (file.type, file.transfer_method, file.belongs_to) == ("image", "local_file", "user")
    assert file.upload_file_id
    [remote] = history("1.14.2/chat_image_remote_url")[0].message_files
    assert (remote.transfer_method, remote.upload_file_id) == ("remote_url", None)
    assert remote.url


def test_steps_of_an_agent() -> None:
    """With the ids of the files they made; 0.15 sends objects without values instead."""
    tool, last = history("1.14.2/agent_image_file")[0].agent_thoughts
    assert (tool.position, tool.tool, last.tool) == (1, "draw_cat", "")
    assert tool.tool_input is not None
    assert tool.observation
    assert [len(tool.files), last.files, tool.message_files] == [1, [], []]
    old, _ = history("0.15.3/agent-streaming-message-file")[0].agent_thoughts
    assert old.files == []
    assert [(file.id, file.belongs_to) for file in old.message_files] == [(None, "user")] * len(old.message_files)
    assert old.tool_labels
    assert old.tool_labels["qrcode_generator"]["en_US"]


@pytest.mark.parametrize("cassette", ["0.15.3/chat-rag-retriever-resources", "1.14.2/chatflow_multi_turn"])
def test_what_an_answer_rests_on(cassette: str) -> None:
    resource = history(cassette)[0].retriever_resources[0]
    assert resource.position == 1
    assert resource.dataset_name
    assert resource.document_name
    assert resource.segment_id
    assert isinstance(resource.score, float)
    assert resource.content


def test_a_form_that_waits_and_one_that_was_answered() -> None:
    """The release drops the form once it is answered, later servers keep it."""
    waiting, *_ = recorded("1.14.2/human_input_chatflow_approve", r"GET /messages\?.*")
    [content] = MessagePage.model_validate(value_of(waiting)).data[0].extra_contents
    assert (content.submitted, content.form_submission_data) == (False, None)
    form = content.form_definition
    assert form is not None
    assert form.form_token
    assert [action.id for action in form.actions] == ["approve", "reject"]
    assert form.inputs[0].output_variable_name
    assert form.expiration_time
    [answered] = history("1.14.2/human_input_chatflow_approve")[0].extra_contents
    assert (answered.submitted, answered.form_definition) == (True, None)
    assert answered.form_submission_data is not None
    assert answered.form_submission_data.action_id == "approve"
    [kept] = history("main-2026-06-12/human_input_chatflow_blocking")[0].extra_contents
    assert kept.form_definition is not None
    assert kept.form_submission_data is not None
    assert kept.form_submission_data.submitted_data is not None


def test_a_like_in_the_history() -> None:
    feedback = history("1.14.2/feedbacks")[0].feedback
    assert feedback is not None
    assert feedback.rating == "like"


def test_fields_of_servers_to_come() -> None:
    """Counts and prices are not sent by any recorded server; what nobody knows is kept."""
    newest = {
        "id": "m",
        "conversation_id": "c",
        "message_tokens": 1,
        "answer_tokens": 2,
        "total_tokens": 3,
        "provider_response_latency": 0.25,
        "total_price": "0.0000130",
        "currency": "USD",
        "mood": "good",
    }
    turn = Message.model_validate(newest)
    assert (turn.total_tokens, turn.provider_response_latency, turn.total_price, turn.currency) == (3, 0.25, "0.0000130", "USD")
    assert turn.model_dump(exclude_unset=True) == newest
    assert Message.model_validate({"id": "m", "conversation_id": "c", "total_price": 0.5}).total_price == "0.5"


def test_null_lists() -> None:
    names = ("message_files", "retriever_resources", "agent_thoughts", "extra_contents")
    turn = Message.model_validate({"id": "m", "conversation_id": "c", **dict.fromkeys(names)})
    assert [getattr(turn, name) for name in names] == [[], [], [], []]


def test_what_might_be_asked_next(side: Side) -> None:
    answer = recorded("1.14.2/chat_suggested_questions", r"GET /messages/.*/suggested\?.*")[0]
    with FaultServer(script(answer)) as server:
        suggested = side.run(lambda dify: dify.chat.suggested("m-1", user="bob"), server.url)
    assert asked(server) == [Asked("GET", "/messages/m-1/suggested", {"user": "bob"}, None)]
    assert suggested.data == ["What is a follow-up?", "Can you give an example?", "还有什么可以问的？"]
    assert suggested.result == "success"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400, "bad_request", "Suggested Questions Is Disabled."), BadRequest),
        (refusal(400, "not_chat_app", "wrong mode"), BadRequest),
        (refusal(404, "not_found", "Message Not Exists."), NotFound),
    ],
    ids=["off", "mode", "unknown"],
)
def test_no_suggestions(side: Side, answer: Any, error: type[Exception]) -> None:
    with FaultServer(answer) as server:
        assert type(side.error(lambda dify: dify.chat.suggested("m-1"), server.url)) is error


def test_suggestions_need_a_message(side: Side) -> None:
    assert isinstance(side.error(lambda dify: dify.chat.suggested(""), "http://127.0.0.1:1/v1"), InvalidArgument)
