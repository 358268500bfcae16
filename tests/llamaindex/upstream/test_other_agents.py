"""Core's `agent/workflow/test_react_agent`, `test_code_act_agent` and `test_thinking_delta`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, CodeActAgent, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate

from tests.llamaindex.upstream.adapter import Upstream, call, says
from tests.llamaindex.upstream.agents import ANSWERS, REACT, of, played, results

Start = Callable[..., Upstream]
CODE = says("Let me calculate that.\n<execute>\nresult = 2 + 2\nprint(result)\n</execute>")


@REACT
@pytest.mark.anyio
async def test_prompts_of_a_react_agent(upstream: Start) -> None:
    """Check 20: its header can be looked at and replaced, by text or template; the app is told the new one."""
    app = upstream([says("Thought: easy\nAnswer: 8")])
    agent = ReActAgent(tools=[], llm=app.llm())
    assert isinstance(agent.get_prompts()["react_header"], PromptTemplate)
    agent.update_prompts({"react_header": PromptTemplate("Old header")})
    assert agent.get_prompts() == {"react_header": PromptTemplate("Old header")}
    agent.update_prompts({"react_header": "New header"})  # type: ignore[dict-item]  # core's test does so too
    await played(agent)
    assert "New header" in app.asked[0].said[0][1]
    assert "Old header" not in str(app.asked[0].said)


def takes_answers_without_thought() -> bool:
    """Later cores do."""
    try:
        return bool(ReActOutputParser().parse("Answer: 8"))
    except ValueError:
        return False


@REACT
@pytest.mark.anyio
@pytest.mark.parametrize("text", ["I worked it out.\nAnswer: The sum is 8", "Answer: The sum is 8"])
async def test_an_answer_without_a_thought(upstream: Start, text: str) -> None:
    """Check 20: it is the answer, or asked for in the right form."""
    app = upstream([says(text), ANSWERS])
    answer, _ = await played(ReActAgent(tools=[], llm=app.llm()))
    assert answer.response.content == "The sum is 8"
    assert len(app.asked) == (1 if takes_answers_without_thought() else 2)


# -- code


@pytest.mark.anyio
@pytest.mark.parametrize("streaming", [True, False])
async def test_code_is_run_and_its_result_told(upstream: Start, streaming: bool) -> None:
    """Check 20: the code of an answer is executed, the output goes back, and memory has it all in the end."""
    codes: list[str] = []

    def execute(code: str) -> str:
        """Run code."""
        codes.append(code.strip())
        return "4"

    app, memory = upstream([CODE, says("It is 4.")]), ChatMemoryBuffer.from_defaults()
    agent = CodeActAgent(code_execute_fn=execute, llm=app.llm(), streaming=streaming)
    answer, events = await played(agent, "What is 2 + 2?", memory=memory)
    assert (answer.response.content, codes) == ("It is 4.", ["result = 2 + 2\nprint(result)"])
    assert results(events) == [("execute", "4")]
    assert "Result of executing the code given:\n\n4" in app.asked[1].last
    assert [(message.role.value, message.content) for message in memory.get_all()] == [
        ("user", "What is 2 + 2?"),
        ("assistant", CODE.content),
        ("user", "Result of executing the code given:\n\n4"),
        ("assistant", "It is 4."),
    ]


@pytest.mark.anyio
async def test_an_agent_that_writes_code_hands_over(upstream: Start) -> None:
    """Check 20: the handoff is the one tool that is offered to it by words, next to its own prompt."""
    over = says("Enough.", call("handoff", to_agent="writer", reason="Calculated."))
    apps = upstream([CODE, over]), upstream([says("Four!")])
    coder = CodeActAgent(name="coder", description="Calculates.", code_execute_fn=lambda code: "4", llm=apps[0].llm())
    writer = FunctionAgent(name="writer", description="Writes.", llm=apps[1].llm())
    answer, events = await played(AgentWorkflow(agents=[coder, writer], root_agent="coder"))
    assert answer.response.content == "Four!"
    assert [event.tool_name for event in of(events, ToolCallResult)] == ["execute", "handoff"]
    assert [tool["name"] for asked in apps[0].asked for tool in asked.tools] == ["handoff"] * 2


# -- thinking

SPOKEN = {
    "function": says("Hello there!", thinking="I need to think."),
    "code": says("Hello there!", thinking="I need to think."),
    "react": says("Thought: easy\nAnswer: Hello there!", thinking="I need to think."),
}


def agent_of(kind: str, app: Upstream) -> Any:
    kinds: dict[str, Any] = {"function": FunctionAgent, "code": CodeActAgent, "react": ReActAgent}
    return kinds[kind](llm=app.llm(), **({"code_execute_fn": lambda code: "4"} if kind == "code" else {}))


@REACT
@pytest.mark.anyio
@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.parametrize("mode", ["chat", "advanced-chat"])
async def test_thinking_has_its_own_delta(upstream: Start, kind: str, mode: str) -> None:
    """Check 20: in the stream of every agent, whether the app thinks inside its answer or beside it; never in the answer."""
    answer, events = await played(agent_of(kind, upstream([SPOKEN[kind]], mode=mode)))
    assert str(answer).strip() == "Hello there!"
    streamed = of(events, AgentStream)
    assert "".join(event.thinking_delta or "" for event in streamed).strip() == "I need to think."
    said = "".join(event.delta for event in streamed)
    assert said.endswith("Hello there!") and "I need to think." not in said
    assert streamed[-1].response.strip() == said.strip()


@REACT
@pytest.mark.anyio
@pytest.mark.parametrize("kind", SPOKEN)
async def test_no_thinking_is_none(upstream: Start, kind: str) -> None:
    """Check 20: agents take an app that does not think."""
    _, events = await played(agent_of(kind, upstream([says(SPOKEN[kind].content or "")])))
    assert {event.thinking_delta for event in of(events, AgentStream)} == {None}
