"""An agent whose model is one Dify app and whose tools are others, with everything that happens while it happens.

Needs DIFY_API_KEY (the agent's model), DIFY_WORKFLOW_KEY and DIFY_CHATFLOW_KEY (its tools).
"""

from __future__ import annotations

# --8<-- [start:main]
import asyncio
import os

from llama_index.core.agent.workflow import AgentStream, FunctionAgent, ToolCall, ToolCallResult

from llamaindex_dify import DifyChatLLM, DifyToolSpec
from llamaindex_dify.events import DifyNodeEvent


async def work(task: str) -> None:
    apps = [
        {"api_key": os.environ["DIFY_WORKFLOW_KEY"], "name": "copywriter"},
        {"api_key": os.environ["DIFY_CHATFLOW_KEY"], "name": "look_up"},
    ]
    spec = await DifyToolSpec.afrom_apps(apps)
    agent = FunctionAgent(tools=[*spec.to_tool_list()], llm=DifyChatLLM(tool_calling="prompt"))
    handler = agent.run(task)
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            print(event.delta, end="", flush=True)
        elif isinstance(event, ToolCall):
            print("calls", event.tool_name, event.tool_kwargs)
        elif isinstance(event, DifyNodeEvent) and event.status == "running":
            print("  ", event.tool_name, "is at", event.title)
        elif isinstance(event, ToolCallResult):
            print("fails:" if event.tool_output.is_error else "gets", event.tool_output.content)
    print()
    await handler  # raises what went wrong


def main(task: str = "Write a text about sea kayaks") -> None:
    asyncio.run(work(task))


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_WORKFLOW_KEY", "DIFY_CHATFLOW_KEY"):
        main()
