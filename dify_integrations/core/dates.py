"""Dates in words, as old servers and HTTP headers write them."""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime


def unix_seconds(date: str) -> float:
    """Unix seconds of an RFC 822 date or of an HTTP date in any of its three forms.

    A date without a zone, or with `-0000` as 0.15 writes it, is in UTC, not in the zone of this machine.

    Raises:
        ValueError: No date.
    """
    try:
        parsed = parsedate_to_datetime(date)
        return parsed.replace(tzinfo=parsed.tzinfo or timezone.utc).timestamp()
    # The parser is lenient and leaves odd parts to datetime, which refuses them in its own ways.
    except (TypeError, IndexError, OverflowError) as error:
        raise ValueError("no date") from error
