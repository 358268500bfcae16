"""A Dify app as the model of a chain: prompt, model, parser, token by token.

Needs DIFY_API_KEY (a chat, agent or chatflow app), DIFY_BASE_URL and DIFY_USER; without them it runs on a stand-in.
"""

from __future__ import annotations

# --8<-- [start:main]
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_dify import ChatDify


def main() -> None:
    prompt = ChatPromptTemplate.from_template("In one sentence: {question}")
    chain = prompt | ChatDify() | StrOutputParser()
    for text in chain.stream({"question": "How long can I return an order?"}):
        print(text, end="", flush=True)
    print()


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment(DIFY_API_KEY="helpdesk"):
        main()
