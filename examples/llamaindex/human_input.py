"""A workflow asks a person before it goes on; the agent whose tool it is waits, for minutes or for days.

Needs DIFY_API_KEY (the agent's model) and DIFY_REVIEWED_WORKFLOW_KEY (a workflow with a human-input node, Dify ≥ 1.14).
"""

from __future__ import annotations

# --8<-- [start:main]
import asyncio
import os

from llama_index.core.agent.workflow import AgentStream, FunctionAgent

from llamaindex_dify import DifyChatLLM, DifyWorkflowTool
from llamaindex_dify.events import DifyHumanInputRequest, DifyHumanInputResponse


def decide(request: DifyHumanInputRequest) -> DifyHumanInputResponse:
    """What the person says; here always the first button and the same text, where a real program shows a page."""
    if request.error:  # the last answer did not fit the form
        raise ValueError(request.error)
    form = request.forms[0]
    print(form["content"], [action["title"] for action in form["actions"]])
    fields = [field["output_variable_name"] for field in form["inputs"]]
    return request.answer(form["actions"][0]["id"], **dict.fromkeys(fields, "Greetings from Ann."))


async def work() -> None:
    tool = await DifyWorkflowTool.afrom_app(api_key=os.environ["DIFY_REVIEWED_WORKFLOW_KEY"])
    agent = FunctionAgent(tools=[tool], llm=DifyChatLLM(tool_calling="prompt"))
    handler = agent.run("Send a newsletter about sea kayaks")
    async for event in handler.stream_events():
        if isinstance(event, DifyHumanInputRequest):  # an InputRequiredEvent; its answer is a HumanResponseEvent
            handler.ctx.send_event(decide(event))  # the workflow goes on where it was
        elif isinstance(event, AgentStream):
            print(event.delta, end="", flush=True)
    print()
    await handler


def main() -> None:
    asyncio.run(work())


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_REVIEWED_WORKFLOW_KEY"):
        main()
