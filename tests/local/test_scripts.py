"""The default scripts: retrieval, context in the prompt, tool calls, echo."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations.local import App, Dataset, Turn, tokens
from dify_integrations.local.demo import demo_datasets
from dify_integrations.local.scripts import NOTHING_FOUND, compose
from tests.local import wire
from tests.local.conftest import Serve

HANDBOOK = demo_datasets()
LANGCHAIN_PROMPT = """You are an assistant for question-answering tasks. Use the following pieces of retrieved context to \
answer the question. If you don't know the answer, just say that you don't know.
Question: {question}
Context: {context}
Answer:"""
LLAMAINDEX_PROMPT = """Context information is below.
---------------------
{context}
---------------------
Given the context information and not prior knowledge, answer the query.
Query: {question}
Answer: """
CONTEXT = "\n\n".join(document.text for document in HANDBOOK[0].documents)
TOOLS = """You may call tools. Write them between <tool_calls> and </tool_calls>. Results come as <tool_result>...</tool_result>.
{"name": "get_weather", "description": "The weather of a city", "parameters": {"type": "object", \
"properties": {"city": {"type": "string"}}, "required": ["city"]}}
{"name": "add", "description": "Sum of two numbers", "parameters": {"type": "object", \
"properties": {"a": {"type": "integer"}, "b": {"type": "number"}}, "required": ["a", "b"]}}
{"name": "convert", "description": "Convert units of temperature", "parameters": {"type": "object", "properties": \
{"unit": {"type": "string", "enum": ["celsius", "kelvin"]}, "exact": {"type": "boolean"}, "many": {"type": "array", \
"items": {"type": "string"}}, "more": {"type": "object"}}, "required": ["unit", "exact", "many", "more"]}}
"""


def answer(query: str, *datasets: Dataset) -> str:
    return compose(Turn(query, {}, "ann", (), (), App("app", datasets=datasets)))[0]


def call(prompt: str) -> Any:
    reply = answer(prompt)
    assert reply.startswith("<tool_calls>\n")
    assert reply.endswith("\n</tool_calls>")
    return json.loads(reply.split("\n")[1])


QUESTIONS = [
    ("How long is the warranty?", "two years"),
    ("What does express shipping cost?", "nine euros"),
    ("Within how many days are refunds possible?", "30 days"),
    ("Is water damage covered?", "Water damage"),
    ("Can a run be stopped?", "stopped with its task id"),
    ("保修多久？", "两年保修"),
]


@pytest.mark.parametrize(("question", "words"), QUESTIONS)
@pytest.mark.parametrize("prompt", ["{question}", LANGCHAIN_PROMPT, LLAMAINDEX_PROMPT], ids=["datasets", "langchain", "llamaindex"])
def test_the_answer_quotes_the_sentence_that_fits(prompt: str, question: str, words: str) -> None:
    query = prompt.format(question=question, context=CONTEXT)
    reply = answer(query, *(HANDBOOK if prompt == "{question}" else []))
    assert words in reply
    assert len(reply) < 120


@pytest.mark.parametrize("prompt", ["{question}", LANGCHAIN_PROMPT, LLAMAINDEX_PROMPT])
def test_what_the_documents_do_not_say_is_not_found(prompt: str) -> None:
    query = prompt.format(question="Who painted xylophones?", context=CONTEXT)
    assert answer(query, *(HANDBOOK if prompt == "{question}" else [])) == NOTHING_FOUND


def test_metadata_of_a_passage_is_no_answer() -> None:
    context = "document_name: storms\n\nTours are cancelled in storms."
    prompt = LLAMAINDEX_PROMPT.format(question="What happens in storms?", context=context)
    assert answer(prompt) == "Tours are cancelled in storms."


def test_without_documents_the_words_are_echoed_with_the_turn() -> None:
    app = App("app")
    reply = compose(Turn("Hello there", {}, "ann", (), (("a", "b"),), app))[0]
    assert reply.startswith("You said: Hello there\n\n")
    assert "turn 2" in reply


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("User: What is the weather in New York today?", {"name": "get_weather", "arguments": {"city": "New York"}}),
        ("What is the weather of Paris?", {"name": "get_weather", "arguments": {"city": "Paris"}}),
        ("Human: What is the sum of 3 and 4.5?", {"name": "add", "arguments": {"a": 3, "b": 4.5}}),
        ("What is 3 plus 4?", {"name": "add", "arguments": {"a": 3, "b": 4}}),
        (
            "User: convert units to kelvin",
            {
                "name": "convert",
                "arguments": {"unit": "kelvin", "exact": True, "many": ["convert units to kelvin"], "more": {}},
            },
        ),
    ],
)
def test_the_fitting_tool_is_called_with_words_of_the_question(question: str, expected: Any) -> None:
    assert call(f"{TOOLS}\n{question}") == expected


def test_a_tool_result_is_quoted() -> None:
    prompt = f'{TOOLS}\nUser: weather in Paris?\n<tool_result name="get_weather" id="1">21 degrees</tool_result>'
    assert answer(prompt) == "The tool answered: 21 degrees"


def test_a_result_of_an_earlier_turn_does_not_answer_a_new_question() -> None:
    earlier = 'User: weather in Paris?\n<tool_result name="get_weather">21 degrees</tool_result>\nAssistant: 21 degrees'
    assert call(f"{TOOLS}\n{earlier}\nUser: weather in Oslo?")["arguments"] == {"city": "Oslo"}


def test_openai_style_definitions_are_understood() -> None:
    tool = {"type": "function", "function": {"name": "look", "description": "Look", "parameters": {}}}
    assert call(f"<tool_calls>\n{json.dumps(tool)}\n{{broken\nUser: look") == {"name": "look", "arguments": {}}


def test_without_the_tag_definitions_are_only_text() -> None:
    assert "<tool_calls>" not in answer(TOOLS.replace("tool_calls", "calls") + "User: weather in Paris?")


def test_an_agent_looks_things_up_first(serve: Serve) -> None:
    frames = wire.events(serve().generate("agent", query="How long is the warranty?").content)
    tools = {frame["tool"] for frame in frames if frame["event"] == "agent_thought" and frame["tool"]}
    assert len(tools) == 1
    assert next(iter(tools)).startswith("dataset_")
    assert "two years" in "".join(frame.get("answer", "") for frame in frames)
    assert frames[-1]["metadata"]["retriever_resources"]


def test_an_agent_without_documents_looks_at_the_clock(serve: Serve) -> None:
    frames = wire.events(serve(App("app", "agent-chat")).generate().content)
    assert {frame.get("tool") for frame in frames} >= {"current_time"}


def test_an_agent_obeys_the_tool_grammar_too(serve: Serve) -> None:
    frames = wire.events(serve(App("app", "agent-chat")).generate(query=f"{TOOLS}\nUser: weather in Oslo?").content)
    assert "<tool_calls>" in "".join(frame.get("answer", "") for frame in frames)


def test_the_default_workflow_writes_about_its_form(serve: Serve) -> None:
    served = serve()
    inputs = {"topic": "cats", "tone": "formal", "sentences": 3}
    frames = wire.events(served.generate("workflow", inputs=inputs).content)
    nodes = [frame["data"]["node_type"] for frame in frames if frame["event"] == "node_finished"]
    assert nodes == ["start", "template-transform", "llm", "end"]
    text = frames[-1]["data"]["outputs"]["text"]
    assert (
        text
        == "This is a formal text about cats. Sentence 2 says a little more about cats. Sentence 3 says a little more about cats."
    )
    assert "".join(frame["data"]["text"] for frame in frames if frame["event"] == "text_chunk") == text


def test_a_workflow_with_a_question_answers_it(serve: Serve) -> None:
    form = [{"paragraph": {"variable": "question", "required": True}}]
    served = serve(App("app", "workflow", inputs_form=form, datasets=HANDBOOK))
    body = served.generate(streaming=False, inputs={"question": "How long is the warranty?"}).json()
    assert "two years" in body["data"]["outputs"]["text"]


def test_a_completion_answers_its_query(serve: Serve) -> None:
    served = serve()
    assert "You said: Hi" in served.generate("completion", streaming=False, inputs={"query": "Hi"}).json()["answer"]
    body = served.generate("completion", streaming=False, inputs={"query": "Hi"}, query="Wins").json()
    assert "You said: Wins" in body["answer"]


@given(st.text())
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text


@given(st.text(), st.text())
def test_any_prompt_gets_an_answer(question: str, context: str) -> None:
    assert isinstance(answer(f"Context: {context}\nQuestion: {question}"), str)
    assert isinstance(answer(f"<tool_calls>\n{question}\n{context}"), str)
