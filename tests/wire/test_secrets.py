"""No key, cookie or machine path stands in a cassette."""

from __future__ import annotations

import re

from tests.wire.recordings import CURATED

FORBIDDEN = {
    "a Dify key": re.compile(rb"\b(app|dataset)-(?!REDACTED)[A-Za-z0-9]{9,}\b(?!-)"),
    "an authorization": re.compile(rb"(?i)\b(bearer|basic) (?!realm|(?:app|dataset)-(?:REDACTED|WRONG))(?=\S*[-_\d])\S{6,}"),
    "a model provider's key": re.compile(rb"\bsk-[A-Za-z0-9_-]{8,}"),
    "a cookie": re.compile(rb"(?im)^\s*(set-)?cookie:"),
    "a private path": re.compile(rb"/(home|root|Users|work)/"),
    "a private key": re.compile(rb"BEGIN [A-Z ]*PRIVATE KEY"),
}


def test_cassettes_hold_no_secret() -> None:
    found = [
        f"{path.relative_to(CURATED)}: {what}: {match[0][:60]!r}"
        for path in sorted(CURATED.rglob("*"))
        if path.is_file()
        for what, pattern in FORBIDDEN.items()
        if (match := pattern.search(path.read_bytes()))
    ]
    assert not found


def test_the_scan_finds_what_it_should() -> None:
    samples = [
        b"app-Ab3dEf9hIjKlMn0p",
        b"Authorization: Bearer dataset-Ab3dEf9hIjKlMn0p",
        b"Bearer xoxb-1234567890",
        b"sk-proj-abcdefgh",
        b"      set-cookie:\n",
        b"/Users/someone/x",
        b"-----BEGIN RSA PRIVATE KEY-----",
    ]
    for sample in samples:
        assert any(pattern.search(sample) for pattern in FORBIDDEN.values()), sample


def test_cassettes_stay_small() -> None:
    files = [path.stat().st_size for path in CURATED.rglob("*") if path.is_file()]
    assert sum(files) < 8_000_000
    assert max(files) < 500_000
