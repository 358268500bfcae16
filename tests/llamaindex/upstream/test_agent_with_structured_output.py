"""Core's `agent/workflow/test_agent_with_structured_output`: an agent's answer in words, and the same as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentStreamStructuredOutput, AgentWorkflow, FunctionAgent
from llama_index.core.llms import ChatMessage
from pydantic import BaseModel

from tests.llamaindex.upstream.adapter import Upstream, call, says
from tests.llamaindex.upstream.agents import add, of, played

Start = Callable[..., Upstream]


class Structure(BaseModel):
    """Data."""

    hello: str
    world: int


SAID = says("Success!")
GIVEN = Structure(hello="hello", world=1)
"""What the app gives when it is asked for the data, as a call of the tool that stands for it."""


def made(messages: list[ChatMessage]) -> Any:
    """Data made out of the agent's messages."""
    return Structure(hello=messages[-1].content or "", world=len(messages)).model_dump()


async def made_later(messages: list[ChatMessage]) -> Any:
    return made(messages)


def single(app: Upstream, **how: Any) -> Any:
    return FunctionAgent(name="finder", description="Finds.", system_prompt="You find.", llm=app.llm(), **how)


def among_others(app: Upstream, **how: Any) -> Any:
    return AgentWorkflow(agents=[single(app)], root_agent="finder", **how)


def of_tools(app: Upstream, **how: Any) -> Any:
    return AgentWorkflow.from_tools_or_functions([add], system_prompt="You find.", llm=app.llm(), **how)


@pytest.mark.anyio
@pytest.mark.parametrize("build", [single, among_others, of_tools], ids=lambda build: build.__name__)
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"output_cls": Structure}, GIVEN),
        ({"structured_output_fn": made}, Structure(hello="Success!", world=2)),
        ({"structured_output_fn": made_later}, Structure(hello="Success!", world=2)),
    ],
    ids=["class", "function", "async function"],
)
async def test_the_answer_is_data_too(upstream: Start, build: Any, how: dict[str, Any], expected: Structure) -> None:
    """Check 20: by a class that the app is asked to fill, or by a function; of one agent, of a workflow, of a list of tools."""
    app = upstream([SAID, says("", call("Structure", **GIVEN.model_dump()))])
    answer, events = await played(build(app, **how))
    assert str(answer.response) == "assistant: Success!"
    assert answer.get_pydantic_model(Structure) == expected
    assert [event.output for event in of(events, AgentStreamStructuredOutput)] == [expected.model_dump()]
    if "output_cls" in how:
        assert [tool["name"] for tool in app.asked[1].tools] == ["Structure"]
        assert "Success!" in str(app.asked[1].said)
    else:
        assert len(app.asked) == 1


@pytest.mark.anyio
async def test_data_that_does_not_come(upstream: Start) -> None:
    """Check 20: the answer stands without it, and core warns."""
    app = upstream([SAID, says("What data?"), says("I said: what data?")])
    with pytest.warns(UserWarning, match="problem with the generation of the structured output"):
        answer, _ = await played(single(app, output_cls=Structure))
    assert (str(answer.response), answer.structured_response) == ("assistant: Success!", None)


@pytest.mark.anyio
async def test_data_of_two_agents(upstream: Start) -> None:
    """Check 20: the class is filled when the last of them has spoken."""
    apps = (
        upstream([says("", call("handoff", to_agent="second", reason="Math."))]),
        upstream([says("", call("add", a=30, b=60)), says("90."), says("", call("Structure", hello="sum", world=90))]),
    )
    first = FunctionAgent(name="first", description="Sends.", llm=apps[0].llm(), can_handoff_to=["second"])
    second = FunctionAgent(name="second", description="Adds.", tools=[add], llm=apps[1].llm())
    answer, _ = await played(AgentWorkflow(agents=[first, second], root_agent="first", output_cls=Structure))
    assert answer.get_pydantic_model(Structure) == Structure(hello="sum", world=90)
    assert answer.response.content == "90."
