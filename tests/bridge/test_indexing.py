"""Documents of a framework in Dify's terms: names, metadata fields, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import InvalidArgument
from dify_integrations.bridge.indexing import (
    INDEX_ID,
    INDEX_METADATA,
    Entry,
    assignment,
    given_back,
    handle,
    is_entry,
    latest,
    missing_fields,
    replacement,
)
from dify_integrations.models.documents import Document
from dify_integrations.models.metadata import MetadataFields

KNOWN = MetadataFields.model_validate(
    {
        "doc_metadata": [
            {"id": "f1", "name": INDEX_ID, "type": "string"},
            {"id": "f2", "name": INDEX_METADATA, "type": "string"},
            {"id": "f3", "name": "year", "type": "number"},
        ]
    }
)


def document(entry_id: str | None, **facts: Any) -> Document:
    fields = [{"id": "f1", "name": INDEX_ID, "type": "string", "value": entry_id}] if entry_id else []
    return Document.model_validate({"id": "d1", "name": "n", "doc_metadata": fields, **facts})


@pytest.mark.parametrize(
    ("entry_id", "plain"), [("a-1", True), ("s/x.md", True), ("50%", False), ("a\\b", False), ("x" * 101, False)]
)
def test_name_holds_what_can_be_searched(entry_id: str, plain: bool) -> None:
    """Of ids with signs that a search would take otherwise a UUID, always the same."""
    assert (handle(entry_id) == entry_id) is plain
    assert handle(entry_id) == handle(entry_id) and len(handle(entry_id)) <= 100
    assert handle(entry_id) in Entry(entry_id, "x", {"title": " A\n title "}).name
    assert Entry(entry_id, "x", {"title": " A\n title "}).name.startswith("A title (")
    assert Entry(entry_id, "x", {"title": 7}).name == handle(entry_id)


def test_only_documents_with_the_field_are_entries() -> None:
    assert is_entry(document("a"), "a") and not is_entry(document("A"), "a")
    assert not is_entry(document(None, name="a"), "a")


def test_replacement_changes_what_is_available_and_deletes_the_rest() -> None:
    ready, stuck = document("a", display_status="available"), document("a", id="d2", display_status="error")
    assert (replacement([]).updated, replacement([]).deleted) == (None, ())
    assert (replacement([stuck, ready]).updated, replacement([stuck, ready]).deleted) == ("d1", ("d2",))
    assert (replacement([stuck]).updated, replacement([stuck]).deleted) == (None, ("d2",))


def test_fields_are_made_when_a_value_needs_them() -> None:
    entries = [
        Entry("a", "x", {"year": 1, "size": 1.5, "flag": True, "tags": ["t"]}),
        Entry("b", "x", {"size": "big", "name": "n"}),
    ]
    names = ["year", "size", "flag", "tags", "name", "absent"]
    assert missing_fields(KNOWN, names, entries) == {"size": "number", "name": "string"}
    assert set(missing_fields(MetadataFields.model_validate({}), [], entries)) == {INDEX_ID, INDEX_METADATA}


def test_metadata_goes_there_and_back() -> None:
    entry = Entry("a", "x", {"year": 2024, "tags": ["t"], "none": None})
    told = {value.name: value.value for value in assignment("d1", entry, ["year", "tags"], KNOWN).metadata_list}
    assert told["year"] == 2024 and set(told) == {INDEX_ID, INDEX_METADATA, "year"}
    assert given_back(told) == ("a", dict(entry.metadata))
    wrong = assignment("d1", Entry("a", "x", {"year": "2024"}), ["year"], KNOWN)
    assert {value.name for value in wrong.metadata_list} == {INDEX_ID, INDEX_METADATA}


def test_what_people_changed_by_hand_breaks_nothing() -> None:
    assert given_back({}) is None
    assert given_back({INDEX_ID: "a", INDEX_METADATA: "{half"}) == ("a", {})
    assert given_back({INDEX_ID: "a", INDEX_METADATA: "[1]"}) == ("a", {})


def test_entries_that_cannot_be_kept_are_refused() -> None:
    for text, metadata in ((" \n", {}), ("x", {"a": {1, 2}}), ("x", {"a": float("nan")})):
        with pytest.raises(InvalidArgument, match="document 'a'"):
            Entry("a", text, metadata)
    assert [entry.text for entry in latest([Entry("a", "1", {}), Entry("b", "2", {}), Entry("a", "3", {})])] == ["3", "2"]
