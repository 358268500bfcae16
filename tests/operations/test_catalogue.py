"""The table of operations: ids stay inside their place in the address, whatever they are."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations import OPERATIONS, Endpoint, InvalidArgument
from dify_integrations.core.operation import nothing
from dify_integrations.operations.catalogue import operation

WITH_IDS = [endpoint for endpoint in OPERATIONS if "{" in endpoint.path]
NAMES = re.compile(r"\{(\w+)\}")
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: text.strip() and text not in (".", "..")
)


@pytest.fixture(params=WITH_IDS, ids=lambda endpoint: endpoint.id)
def endpoint(request: pytest.FixtureRequest) -> Endpoint:
    """Every operation with an id in its address."""
    found: Endpoint = request.param
    return found


@given(st.data())
def test_ids_are_encoded(data: st.DataObject) -> None:
    """An address has the parts of its template, older spellings too, and gives the ids back."""
    endpoint = data.draw(st.sampled_from(WITH_IDS))
    ids = {name: data.draw(IDS, label=name) for name in NAMES.findall(endpoint.path)}
    built = operation(endpoint.id, nothing, path=ids)
    templates = [endpoint.path, *(template for _, template in endpoint.older)]
    for request, template in zip([built.request, *built.older], templates, strict=True):
        parts, wanted = request.path.split("/"), template.split("/")
        assert len(parts) == len(wanted)
        for part, place in zip(parts, wanted, strict=True):
            name = NAMES.fullmatch(place)
            assert unquote(part) == (ids[name[1]] if name else place)
            assert not name or re.fullmatch(r"[\w.~%-]+", part, re.ASCII)


@pytest.mark.parametrize("bad", ["", " ", ".", "..", "a\r\nX-Evil: 1", "a\nb", "a\rb", "\x00", "\x7f", "\ud800"])
def test_ids_that_could_lead_elsewhere(endpoint: Endpoint, bad: str) -> None:
    """Refused in every place, before anything is sent."""
    for name in NAMES.findall(endpoint.path):
        ids = {**dict.fromkeys(NAMES.findall(endpoint.path), "x"), name: bad}
        with pytest.raises(InvalidArgument, match=name):
            operation(endpoint.id, nothing, path=ids)


def test_the_table() -> None:
    """82 operations, each once, none older than the oldest server it is said to be on."""
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS) == 82
    assert len({(one.method, one.path) for one in OPERATIONS}) == 82
    assert all(re.fullmatch(r"(\d+\.\d+\.\d+)?", one.since) for one in OPERATIONS)
    assert all(one.repeatable for one in OPERATIONS if one.method in ("GET", "PUT", "DELETE"))
