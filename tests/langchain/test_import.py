"""What importing the package promises."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import langchain_dify

BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "langchain_core":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
try:
    import langchain_dify
except ImportError as error:
    print(error)
"""
HEAVY = ("langgraph", "langchain", "langchain_openai", "openai", "transformers", "numpy", "starlette", "llama_index")
LIGHT = f"import sys, langchain_dify; print([name for name in {HEAVY} if name in sys.modules])"
MESSAGES = ("AIMessage", "AIMessageChunk", "ChatGenerationChunk", "Generation", "GenerationChunk")


def ran(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_without_langchain_core_the_message_says_what_to_install() -> None:
    assert ran(BLOCKED) == 'langchain_dify needs langchain-core: install with `pip install "dify-integrations[langchain]"`'


def test_only_langchain_core_is_imported() -> None:
    assert ran(LIGHT) == "[]"


def test_public_names() -> None:
    assert langchain_dify.__all__ == sorted(langchain_dify.__all__)
    assert all(hasattr(langchain_dify, name) for name in langchain_dify.__all__)


def made_in(path: Path) -> set[str]:
    """LangChain's objects that a file makes."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return {call.id for call in calls if isinstance(call, ast.Name)} & {"Document", *MESSAGES}


def test_one_place_makes_messages_of_items() -> None:
    """What Dify streams becomes LangChain's in `_mapping`; `_stored` does it for what Dify has stored."""
    files = sorted(Path(str(langchain_dify.__file__)).parent.glob("*.py"))
    makers = {path.name: made_in(path) for path in files}
    assert makers.pop("_mapping.py") == {"AIMessageChunk", "ChatGenerationChunk", "Document", "Generation", "GenerationChunk"}
    assert makers.pop("_stored.py") == {"AIMessage", "Document"}
    assert not any(makers.values())
