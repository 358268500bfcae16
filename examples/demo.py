"""The main demonstration: `make demo`. Six scenes, and what happened inside the Dify apps meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from rich.console import Console
from rich.rule import Rule

from examples import langchain_scenes, llamaindex_scenes
from examples.stage import Stage, stage

console = Console(highlight=False)


def scene(number: int, title: str, question: str) -> None:
    console.print()
    console.print(Rule(f"[bold cyan]{number}[/] {title}", align="left", style="cyan"))
    console.print(f"[dim]›[/] [italic]{question}[/]")


def stream(pieces: Iterable[str]) -> None:
    """Every piece as it comes."""
    for piece in pieces:
        console.print(piece, end="", style="green", markup=False)
    console.print()


def steps(lines: list[str], told_by: str) -> None:
    console.print(f"[dim]What ran inside Dify, as {told_by} saw it:[/]")
    for line in lines:
        console.print(f"  [magenta]{line}[/]")
    lines.clear()


def sources(passages: Iterable[tuple[str, str]]) -> None:
    console.print("[dim]Sources:[/]")
    for name, passage in passages:
        console.print(f"  [yellow]{name}[/]  {passage[:90]}…", highlight=False)


def langchain(stage: Stage) -> None:
    tree = langchain_scenes.StepTree()
    scene(1, "LangChain: a chatflow as the model of a chain", "How long do I have to return an order?")
    stream(langchain_scenes.chain(stage, tree))
    steps(tree.lines, "LangChain's callbacks")

    scene(2, "LangChain: RAG over a Dify knowledge base", "What does an hour at the workshop bench cost?")
    answer, documents = langchain_scenes.rag(stage)
    console.print(answer, style="green")
    sources((document.metadata["document_name"], document.page_content) for document in documents)

    scene(3, "LangChain: an agent calls a Dify workflow", "Write a text about sea kayaks")
    for message in langchain_scenes.agent(stage, tree)[1:]:
        for call in getattr(message, "tool_calls", []):
            console.print(f"  [blue]calls[/] {call['name']} {call['args']}")
        if message.type == "tool":
            console.print(f"  [blue]gets[/]  {message.content}")
        elif message.text:
            console.print(message.text, style="green", markup=False)
    steps(tree.lines, "LangChain's callbacks")


def llamaindex(stage: Stage) -> None:
    spans = llamaindex_scenes.watch_steps()
    scene(4, "LlamaIndex: a chatflow as LLM", "What does express shipping cost?")
    stream(llamaindex_scenes.stream(stage))
    steps(spans.lines, "LlamaIndex's instrumentation")

    scene(5, "LlamaIndex: a query engine over a Dify knowledge base", "On which days is the repair workshop open?")
    response = llamaindex_scenes.query_engine(stage)
    console.print(str(response), style="green")
    sources((node.metadata["document_name"], node.get_content()) for node in response.source_nodes)
    spans.lines.clear()

    scene(6, "LlamaIndex: an agent calls a Dify workflow", "Write a text about paddle boards")
    answer, calls = asyncio.run(llamaindex_scenes.agent(stage))
    for call in calls:
        console.print(f"  [blue]calls[/] {call.tool_name} {call.tool_kwargs}")
        console.print(f"  [blue]gets[/]  {call.tool_output.content}")
    console.print(answer, style="green", markup=False)
    steps(spans.lines, "LlamaIndex's instrumentation")


def main() -> None:
    with stage() as set_up:
        console.print(f"[bold]Dify at {set_up.base_url}[/]")
        langchain(set_up)
        llamaindex(set_up)
    console.print("\n[bold]That was all six.[/] The code is in examples/.")


if __name__ == "__main__":
    main()
