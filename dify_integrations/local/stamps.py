"""The ways Dify writes a time down, from Unix seconds."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime


def iso(seconds: float) -> str:
    """ISO 8601 in UTC without a zone, as in feedback entries and end users."""
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None).isoformat()


def rfc822(seconds: float) -> str:
    """As 0.15 shows the times of a run: `Fri, 20 Nov 2026 09:47:36 -0000`."""
    return format_datetime(datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None))


def version_stamp(seconds: float) -> str:
    """As the version of a published workflow is written."""
    return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None, microsecond=1).isoformat(sep=" ")
