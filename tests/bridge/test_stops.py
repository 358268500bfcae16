"""Stop sequences on the client: the same text however it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations import InvalidArgument
from dify_integrations.bridge.stops import StopSequences

LETTERS = st.text("ab\n", max_size=12)


def read(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    sequences = StopSequences(stops)
    return "".join([*map(sequences.feed, pieces), sequences.close()]), sequences.hit


@given(pieces=st.lists(LETTERS, max_size=6), stops=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3))
def test_cuts_before_the_first_sequence_however_the_text_is_split(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    at = min((found for found in map(text.find, stops) if found >= 0), default=len(text))
    assert read(pieces, stops) == read(list(text), stops) == read([text], stops) == (text[:at], at < len(text))


def test_sequence_that_begins_first_rules_even_when_it_is_complete_last() -> None:
    assert read(["ab", "c"], ["abc", "b"]) == ("", True)


@pytest.mark.parametrize("pieces", [["one STOP two"], ["one S", "TO", "P two"], ["one STOP", " two"]])
def test_examples(pieces: list[str]) -> None:
    assert read(pieces, ["STOP"]) == ("one ", True)


def test_what_only_began_like_a_sequence_is_given_back_at_the_end() -> None:
    assert read(["one ST"], ["STOP"]) == ("one ST", False)


def test_empty_sequence_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="must not be empty"):
        StopSequences([""])
