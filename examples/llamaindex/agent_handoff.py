"""Two agents, one after the other: the first looks up facts in a knowledge base, the second has a workflow write.

Needs DIFY_API_KEY (the model of both), DIFY_WORKFLOW_KEY, DIFY_DATASET_API_KEY and DIFY_DATASET_ID.
"""

from __future__ import annotations

# --8<-- [start:main]
import asyncio
import os

from llama_index.core.agent.workflow import AgentInput, AgentStream, AgentWorkflow, FunctionAgent, ToolCallResult

from llamaindex_dify import DifyChatLLM, DifyToolSpec

TASK = "Look up when the workshop is open, then write a text about evenings in the workshop."


async def team() -> AgentWorkflow:
    llm = DifyChatLLM(tool_calling="prompt")  # or an app of its own for each agent
    copywriter = {"api_key": os.environ["DIFY_WORKFLOW_KEY"], "name": "copywriter"}
    spec = await DifyToolSpec.afrom_apps([copywriter], dataset_id=os.environ["DIFY_DATASET_ID"])
    librarian = FunctionAgent(
        name="librarian",
        description="Knows what the handbook says",
        system_prompt="Look up what the task needs, then hand over to the writer.",
        tools=[*spec.to_tool_list(["search_knowledge"])],
        llm=llm,
        can_handoff_to=["writer"],
    )
    writer = FunctionAgent(
        name="writer",
        description="Has texts written",
        system_prompt="Have the text written by the copywriter, and pass it on.",
        tools=[*spec.to_tool_list(["copywriter"])],
        llm=llm,
        can_handoff_to=["librarian"],
    )
    return AgentWorkflow(agents=[librarian, writer], root_agent="librarian")


async def work() -> None:
    handler = (await team()).run(TASK)
    speaker = ""
    async for event in handler.stream_events():
        if isinstance(event, AgentInput) and event.current_agent_name != speaker:
            speaker = event.current_agent_name
            print(f"[{speaker}]")
        elif isinstance(event, ToolCallResult):
            print(event.tool_name, event.tool_kwargs, f"gives {event.tool_output.content[:60]!r}…")
        elif isinstance(event, AgentStream):
            print(event.delta, end="", flush=True)
    print()
    await handler


def main() -> None:
    asyncio.run(work())


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_WORKFLOW_KEY", "DIFY_DATASET_API_KEY", "DIFY_DATASET_ID", DIFY_API_KEY="team"):
        main()
