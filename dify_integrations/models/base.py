"""The base of every answer: unknown fields kept, immutable, open to every server version."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An answer of the Service API.

    Fields that this version does not know are kept and come back from `model_dump`. Values of enumerations are plain
    strings, so that a newer server's value is no error. Fields that some servers leave out or send as null are
    optional.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), defer_build=True)
