"""The end users an app has met."""

from __future__ import annotations

from dataclasses import dataclass, field

# Who calls without naming a user.
DEFAULT_USER = "DEFAULT-USER"


@dataclass(frozen=True)
class EndUser:
    """An end user of one app; `name` is what the caller passes as `user`."""

    id: str
    name: str
    created_at: int


@dataclass
class People:
    """Who called which app, by app id and end-user id."""

    known: dict[tuple[str, str], EndUser] = field(default_factory=dict)

    def meet(self, app_id: str, user: EndUser) -> None:
        """Remember a caller; the first meeting counts."""
        self.known.setdefault((app_id, user.id), user)
