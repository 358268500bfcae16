"""The runs of a workflow app: filters as sent, pages, and every run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, InvalidArgument
from tests.client.serving import Asked, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def page(first: int, count: int, total: int) -> dict[str, Any]:
    data = [{"id": f"l-{number}"} for number in range(first, first + count)]
    return {"page": 1, "limit": 2, "total": total, "has_more": first + count < total, "data": data}


def test_a_page(side: Side) -> None:
    answer = recorded("1.14.2/workflow_logs", r"GET /workflows/logs\?.*status=failed.*")[0]
    with FaultServer(script(answer)) as server:
        logs = side.run(lambda dify: dify.workflows.logs(status="failed"), server.url)
    assert asked(server) == [Asked("GET", "/workflows/logs", {"page": "1", "limit": "20", "status": "failed"}, None)]
    entry = logs.data[0]
    assert entry.workflow_run is not None
    assert (entry.workflow_run.status, entry.workflow_run.triggered_from) == ("failed", "app-run")
    assert "boom" in str(entry.workflow_run.error)
    assert (entry.created_by_role, entry.created_by_account) == ("end_user", None)
    assert entry.created_by_end_user is not None
    assert entry.created_by_end_user.session_id == "user-workflow-logs"
    assert isinstance(entry.created_at, float)
    assert logs.total == value_of(answer)["total"]


def test_all_filters(side: Side) -> None:
    """Dify's names have two underscores in them; times go as UTC."""
    berlin = timezone(timedelta(hours=2))
    with FaultServer(script(page(0, 0, 0))) as server:
        side.run(
            lambda dify: dify.workflows.logs(
                keyword="bob & co",
                status="succeeded",
                created_at_before=datetime(2026, 6, 1, 12, 30, tzinfo=berlin),
                created_at_after="2026-01-01T00:00:00+02:00",
                created_by_end_user_session_id="ann",
                created_by_account="a@example.com",
                page=3,
                limit=7,
            ),
            server.url,
        )
    query = {
        "keyword": "bob & co",
        "status": "succeeded",
        "created_at__before": "2026-06-01T10:30:00Z",
        "created_at__after": "2026-01-01T00:00:00+02:00",
        "created_by_end_user_session_id": "ann",
        "created_by_account": "a@example.com",
        "page": "3",
        "limit": "7",
    }
    assert asked(server) == [Asked("GET", "/workflows/logs", query, None)]


def test_a_paused_run() -> None:
    """It has no end yet."""
    from dify_integrations.models.workflows import WorkflowLogPage

    answer = recorded("1.14.2/human_input_pause", r"GET /workflows/logs.*")[0]
    run = WorkflowLogPage.model_validate(value_of(answer)).data[0].workflow_run
    assert run is not None
    assert (run.status, run.finished_at) == ("paused", None)


@pytest.mark.parametrize("count", [0, 1, 4, 5], ids=lambda count: f"{count} runs")
def test_every_run(side: Side, count: int) -> None:
    """With the filters on every page."""
    pages = [page(first, min(2, count - first), count) for first in range(0, count, 2)] or [page(0, 0, 0)]
    after = datetime(2026, 1, 1, tzinfo=timezone.utc)

    async def body(dify: AsyncDify) -> list[str]:
        return [log.id async for log in dify.workflows.iterate_logs(limit=2, keyword="k", created_at_after=after)]

    with FaultServer(*map(script, pages)) as server:
        assert side.run(body, server.url) == [f"l-{number}" for number in range(count)]
    assert [request.query for request in asked(server)] == [
        {"page": str(number + 1), "limit": "2", "keyword": "k", "created_at__after": "2026-01-01T00:00:00Z"}
        for number in range(len(pages))
    ]


def test_what_the_server_refuses(side: Side) -> None:
    with FaultServer(refusal(400, "invalid_param", "Account not found: nobody@example.com")) as server:
        raised = side.error(lambda dify: dify.workflows.logs(created_by_account="nobody@example.com"), server.url)
    assert type(raised) is BadRequest


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.workflows.logs(created_at_before=datetime(2026, 1, 1)),
        lambda d: d.workflows.logs(created_at_after=date(2026, 1, 1)),
        lambda d: d.workflows.logs(created_at_after=1795168084),
        lambda d: d.workflows.logs(page=0),
        lambda d: d.workflows.logs(limit=101),
    ],
    ids=["no zone", "a day", "seconds", "page", "limit"],
)
def test_what_is_not_sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]]) -> None:
    """A time without a zone would be somebody's guess."""
    assert isinstance(side.error(call, "http://127.0.0.1:1/v1"), InvalidArgument)
