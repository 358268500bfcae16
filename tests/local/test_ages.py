"""Routes come and go with releases, by one table."""

from __future__ import annotations

import pytest

from dify_integrations.local import App
from dify_integrations.local.ages import SINCE, UNTIL
from dify_integrations.local.application import _AREAS
from dify_integrations.local.version import numbers
from tests.local.conftest import Serve

NOBODY = "00000000-0000-4000-8000-00000000dead"


def just_before(version: str) -> str:
    major, minor, patch = numbers(version)
    return f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.9"


@pytest.mark.parametrize(("name", "since"), SINCE.items(), ids=SINCE)
def test_a_route_is_unknown_before_its_release(serve: Serve, name: str, since: str) -> None:
    """Other verbs of its path make it a 405, else it is the HTML 404 of any unknown path."""
    verb, template = name.split(" ")
    path = template.replace("{}", NOBODY)
    before = serve(App("app"), version=just_before(since)).call(verb, path, app="app")
    after = serve(App("app"), version=since).call(verb, path, app="app")
    unknown = before.headers["content-type"].startswith("text/html")
    assert (before.status_code, unknown) in {(404, True), (405, False)}
    assert after.status_code != 405
    assert after.headers["content-type"] == "application/json"


def test_routes_that_went_were_there_before(serve: Serve) -> None:
    assert set(UNTIL) == {"GET /", "GET /datasets/{}/documents/{}/upload-file"}
    assert serve(App("app"), version="0.15.3").call("GET", "/", app="app").json()["server_version"] == "0.15.3"
    assert serve(App("app"), version="1.0.0").call("GET", "/", app="app").status_code == 404


def test_the_table_names_routes_that_exist() -> None:
    """A misspelled row would never take anything away."""
    served = {f"{verb} {_anonymous(route.path)}" for area in _AREAS for route in area.ROUTES for verb in route.methods or ()}
    assert set(SINCE) | set(UNTIL) <= served


def _anonymous(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
