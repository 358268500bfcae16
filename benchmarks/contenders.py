"""What is measured: the same work done with plain httpx and with this package.

Each contender reads one stream to its end and calls `seen` with the text of every token.
"""

from __future__ import annotations

import json

KEY = "app-benchmark"
USER = "bench"


def body(inputs):
    return {"inputs": inputs, "query": "hello", "response_mode": "streaming", "user": USER}


class PlainHttpx:
    """What people write by hand: lines, json.loads, dictionaries; no clocks, no end check, no types."""

    def __init__(self, base):
        import httpx

        # Unlimited idle connections would be httpx's own worst case, so the fair limits are given.
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=20)
        self.options = {"base_url": base, "headers": {"Authorization": f"Bearer {KEY}"}, "timeout": 120, "limits": limits}
        self.httpx = httpx

    def open(self):
        self.client = self.httpx.Client(**self.options)

    def close(self):
        self.client.close()

    async def aopen(self):
        self.client = self.httpx.AsyncClient(**self.options)

    async def aclose(self):
        await self.client.aclose()

    def stream(self, inputs, seen):
        with self.client.stream("POST", "/v1/chat-messages", json=body(inputs)) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                if line.startswith("data:"):
                    event = json.loads(line[5:])
                    if event["event"] == "message":
                        seen(event["answer"])

    async def astream(self, inputs, seen):
        async with self.client.stream("POST", "/v1/chat-messages", json=body(inputs)) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    event = json.loads(line[5:])
                    if event["event"] == "message":
                        seen(event["answer"])


class Core:
    """dify_integrations: typed items, clocks, completeness check."""

    def __init__(self, base):
        import dify_integrations
        from dify_integrations.runs.items import TextDelta

        self.dify, self.TextDelta = dify_integrations, TextDelta
        self.options = {"api_key": KEY, "base_url": f"{base}/v1", "user": USER}

    def open(self):
        self.client = self.dify.Dify(**self.options)

    def close(self):
        self.client.close()

    async def aopen(self):
        self.client = self.dify.AsyncDify(**self.options)

    async def aclose(self):
        await self.client.aclose()

    def stream(self, inputs, seen):
        wanted = self.TextDelta
        with self.client.chat.stream("hello", inputs=inputs) as run:
            for item in run.items():
                if item.__class__ is wanted:
                    seen(item.text)

    async def astream(self, inputs, seen):
        wanted = self.TextDelta
        async with self.client.chat.stream("hello", inputs=inputs) as run:
            async for item in run.items():
                if item.__class__ is wanted:
                    seen(item.text)


class LangChain(Core):
    """langchain_dify: ChatDify.stream and astream."""

    def open(self):
        from langchain_dify import ChatDify

        self.model = ChatDify(**self.options)
        self.told = lambda inputs: {"inputs": inputs}

    def close(self):
        pass

    async def aopen(self):
        self.open()

    async def aclose(self):
        pass

    def stream(self, inputs, seen):
        for chunk in self.model.stream("hello", **self.told(inputs)):
            if chunk.content:
                seen(chunk.content)

    async def astream(self, inputs, seen):
        async for chunk in self.model.astream("hello", **self.told(inputs)):
            if chunk.content:
                seen(chunk.content)


class LangChainOpenAI(LangChain):
    """langchain-openai: ChatOpenAI.stream and astream, from the same server's OpenAI endpoint, one chunk per token too."""

    def __init__(self, base):
        self.base = base

    def open(self):
        from langchain_openai import ChatOpenAI

        self.model = ChatOpenAI(model="gpt-4o-mini", api_key="sk-x", base_url=f"{self.base}/v1", max_retries=0, stream_usage=False)
        self.told = lambda inputs: {"extra_body": {"inputs": inputs}}


class LlamaIndex(Core):
    """llamaindex_dify: DifyChatLLM.stream_chat and astream_chat."""

    def open(self):
        from llama_index.core.llms import ChatMessage

        from llamaindex_dify import DifyChatLLM

        self.llm = DifyChatLLM(**self.options)
        self.messages = [ChatMessage(role="user", content="hello")]
        self.told = lambda inputs: {"inputs": inputs}

    def close(self):
        pass

    async def aopen(self):
        self.open()

    async def aclose(self):
        pass

    def stream(self, inputs, seen):
        for chunk in self.llm.stream_chat(self.messages, **self.told(inputs)):
            if chunk.delta:
                seen(chunk.delta)

    async def astream(self, inputs, seen):
        async for chunk in await self.llm.astream_chat(self.messages, **self.told(inputs)):
            if chunk.delta:
                seen(chunk.delta)


class LlamaIndexOpenAI(LlamaIndex):
    """llama-index-llms-openai: OpenAI.stream_chat and astream_chat, from the same endpoint as LangChainOpenAI."""

    def __init__(self, base):
        self.base = base

    def open(self):
        from llama_index.core.llms import ChatMessage
        from llama_index.llms.openai import OpenAI

        self.llm = OpenAI(model="gpt-4o-mini", api_key="sk-x", api_base=f"{self.base}/v1", max_retries=0)
        self.messages = [ChatMessage(role="user", content="hello")]
        self.told = lambda inputs: {"extra_body": {"inputs": inputs}}


CONTENDERS = {
    "httpx": PlainHttpx,
    "core": Core,
    "langchain": LangChain,
    "langchain-openai": LangChainOpenAI,
    "llamaindex": LlamaIndex,
    "llamaindex-openai": LlamaIndexOpenAI,
}
