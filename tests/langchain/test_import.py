"""What importing the package promises."""

from __future__ import annotations

import subprocess
import sys

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


def ran(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_without_langchain_core_the_message_says_what_to_install() -> None:
    assert ran(BLOCKED) == 'langchain_dify needs langchain-core: install with `pip install "dify-integrations[langchain]"`'


def test_only_langchain_core_is_imported() -> None:
    assert ran(LIGHT) == "[]"


def test_public_names() -> None:
    assert langchain_dify.__all__ == sorted(langchain_dify.__all__)
    assert all(hasattr(langchain_dify, name) for name in langchain_dify.__all__)
