"""A workflow asks a person before it goes on; the graph around it waits, for minutes or for days.

Needs DIFY_API_KEY (the agent's model), DIFY_REVIEWED_WORKFLOW_KEY (a workflow with a human-input node, Dify ≥ 1.14), and
`pip install "dify-integrations[langchain]" langchain`.
"""

from __future__ import annotations

# --8<-- [start:main]
import os
from typing import Any

from langchain.agents import create_agent
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_dify import ChatDify, DifyWorkflowTool


def decide(request: dict[str, Any]) -> dict[str, Any]:
    """What the person says; here always the first button and the same text, where a real program shows a page."""
    if request.get("error"):  # the last answer did not fit the form
        raise ValueError(request["error"])
    form = request["forms"][0]
    print(form["content"], [action["title"] for action in form["actions"]])
    fields = [field["output_variable_name"] for field in form["inputs"]]
    return {"action": form["actions"][0]["id"], "inputs": dict.fromkeys(fields, "Greetings from Ann.")}


def main() -> None:
    tool = DifyWorkflowTool.from_app(api_key=os.environ["DIFY_REVIEWED_WORKFLOW_KEY"], on_pause="interrupt")
    agent = create_agent(ChatDify(), [tool], checkpointer=InMemorySaver())  # a database, to outlive the process
    thread: RunnableConfig = {"configurable": {"thread_id": "newsletter-7"}}

    state = agent.invoke({"messages": [{"role": "user", "content": "Send a newsletter about sea kayaks"}]}, thread)
    while waiting := state.get("__interrupt__"):
        answers = {each.id: decide(each.value) for each in waiting}
        state = agent.invoke(Command(resume=answers), thread)  # the workflow goes on where it was
    print(state["messages"][-1].text)


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_REVIEWED_WORKFLOW_KEY"):
        main()
