"""A conversation that Dify remembers: two turns, their sources, and the same conversation in another object.

Needs DIFY_CHATFLOW_KEY (a chat, agent or chatflow app).
"""

from __future__ import annotations

# --8<-- [start:main]
import asyncio
import os

from llamaindex_dify import DifyChatEngine, DifyChatLLM


async def say(engine: DifyChatEngine, question: str) -> None:
    print(f"> {question}")
    answer = await engine.astream_chat(question)
    async for words in answer.async_response_gen():
        print(words, end="", flush=True)
    print()
    for name in dict.fromkeys(source.metadata["document_name"] for source in answer.source_nodes):
        print(f"  from {name}")


async def converse() -> None:
    llm = DifyChatLLM(api_key=os.environ["DIFY_CHATFLOW_KEY"])  # one for all conversations
    engine = DifyChatEngine.from_defaults(llm)
    await say(engine, "How long can I return an order?")
    await say(engine, "And what does express shipping cost?")  # only this is sent; Dify knows the rest

    # Another day, in another process: the id is all that has to be kept.
    later = DifyChatEngine.from_defaults(llm, conversation_id=engine.conversation_id)
    print(f"{len(await later.aload_history())} messages so far")
    await say(later, "When is the workshop open?")
    await later.adelete()


def main() -> None:
    asyncio.run(converse())


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_CHATFLOW_KEY"):
        main()
