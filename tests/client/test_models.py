"""Models by type."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dify_integrations import AsyncDify, EndpointNotAvailable, InvalidArgument
from dify_integrations.operations.models import ModelType
from tests.client.serving import Asked, absent, asked, recorded, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

KEY = {"dataset_api_key": "dataset-x"}
TYPES = ["text-embedding", "rerank", "llm", "tts", "speech2text", "moderation"]
RECORDED = {name: recorded("1.14.2/models_by_type", f"GET /.*/model-types/{name}")[0] for name in TYPES}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def test_the_types_there_are() -> None:
    assert sorted(get_args(ModelType)) == sorted(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_every_type(side: Side, name: Any) -> None:
    """Nothing of the answer is lost, whatever properties the models of a type have."""
    with FaultServer(script(RECORDED[name])) as server:
        found = side.run(lambda dify: dify.models.list(name), server.url, **KEY)
    assert asked(server) == [Asked("GET", f"/workspaces/current/models/model-types/{name}", {}, None)]
    assert server.requests[0].headers["authorization"] == "Bearer dataset-x"
    assert found.model_dump(exclude_unset=True) == value_of(RECORDED[name])


def test_what_it_tells(side: Side) -> None:
    """The names that settings of a knowledge base take."""

    async def body(dify: AsyncDify) -> None:
        [provider] = (await dify.models.list("text-embedding")).data
        assert (provider.provider, provider.status) == ("lab/echo/echo", "active")
        model = provider.models[0]
        assert (model.model_type, model.status, model.deprecated) == ("text-embedding", "active", False)
        assert model.model
        assert provider.label is not None
        assert provider.label.en_US == "Echo"

    with FaultServer(script(RECORDED["text-embedding"])) as server:
        side.run(body, server.url, **KEY)


def test_another_type(side: Side) -> None:
    bogus: Any = "bogus"
    error = side.error(lambda dify: dify.models.list(bogus), "http://127.0.0.1:1/v1", **KEY)
    assert isinstance(error, InvalidArgument)
    assert "text-embedding, rerank, llm" in error.message


def test_an_old_server(side: Side) -> None:
    with FaultServer(absent()) as server:
        error = side.error(lambda dify: dify.models.list("llm"), server.url, **KEY)
    assert isinstance(error, EndpointNotAvailable)
    assert "1.2.0" in error.message
