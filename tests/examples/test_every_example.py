"""What holds for every example: it runs as it is, says what it misses, and stands in the docs."""

from __future__ import annotations

import pytest

from dify_integrations.local import Pause, tokens
from tests.examples.acting import FILES, FOLDERS, ROOT, Cast, calls, main_of, run, submitted
from tests.llamaindex.conftest import AGENTS_LOOK

SERVED = "langchain.fastapi_stream"
# But for pydantic's remarks to the authors of LlamaIndex, see AGENTS_LOOK.
STRICT = ("-W", "error", "-W", "ignore:The `__", "-W", "ignore:Accessing the")


def test_there_are_examples() -> None:
    assert {name.partition(".")[0] for name in FILES} == set(FOLDERS)


@pytest.mark.parametrize("name", [name for name in FILES if name != SERVED])
def test_example_runs_without_any_setting(name: str) -> None:
    """`python -m examples.…` in an empty environment: a stand-in is started, and something is said, without a warning."""
    done = run(name, *STRICT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""


def test_example_says_which_setting_is_missing() -> None:
    """With an address of one's own nothing is made up."""
    done = run("langchain.fallbacks", DIFY_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 1
    assert "it also needs DIFY_API_KEY, DIFY_FALLBACK_KEY" in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_example_is_quoted_in_the_docs(name: str) -> None:
    """Every example stands on a page, word for word: the quote is made when the site is built."""
    pages = [page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md")]
    assert "# --8<-- [start:main]" in FILES[name].read_text("utf-8")
    assert any(f'--8<-- "{FILES[name].relative_to(ROOT).as_posix()}:main"' in page for page in pages)


@pytest.mark.filterwarnings(AGENTS_LOOK)
@pytest.mark.parametrize("name", ["langchain.human_input_graph", "llamaindex.human_input"])
def test_person_whose_answer_is_refused_is_not_asked_for_ever(name: str) -> None:
    """The form is delivered elsewhere, so Dify takes no answer from here: the example ends with the reason."""
    cast = Cast()
    cast.play("DIFY_API_KEY", lambda turn: tokens(calls({"name": "newsletter", "arguments": {}})))
    about = {"name": "newsletter", "description": "Sends a newsletter"}
    cast.play("DIFY_REVIEWED_WORKFLOW_KEY", lambda turn: [Pause("Send it?", display_in_ui=False)], "workflow", **about)
    with cast.on_stage() as server, pytest.raises(ValueError, match="Dify refused the answer"):
        main_of(name)()
    assert cast.counts == {"DIFY_API_KEY": 1, "DIFY_REVIEWED_WORKFLOW_KEY": 1}
    assert len(submitted(server)) == 1
