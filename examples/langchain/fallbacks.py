"""When one app cannot answer, another does.

Needs DIFY_API_KEY and DIFY_FALLBACK_KEY. Any chat model of LangChain can stand in for the second.
"""

from __future__ import annotations

# --8<-- [start:main]
import os

from langchain_core.exceptions import ModelError

from langchain_dify import ChatDify


def main() -> None:
    second = ChatDify(api_key=os.environ["DIFY_FALLBACK_KEY"])  # or any other chat model
    model = ChatDify().with_fallbacks([second], exceptions_to_handle=(ModelError,))
    for chunk in model.stream("How long can I return an order?"):
        print(chunk.text, end="", flush=True)
    print()


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment(DIFY_API_KEY="out-of-order", DIFY_FALLBACK_KEY="helpdesk"):
        main()
