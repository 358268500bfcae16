"""Two clients from whatever was given, and the fingerprint of the app."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any, cast

import pytest

from dify_integrations import AsyncDify, Dify
from dify_integrations.bridge.clients import Clients, app_fingerprint
from dify_integrations.settings import Settings

KEY = "app-CANARYcanary0123456789ab"
OPTIONS: dict[str, Any] = {"api_key": KEY, "base_url": "http://127.0.0.1:9/v1", "user": "me"}


def test_both_clients_come_from_the_options_once() -> None:
    clients = Clients(**OPTIONS)
    assert clients.sync is clients.sync
    assert clients.asynchronous is clients.asynchronous
    assert clients.settings == clients.sync.settings
    assert app_fingerprint(clients.asynchronous.settings) == app_fingerprint(clients.sync.settings)
    assert clients.asynchronous.settings.base_url == "http://127.0.0.1:9/v1"


def test_given_clients_are_used_and_make_their_twins() -> None:
    with Dify(**OPTIONS) as given:
        clients = Clients(given)
        assert clients.sync is given
        assert clients.asynchronous.settings.user == "me"
        assert clients.settings is given.settings


@pytest.mark.anyio
async def test_an_async_client_alone_is_enough() -> None:
    async with AsyncDify(**OPTIONS) as given:
        clients = Clients(async_client=given)
        assert clients.asynchronous is given
        assert clients.settings is given.settings
        assert clients.sync.settings.user == "me"


def test_a_copy_shares_the_clients_and_another_process_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = Clients(**OPTIONS)
    assert copy.deepcopy(clients) is clients
    data = pickle.dumps(clients)
    assert KEY.encode() not in data
    monkeypatch.setenv("DIFY_API_KEY", "app-other")
    assert app_fingerprint(pickle.loads(data).settings) != app_fingerprint(clients.settings)


def test_a_client_made_here_is_closed_with_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Dify] = []
    monkeypatch.setattr(Dify, "close", lambda client: closed.append(client))
    clients = Clients(**OPTIONS)
    made = clients.sync
    del clients
    gc.collect()
    assert closed == [made]


def test_a_client_made_by_another_thread_meanwhile_is_kept() -> None:
    class Slow:
        """Lets the other thread win between reading the settings and taking the lock."""

        @property
        def settings(self) -> Settings:
            clients._async = other
            return other.settings

    other = AsyncDify(**OPTIONS)
    clients = Clients(cast("Dify", Slow()))
    assert clients.asynchronous is other


def test_the_fingerprint_tells_apps_users_and_servers_apart_and_hides_the_key() -> None:
    settings = Clients(**OPTIONS).settings
    others = [
        Clients(**{**OPTIONS, "api_key": "app-other"}).settings,
        Clients(**{**OPTIONS, "base_url": "http://127.0.0.1:8/v1"}).settings,
        Clients(**{**OPTIONS, "user": "you"}).settings,
    ]
    prints = {app_fingerprint(each) for each in (settings, *others)} | {app_fingerprint(settings, "they")}
    assert len(prints) == 5
    assert all(len(each) == 16 and each not in KEY for each in prints)
    assert app_fingerprint(settings) == app_fingerprint(settings, "me") == app_fingerprint(Clients(**OPTIONS).settings)
