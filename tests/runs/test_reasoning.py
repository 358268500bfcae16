"""Reasoning in answer text is told apart the same way for every cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.runs.reasoning import ThinkSplitter


def split(pieces: list[str]) -> list[tuple[bool, str]]:
    splitter = ThinkSplitter()
    parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.close()
    merged: list[tuple[bool, str]] = []
    for kind, text in parts:
        assert text
        merged = [*merged[:-1], (kind, merged[-1][1] + text)] if merged and merged[-1][0] == kind else [*merged, (kind, text)]
    return merged


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", [(False, "plain")]),
        ("<think>a</think>b", [(True, "a"), (False, "b")]),
        ("x<think>a</think>y<think>b</think>", [(False, "x"), (True, "a"), (False, "y"), (True, "b")]),
        ("<think>never closed", [(True, "never closed")]),
        ("a < b <thin", [(False, "a < b <thin")]),
        ("a</think>b", [(False, "a</think>b")]),
        ("<think></think>", []),
        ("<<think>x</</think>", [(False, "<"), (True, "x</")]),
    ],
    ids=repr,
)
def test_examples(text: str, parts: list[tuple[bool, str]]) -> None:
    """What is reasoning and what is answer."""
    assert split([text]) == parts


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", "</", "猫", " ", "a", "\n"]), max_size=12), st.data())
@settings(max_examples=200)
def test_any_cut_gives_the_same(parts: list[str], data: st.DataObject) -> None:
    """Cutting the text anywhere changes nothing."""
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    bounds = [0, *cuts, len(text)]
    assert split([text[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]) == split([text])


def test_ordinary_text_is_not_held_back() -> None:
    """Only what may begin a tag waits."""
    splitter = ThinkSplitter()
    assert splitter.feed("hello") == [(False, "hello")]
    assert splitter.feed(" <th") == [(False, " ")]
    assert splitter.feed("ree") == [(False, "<three")]
