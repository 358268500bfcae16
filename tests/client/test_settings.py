"""Settings: what the environment gives, what is refused, what is warned of."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from typing import Any

import pytest
from pydantic import SecretStr

from dify_integrations import AsyncDify, Dify, InvalidArgument, Timeouts
from dify_integrations.settings import DEFAULT_BASE_URL, Key

KEY = "app-CANARYcanaryCANARYcanary"
LOCAL = "http://127.0.0.1:1/v1"


@pytest.fixture(params=[Dify, AsyncDify], ids=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Any:
    """Both clients."""
    return request.param


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine has set."""
    for name in ("API_KEY", "DATASET_API_KEY", "BASE_URL", "USER"):
        monkeypatch.delenv(f"DIFY_{name}", raising=False)


def test_environment(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four variables, read when the client is made."""
    monkeypatch.setenv("DIFY_API_KEY", KEY)
    monkeypatch.setenv("DIFY_DATASET_API_KEY", "dataset-x")
    monkeypatch.setenv("DIFY_BASE_URL", "https://dify.test/v1/")
    monkeypatch.setenv("DIFY_USER", "ann")
    settings = make().settings
    assert (settings.key_for("app"), settings.key_for("dataset")) == (KEY, "dataset-x")
    assert (settings.base_url, settings.user_for(None)) == ("https://dify.test/v1", "ann")


def test_arguments_win(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the environment; a call's user over the client's."""
    monkeypatch.setenv("DIFY_API_KEY", "app-other")
    monkeypatch.setenv("DIFY_USER", "bob")
    settings = make(KEY, user="ann").settings
    assert (settings.key_for("app"), settings.user_for(None), settings.user_for("eve")) == (KEY, "ann", "eve")


def test_nothing_given(make: Any) -> None:
    """Dify Cloud; a missing key or user is told when it is needed, with the ways to give it."""
    settings = make().settings
    assert settings.base_url == DEFAULT_BASE_URL
    with pytest.raises(InvalidArgument, match="DIFY_API_KEY"):
        settings.key_for("app")
    with pytest.raises(InvalidArgument, match="DIFY_DATASET_API_KEY"):
        settings.key_for("dataset")
    for user in (None, ""):
        with pytest.raises(InvalidArgument, match="DIFY_USER"):
            settings.user_for(user)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://user:pass@dify.test/v1",
        "https://user@dify.test/v1",
        "https://dify.test/v1?key=1",
        "https://dify.test/v1#x",
        "ftp://dify.test/v1",
        "file:///etc/passwd",
        "dify.test/v1",
        "//dify.test/v1",
        "https://",
        "https:///v1",
        "https://dify.test/\r\nX: y",
        "https://di\nfy.test/v1",
        "https://dify.test:99999/v1",
        "https://dify.test:0/v1",
        "https://[::1/v1",
        "https://düfy.test/v1",
    ],
)
def test_refused_addresses(make: Any, base_url: str) -> None:
    """Another scheme, credentials, query, fragment, line breaks, nonsense."""
    with pytest.raises(InvalidArgument, match="base_url"):
        make(KEY, base_url=base_url)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:5001/v1", "http://a.localhost/v1"]
)
def test_http_to_this_machine(make: Any, base_url: str) -> None:
    """Nothing to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make(KEY, base_url=base_url).settings.base_url == base_url


def test_http_to_another_machine(make: Any) -> None:
    """The key would travel in clear: one warning, at the caller's line."""
    with pytest.warns(UserWarning, match="unencrypted") as caught:
        make(KEY, base_url="http://dify.test/v1")
    assert [warning.filename for warning in caught] == [__file__]


def test_verification_off(make: Any) -> None:
    """One warning, at the caller's line."""
    with pytest.warns(UserWarning, match="verify=False") as caught:
        make(KEY, verify=False)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "x"}, {"authorization": "x"}, {"HOST": "x"}, {"Content-Length": "1"}, {"Transfer-Encoding": "x"}],
)
def test_headers_of_the_client(make: Any, headers: dict[str, str]) -> None:
    """They cannot be replaced."""
    with pytest.raises(InvalidArgument):
        make(KEY, headers=headers)
    with pytest.raises(InvalidArgument):
        make(KEY).with_options(headers=headers)


@pytest.mark.parametrize("headers", [{"X": "a\r\nb"}, {"X\n": "a"}, {"X": "ü"}, {"X": "\0"}])
def test_header_injection(make: Any, headers: dict[str, str]) -> None:
    """Line breaks and what is not ASCII are refused at the argument."""
    with pytest.raises(InvalidArgument, match="ASCII"):
        make(KEY, headers=headers)


@pytest.mark.parametrize("key", ["app\r\nX: y", "app-ü", " "])
def test_refused_keys(make: Any, key: str) -> None:
    """And the message does not repeat them."""
    with pytest.raises(InvalidArgument, match="api_key") as caught:
        make(key)
    assert key not in str(caught.value) or not key.strip()


def test_secret_like_keys(make: Any) -> None:
    """Pydantic's secrets are taken; white space of a pasted key is not."""
    assert make(SecretStr(f" {KEY}\n")).settings.key_for("app") == KEY


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "5", True])
def test_refused_clocks(value: Any) -> None:
    """Seconds above 0, or None."""
    with pytest.raises(InvalidArgument, match="idle_s"):
        Timeouts(idle_s=value)


def test_timeout_argument(make: Any) -> None:
    """A number sets the read and idle clocks, None switches all off."""
    clocks = make(KEY, timeout=3).settings.timeouts
    assert (clocks.read_s, clocks.idle_s, clocks.connect_s) == (3, 3, 5.0)
    off = make(KEY, timeout=None).settings.timeouts
    assert {getattr(off, name) for name in off.__slots__} == {None}


def test_with_options(make: Any) -> None:
    """A copy with changes; the original stays, and what is not named stays."""
    dify = make(KEY, user="ann", base_url=LOCAL)
    copied = dify.with_options(user="bob", timeout=2, max_retries=0, stop_on_close=False)
    assert (copied.settings.user, copied.settings.retry.max_retries, copied.settings.stop_on_close) == ("bob", 0, False)
    assert (copied.settings.timeouts.idle_s, copied.settings.key_for("app")) == (2, KEY)
    assert (dify.settings.user, dify.settings.retry.max_retries, dify.settings.stop_on_close) == ("ann", 2, True)


def test_keys_are_compared_without_being_shown() -> None:
    """By value, never by text."""
    assert Key("a") == Key("a") != Key("b")
    assert Key("a") != "a"
    assert len({Key("a"), Key("a")}) == 1


def test_settings_are_values(make: Any) -> None:
    """They can be copied, not pickled."""
    settings = make(KEY).settings
    assert copy.deepcopy(settings) == settings
    with pytest.raises(TypeError, match="environment"):
        pickle.dumps(settings)
