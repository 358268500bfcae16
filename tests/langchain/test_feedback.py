"""What users think of an answer, said through the client by the ids that the message carries."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessageChunk

from dify_integrations import AsyncDify, Dify
from langchain_dify import ChatDify, DifyLLM
from tests.langchain.conftest import Serve


def test_feedback_to_an_answer_by_the_id_in_its_metadata(serve: Serve) -> None:
    """The recipe of the guide: invoked, streamed and of a text model, each by its own id."""
    served = serve()
    with Dify(**served.connection("chat")) as dify:
        model = ChatDify(client=dify)
        invoked = model.invoke("Hi").response_metadata["dify"]["message_id"]
        streamed = AIMessageChunk(content="")
        for chunk in model.stream("Hi"):
            streamed += chunk
        dify.feedback.send(invoked, "like", content="Right.")
        dify.feedback.send(streamed.response_metadata["dify"]["message_id"], "dislike")
        said = {(entry.message_id, entry.rating, entry.content) for entry in dify.feedback.list().data}
        assert said == {(invoked, "like", "Right."), (streamed.response_metadata["dify"]["message_id"], "dislike", None)}
        assert dify.chat.suggested(invoked).data
    with Dify(**served.connection("completion")) as dify:
        (generation,) = DifyLLM(client=dify).generate(["Hi"]).generations[0]
        dify.feedback.send((generation.generation_info or {})["dify"]["message_id"], "like")
        assert [entry.rating for entry in dify.feedback.list().data] == ["like"]


@pytest.mark.anyio
async def test_feedback_of_another_user_without_blocking(serve: Serve) -> None:
    async with AsyncDify(**serve().connection("chat")) as dify:
        answer = await ChatDify(async_client=dify).ainvoke("Hi", user="bob")
        await dify.feedback.send(answer.response_metadata["dify"]["message_id"], "like", user="bob")
        (entry,) = (await dify.feedback.list()).data
    assert (entry.message_id, entry.rating) == (answer.response_metadata["dify"]["message_id"], "like")
