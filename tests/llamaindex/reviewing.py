"""An agent whose tool asks a person: its parts, and a process of its own that goes on with it.

`python -m tests.llamaindex.reviewing` reads addresses, keys, a saved `Context` and an answer as JSON, and prints what the agent
says in the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Generator
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context

from dify_integrations.local import Filled, Outputs, Pause, Text, Turn
from llamaindex_dify import DifyChatLLM, DifyWorkflowTool
from llamaindex_dify.events import DifyHumanInputResponse

COMMENT = {"type": "paragraph", "output_variable_name": "comment"}


def review(turn: Turn, *titles: str) -> Generator[Any, Filled, None]:
    """An app that asks one person after the other and tells what they decided."""
    said = [str(turn.inputs.get("topic") or "")]
    for title in titles or ("Review",):
        filled = yield Pause("Publish?", title=title, inputs=[COMMENT], until_followed=True)
        said.append(f"{filled.action}: {filled.inputs['comment']}")
    yield Outputs({"text": "; ".join(filter(None, said))})


def brain(*arguments: dict[str, Any]) -> Any:
    """An app that calls the tool so and then repeats what came out."""
    calls = "\n".join(json.dumps({"name": "editor", "arguments": each}) for each in arguments or ({},))

    def script(turn: Turn) -> list[Text]:
        _, found, results = turn.query.rpartition("</system>")[2].partition("<tool_result")
        return [Text(f"Done{results}" if found else f"<tool_calls>\n{calls}\n</tool_calls>")]

    return script


def agent_of(base_url: str, brain_key: str, tool_key: str) -> FunctionAgent:
    llm = DifyChatLLM(api_key=brain_key, base_url=base_url, user="ada", tool_calling="prompt")
    return FunctionAgent(tools=[DifyWorkflowTool.from_app(api_key=tool_key, base_url=base_url, user="ada")], llm=llm)


async def go_on(given: dict[str, Any]) -> str:
    agent = agent_of(given["base_url"], given["brain"], given["tool"])
    context: Context[Any] = Context.from_dict(agent, given["context"])
    # core 0.14.25 cannot save memories with the newest pydantic, and says that they must be set again.
    await context.store.set("memory", ChatMemoryBuffer.from_defaults(llm=agent.llm))
    handler = agent.run(ctx=context)
    handler.ctx.send_event(DifyHumanInputResponse(**given["answer"]))
    return str(await asyncio.wait_for(handler, 20))


if __name__ == "__main__":
    print(asyncio.run(go_on(json.load(sys.stdin))))
