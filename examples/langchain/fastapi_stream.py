"""A web service that passes a Dify app's words on to browsers as they come, and stops the app when a browser leaves.

Needs DIFY_API_KEY, and `pip install "dify-integrations[langchain]" fastapi uvicorn`. Then:
`curl -N "http://127.0.0.1:8000/ask?question=Hello&user=ann"`.
"""

from __future__ import annotations

# --8<-- [start:main]
import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_core.exceptions import ModelError

from langchain_dify import ChatDify

app = FastAPI()
model = ChatDify()  # one for all requests: connections are kept, conversations and users stay apart


@app.get("/ask")
async def ask(question: str, user: str, conversation: str = "") -> StreamingResponse:
    return StreamingResponse(events(question, user, conversation), media_type="text/event-stream")


async def events(question: str, user: str, conversation: str) -> AsyncIterator[str]:
    # When the browser leaves, the server cancels this function; closing the stream asks Dify to stop.
    async with aclosing(model.astream(question, user=user, conversation_id=conversation)) as chunks:
        try:
            async for chunk in chunks:
                if known := chunk.response_metadata.get("dify", {}).get("conversation_id"):
                    yield event("conversation", {"id": known})  # for the next question
                if chunk.text:
                    yield event("token", {"text": str(chunk.text)})
            yield event("end", {})
        except ModelError as error:
            yield event("error", {"message": str(error), "retry": error.is_retryable})


def event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def main() -> None:
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment(DIFY_API_KEY="helpdesk"):
        main()
