"""Every operation of Dify's specification is one documented call of both clients, which sends what the specification says."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from operator import attrgetter
from urllib.parse import quote

import pytest

from dify_integrations import AsyncDify, Dify
from dify_integrations.operations.catalogue import OPERATIONS, Endpoint
from tests.specification.full import Full
from tests.specification.making import CALLS, good_answer, step
from tests.specification.spec import Described, contract_rows, described, needs_the_specification
from tests.wire.calls.base import Sent, ids_in
from tests.wire.outcomes import Outcome
from tests.wire.replaying import in_async, in_sync

pytestmark = needs_the_specification
ENDPOINTS = {endpoint.id: endpoint for endpoint in OPERATIONS}
BOTH = pytest.mark.parametrize("drive", [in_sync, in_async], ids=["sync", "async"])


def test_there_are_82_operations() -> None:
    assert len(described()) == len(OPERATIONS) == len(ENDPOINTS) == 82


@pytest.mark.parametrize("one", described(), ids=lambda one: one.id)
def test_the_catalogue_is_the_specification(one: Described) -> None:
    assert (ENDPOINTS[one.id].method, ENDPOINTS[one.id].path) == (one.method, one.path)


def test_the_catalogue_is_the_contract() -> None:
    """Which key an operation needs and which server is the first to have it stand in the contract only."""
    rows = {endpoint.id: (endpoint.method, endpoint.path, endpoint.key, endpoint.since or "≤0.15.3") for endpoint in OPERATIONS}
    assert rows == contract_rows()


@pytest.mark.parametrize("client", [Dify, AsyncDify])
@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda endpoint: endpoint.id)
def test_an_operation_is_a_documented_method(endpoint: Endpoint, client: type) -> None:
    """Public all the way, and every argument has its line; those of `send` and `run` may stand at `stream`."""
    method = attrgetter(endpoint.call)(client(api_key="app-x", dataset_api_key="dataset-x", user="me"))
    assert not any(name.startswith("_") for name in endpoint.call.split("."))
    documentation = inspect.getdoc(method) or ""
    assert documentation
    if "`stream`" in documentation:
        documentation += inspect.getdoc(method.__self__.stream) or ""
    for name in inspect.signature(method).parameters:
        assert f"    {name}: " in documentation, f"{endpoint.call} does not say what {name} is"


@pytest.mark.parametrize("one", described(), ids=lambda one: one.id)
def test_every_operation_has_a_full_call(one: Described) -> None:
    assert any(row.operation == one.id for row in CALLS)


@BOTH
@pytest.mark.parametrize("row", CALLS, ids=lambda row: row.operation)
def test_a_call_sends_its_operation(row: Full, drive: Callable[..., None]) -> None:
    """One request; two where the server does not know the verb of the first."""
    one = next(one for one in described() if one.id == row.operation)

    def judge(outcome: Outcome, sent: list[Sent]) -> None:
        assert outcome.error is None
        assert sent[-1].method == one.method
        ids = ids_in(f"/v1{one.path}", sent[-1].path)
        assert ids is not None
        assert all(quote(value, safe="") in sent[-1].path for value in ids)
        before = ["PATCH"] if one.id == "updateDocumentByFile" else []
        assert [request.method for request in sent[:-1]] == before

    drive([step(row, good_answer(row.operation, streams=row.streams), judge)], items=False)
