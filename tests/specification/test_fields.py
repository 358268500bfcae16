"""Every request field of Dify's specification can be sent, with every value it lists; and nothing else is sent unawares."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from tests.specification.making import CALLS, good_answer, step
from tests.specification.schema import Found, alternatives, choices_of, compare, fields_of
from tests.specification.spec import Described, Json, described, needs_the_specification
from tests.wire.calls.base import Part, Sent, ids_in
from tests.wire.outcomes import Outcome
from tests.wire.replaying import in_async, in_sync

pytestmark = needs_the_specification

# What the client sends that the specification does not know, and why.
UNKNOWN = {
    "trace_id": "read from the body since 1.7 (endpoints.md §1)",
    "process_rule.rules.parent_mode": "needed by the mode `hierarchical`, which the specification lists without its rules",
    "process_rule.rules.subchunk_segmentation": "needed by the mode `hierarchical`",
    "datasource_info_list[].related_id": "what servers up to 1.14 read in place of `reference`",
    "datasource_info_list[].transfer_method": "read by servers of a local file; always `local_file`",
}
# Fields of what goes with a file that its description does not name.
UNKNOWN_DATA = {
    "original_document_id": "as for texts, whose schema has it",
    "name": "of an update: read by servers, so that a file may have another name than its own",
}


class Asked:
    """What the full calls of an operation send, all together."""

    def __init__(self) -> None:
        self.found = Found()
        self.data: list[Json] = []


@lru_cache(maxsize=None)
def asked(operation: str, drive: Callable[..., None]) -> Asked:
    """Make every full call of an operation."""
    one, together = described_as(operation), Asked()

    def judge(outcome: Outcome, sent: list[Sent]) -> None:
        assert outcome.error is None
        note(one, sent[-1], together)

    rows = [row for row in CALLS if row.operation == operation]
    drive([step(row, good_answer(operation, streams=row.streams), judge) for row in rows], items=False)
    return together


def described_as(operation: str) -> Described:
    return next(one for one in described() if one.id == operation)


def note(one: Described, sent: Sent, together: Asked) -> None:
    """Note path, query and body."""
    names = re.findall(r"{(\w+)}", one.path)
    values = {"path": dict(zip(names, ids_in(f"/v1{one.path}", sent.path) or ())), "query": dict(sent.query)}
    for place, value in values.items():
        for name, entry in value.items():
            together.found.fields.add(f"{place} {name}")
            together.found.choices.add((f"{place} {name}", entry))
    body: Any = sent.body
    if isinstance(body, list):
        together.data += [part.content for part in body if isinstance(part, Part) and part.name == "data"]
        body = {part.name: "text" for part in body}
    compare(body, list(one.bodies.values()), together.found)


@pytest.mark.parametrize("drive", [in_sync, in_async], ids=["sync", "async"])
@pytest.mark.parametrize("one", described(), ids=lambda one: one.id)
def test_every_field_can_be_sent(one: Described, drive: Callable[..., None]) -> None:
    wanted = {f"{parameter['in']} {parameter['name']}" for parameter in one.parameters}
    wanted |= {path for body in one.bodies.values() for path, _ in fields_of(body)}
    assert wanted - asked(one.id, drive).found.fields == set()


@pytest.mark.parametrize("one", described(), ids=lambda one: one.id)
def test_every_listed_value_can_be_sent(one: Described) -> None:
    wanted = {
        (f"{parameter['in']} {parameter['name']}", value)
        for parameter in one.parameters
        for schema in alternatives([parameter["schema"]])
        for value in schema.get("enum", [])
    }
    wanted |= {choice for body in one.bodies.values() for choice in choices_of(body)}
    assert wanted - asked(one.id, in_sync).found.choices == set()


@pytest.mark.parametrize("one", described(), ids=lambda one: one.id)
def test_parameters_that_nobody_knows_are_not_sent(one: Described) -> None:
    known = {f"{parameter['in']} {parameter['name']}" for parameter in one.parameters}
    assert {name for name in asked(one.id, in_sync).found.fields if name.startswith(("path ", "query "))} <= known


def test_what_the_specification_does_not_know_has_its_reason() -> None:
    sent = {name for one in described() for name in asked(one.id, in_sync).found.unknown}
    assert sent == UNKNOWN.keys()


@pytest.mark.parametrize("operation", ["createDocumentFromFile", "updateDocument", "updateDocumentByFile"])
def test_settings_that_go_with_a_file_are_those_of_a_text(operation: str) -> None:
    """The specification has them as one string, and names their fields in words."""
    text = described_as(operation).bodies["multipart/form-data"]["properties"]["data"]["description"]
    named = set(re.findall(r"`(\w+)`", text)) - {"name", "text"}
    schema = described_as("createDocumentFromText").bodies["application/json"]
    found = Found()
    for data in asked(operation, in_sync).data:
        compare(data, [schema], found)
    assert {path.partition(".")[0] for path in found.fields} - named <= UNKNOWN_DATA.keys()
    assert found.unknown <= UNKNOWN.keys()
    wanted = {path for path, _ in fields_of(schema) if path.partition(".")[0] in named}
    assert wanted - found.fields == set()
