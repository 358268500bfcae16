"""An agent whose model is one Dify app and whose tools are others.

Needs DIFY_API_KEY (the agent's model), DIFY_WORKFLOW_KEY and DIFY_CHATFLOW_KEY (its tools), and
`pip install "dify-integrations[langchain]" langchain`.
"""

from __future__ import annotations

# --8<-- [start:main]
import os

from langchain.agents import create_agent

from langchain_dify import ChatDify, DifyToolkit


def main(question: str = "Write a text about sea kayaks") -> None:
    apps = [
        {"api_key": os.environ["DIFY_WORKFLOW_KEY"], "name": "copywriter"},
        {"api_key": os.environ["DIFY_CHATFLOW_KEY"], "name": "look_up"},
    ]
    tools = DifyToolkit.from_apps(apps, handle_tool_error=True).get_tools()
    agent = create_agent(ChatDify(), tools)
    for update in agent.stream({"messages": [{"role": "user", "content": question}]}, stream_mode="updates"):
        for message in (message for node in update.values() for message in node["messages"]):
            for call in getattr(message, "tool_calls", []):
                print("calls", call["name"], call["args"])
            if message.type == "tool":
                print("gets", message.content, message.artifact["status"])
            elif message.text:
                print(message.text)


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_WORKFLOW_KEY", "DIFY_CHATFLOW_KEY"):
        main()
