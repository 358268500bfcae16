"""Metadata: fields, built-in fields, and the values of documents."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, EndpointNotAvailable, InvalidArgument, NotFound
from dify_integrations.models.metadata import DocumentMetadata, MetadataValue
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

PATH = "/datasets/k/metadata"
KEY = {"dataset_api_key": "dataset-x"}
NOWHERE = "http://127.0.0.1:1/v1"
LISTED = recorded("1.14.2/metadata_crud", "GET /datasets/[^/]*/metadata")[-1]
BUILT_IN = recorded("1.14.2/metadata_crud", "GET /datasets/.*/metadata/built-in")[0]
UNKNOWN = recorded("1.14.2/metadata_crud", "PATCH /datasets/.*/metadata/0000.*")[0]


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def test_fields(side: Side) -> None:
    """Made, listed, renamed, deleted."""
    field = {"id": "m", "type": "string", "name": "author"}

    async def body(dify: AsyncDify) -> None:
        metadata = dify.datasets.metadata
        made = await metadata.create("k", name="author", type="string")
        assert (made.id, made.type, made.name, made.count) == ("m", "string", "author", None)
        listed = await metadata.list("k")
        assert [(one.name, one.type, one.count) for one in listed.doc_metadata] == [("writer", "string", 1), ("pages", "number", 1)]
        assert listed.built_in_field_enabled is False
        assert listed.model_dump(exclude_unset=True) == value_of(LISTED)
        assert (await metadata.update("k", "m", name="writer")).name == "author"
        await metadata.delete("k", "m")

    with FaultServer(script(field, 201), script(LISTED), script(field), script(204)) as server:
        side.run(body, server.url, **KEY)
    assert asked(server) == [
        Asked("POST", PATH, {}, {"type": "string", "name": "author"}),
        Asked("GET", PATH, {}, None),
        Asked("PATCH", f"{PATH}/m", {}, {"name": "writer"}),
        Asked("DELETE", f"{PATH}/m", {}, None),
    ]


def test_built_in_fields(side: Side) -> None:
    async def body(dify: AsyncDify) -> None:
        fields = await dify.datasets.metadata.built_in("k")
        assert [one.name for one in fields.fields] == ["document_name", "uploader", "upload_date", "last_update_date", "source"]
        assert fields.model_dump(exclude_unset=True) == value_of(BUILT_IN)
        await dify.datasets.metadata.set_built_in("k", "enable")
        await dify.datasets.metadata.set_built_in("k", "disable")

    with FaultServer(script(BUILT_IN), script({"result": "success"})) as server:
        side.run(body, server.url, **KEY)
    assert asked(server) == [
        Asked("GET", f"{PATH}/built-in", {}, None),
        Asked("POST", f"{PATH}/built-in/enable", {}, None),
        Asked("POST", f"{PATH}/built-in/disable", {}, None),
    ]


def test_values_of_documents(side: Side) -> None:
    """Every type of value arrives as it is, null included; the others of a document are kept only when asked for."""
    operations = [
        DocumentMetadata(
            document_id="d",
            metadata_list=[
                MetadataValue(id="1", name="writer", value="鲁迅"),
                MetadataValue(id="2", name="pages", value=12),
                MetadataValue(id="3", name="weight", value=0.5),
                MetadataValue(id="4", name="printed", value=None),
            ],
        ),
        DocumentMetadata(document_id="e", metadata_list=[], partial_update=True),
    ]
    with FaultServer(script({"result": "success"})) as server:
        side.run(lambda dify: dify.datasets.metadata.assign("k", operations), server.url, **KEY)
    values = [
        {"id": "1", "name": "writer", "value": "鲁迅"},
        {"id": "2", "name": "pages", "value": 12},
        {"id": "3", "name": "weight", "value": 0.5},
        {"id": "4", "name": "printed", "value": None},
    ]
    data = [
        {"document_id": "d", "metadata_list": values, "partial_update": False},
        {"document_id": "e", "metadata_list": [], "partial_update": True},
    ]
    assert asked(server) == [Asked("POST", "/datasets/k/documents/metadata", {}, {"operation_data": data})]


def test_an_unknown_field(side: Side) -> None:
    """Dify ≤ 1.14.2 answers 200 with nulls, newer servers with an odd 400: neither is a success."""
    newer = "1 validation error for DatasetMetadataResponse\n  Input should be a valid dictionary"
    with FaultServer(script(UNKNOWN), refusal(400, "invalid_param", newer)) as server:
        errors = [side.error(lambda dify: dify.datasets.metadata.update("k", "m", name="n"), server.url, **KEY) for _ in range(2)]
    assert [type(error) for error in errors] == [NotFound, BadRequest]


def test_a_name_that_exists(side: Side) -> None:
    with FaultServer(refusal(400, "invalid_param", "Metadata name already exists in Built-in fields."), absent()) as server:
        taken = side.error(lambda dify: dify.datasets.metadata.create("k", name="source", type="string"), server.url, **KEY)
        old = side.error(lambda dify: dify.datasets.metadata.create("k", name="source", type="string"), server.url, **KEY)
    assert (type(taken), type(old)) == (BadRequest, EndpointNotAvailable)
    assert "already exists in Built-in fields" in taken.message
    assert "1.1.1" in old.message


def test_words_that_servers_take_for_anything(side: Side) -> None:
    """Any other action than these two is a success there, and switches nothing."""
    calls: list[Any] = [
        lambda dify: dify.datasets.metadata.set_built_in("k", "bogus"),
        lambda dify: dify.datasets.metadata.create("k", name="n", type="date"),
        lambda dify: dify.datasets.metadata.assign("k", [{"document_id": "d"}]),
    ]
    for call in calls:
        assert isinstance(side.error(call, NOWHERE, **KEY), InvalidArgument)


def test_values_of_another_type() -> None:
    """Refused when they are made, by their place."""
    with pytest.raises(InvalidArgument, match=r"MetadataValue\.value"):
        MetadataValue(id="1", name="writer", value=["a"])  # type: ignore[arg-type]  # that is the point
