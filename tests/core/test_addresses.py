"""Addresses of files: which origin, and whether to go there."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations import InvalidArgument
from dify_integrations.core.addresses import Origin, file_address, origin_of

BASE = "https://dify.example/v1"
SIGNED = "/files/1/file-preview?timestamp=1&nonce=2&sign=SECRET%3D"
# Pieces of which addresses with two readings are made.
PIECES = ["http", "https", "://", ":", "/", "//", "\\", "@", "#", "?", "%2f", "%40", "dify.example", "evil.test", "[::1]", "::1"]
PIECES += [".", "..", "443", "80", " ", "\t", "\n", "ü", "a", "&", "user", ";"]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))


@given(TEXTS)
def test_no_address_leads_elsewhere(text: str) -> None:
    """What is accepted goes to the own server in the eyes of httpx too, whose reading counts, and in those of urllib."""
    for address in (text, f"https://dify.example{text}", f"/{text}"):
        try:
            whole = file_address(address, base_url=BASE)
        except InvalidArgument:
            continue
        try:
            url = httpx.URL(whole)
        except httpx.InvalidURL:
            continue  # refused before anything is sent
        assert (url.scheme, url.host, url.port, url.userinfo) == ("https", "dify.example", None, b"")
        assert urlsplit(whole).hostname == "dify.example"


@given(TEXTS)
def test_origins_agree_with_httpx(text: str) -> None:
    """Wherever this sees an origin, httpx sees the same one."""
    origin = origin_of(text)
    if origin is None:
        return
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return
    assert url.scheme == origin.scheme
    assert url.raw_host.decode().lower() == origin.host.strip("[]")
    assert url.port in (origin.port, None)
    assert url.userinfo == b""


@pytest.mark.parametrize("address", [SIGNED, f"https://dify.example{SIGNED}", f"HTTPS://Dify.Example:443{SIGNED}"])
def test_the_own_server(address: str) -> None:
    """A path, or a whole address in any spelling of the same origin."""
    whole = file_address(address, base_url=BASE)
    assert origin_of(whole) == Origin("https", "dify.example", 443)
    assert whole.endswith(SIGNED)


def test_paths_do_not_stand_under_the_base_path() -> None:
    """Dify's files are beside `/v1`; the port stays."""
    assert file_address("/files/x", base_url="http://127.0.0.1:5001/v1") == "http://127.0.0.1:5001/files/x"
    assert file_address("/files/x", base_url="http://[::1]:5001/v1") == "http://[::1]:5001/files/x"


@pytest.mark.parametrize(
    "address",
    [
        f"http://dify.example{SIGNED}",
        f"https://dify.example:8443{SIGNED}",
        f"https://dify.example.evil.test{SIGNED}",
        f"https://evil.test{SIGNED}",
        f"https://169.254.169.254{SIGNED}",
    ],
)
def test_other_servers_must_be_named(address: str) -> None:
    """Scheme, host and port all count; the message tells the origin and no more."""
    with pytest.raises(InvalidArgument, match="origins=") as error:
        file_address(address, base_url=BASE)
    assert "SECRET" not in str(error.value)
    assert "file-preview" not in str(error.value)
    origin = str(origin_of(address))
    assert origin in str(error.value)
    for named in (origin, f"{origin}/", origin.upper()):
        assert file_address(address, base_url=BASE, origins=[named]) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        None,
        "files/x",
        "//evil.test/x",
        "/\\evil.test/x",
        "https://user@dify.example/x",
        "https://dify.example@evil.test/x",
        "https://dify.example\\@evil.test/x",
        "https://dify.example%2f@evil.test/x",
        "https://dify.example:99999999/x",
        "https:dify.example/x",
        "https://",
        "file:///etc/passwd",
        "ftp://dify.example/x",
        "data:text/plain,x",
        "javascript:x",
        "https://dify.example/a b",
        "https://dify.example/a\r\nX: y",
        "/files/\ud800",
        "/files/\x00",
    ],
)
def test_what_is_no_address(address: str) -> None:
    """Other schemes, user names, and whatever readers could see in two ways."""
    with pytest.raises(InvalidArgument):
        file_address(address, base_url=BASE, origins=["https://evil.test"] if address and "@" in address else [])


@pytest.mark.parametrize(
    "origins", ["https://x.test", ["x.test"], ["https://x.test/path"], ["https://u@x.test"], ["https://x.test?q"], [""]]
)
def test_origins_are_origins(origins: object) -> None:
    """A path in an origin would promise a restriction that is none."""
    with pytest.raises(InvalidArgument):
        file_address("https://evil.test/x", base_url=BASE, origins=origins)  # type: ignore[arg-type]  # what the test is about


def test_an_origin_as_text() -> None:
    assert [str(origin_of(f"{text}/x")) for text in ("http://a:80", "https://a:80", "https://a")] == [
        "http://a",
        "https://a:80",
        "https://a",
    ]
