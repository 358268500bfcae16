"""Dates in words, on machines of any time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dify_integrations.core.dates import unix_seconds
from dify_integrations.models.workflows import WorkflowRun

RECORDED = "Fri, 20 Nov 2026 09:47:36 -0000"
"""As 0.15.3 writes the time of a run."""
MOMENT = 1795168056.0


@pytest.fixture(params=["UTC", "Asia/Shanghai", "America/New_York"])
def _zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """The zone of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize(
    "date",
    [
        RECORDED,
        "Fri, 20 Nov 2026 09:47:36 GMT",
        "Fri, 20 Nov 2026 17:47:36 +0800",
        "Friday, 20-Nov-26 09:47:36 GMT",
        "Fri Nov 20 09:47:36 2026",
    ],
)
def test_a_moment_is_the_same_everywhere(date: str) -> None:
    """Whatever the zone of the machine is."""
    assert unix_seconds(date) == MOMENT


@pytest.mark.usefixtures("_zone")
def test_a_run_of_an_old_server() -> None:
    """Its times are Unix seconds, as on every other server."""
    assert WorkflowRun.model_validate({"id": "run", "created_at": RECORDED}).created_at == MOMENT


@given(st.text())
@example("Fri, 32 Nov 2026 09:47:36 GMT")
@example("Fri, 20 Nov 99999999999999999999 09:47:36 GMT")
def test_no_date(text: str) -> None:
    """A number or a `ValueError`, whatever comes."""
    try:
        assert isinstance(unix_seconds(text), float)
    except ValueError:
        pass
