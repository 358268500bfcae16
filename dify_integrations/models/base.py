"""The bases of what is received and sent: unknown fields kept, immutable, answers open to every server version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..core.dates import unix_seconds
from ..core.jsonio import parse_json
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from typing_extensions import Self

    from ..core.jsonio import JsonObject

T = TypeVar("T")


class Model(BaseModel):
    """An answer of the Service API.

    Fields that this version does not know are kept and come back from `model_dump`. Values of enumerations are plain
    strings, so that a newer server's value is no error. Fields that some servers leave out or send as null are
    optional.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), defer_build=True)


class RequestModel(Model):
    """A part of a request. What cannot be sent is refused with `InvalidArgument` when the object is made.

    Fields that this version does not know are sent as they are, for servers newer than it.
    """

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise _refusal(type(self), error) from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """An instance from a mapping, as `RequestModel(**obj)`.

        Raises:
            InvalidArgument: As the constructor.
        """
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise _refusal(cls, error) from None

    def to_wire(self) -> JsonObject:
        """The object the API takes; fields that are `None` are left out."""
        return self.model_dump(exclude_none=True)


def _refusal(cls: type[RequestModel], error: ValidationError) -> InvalidArgument:
    """The faults as one line, without the values: they may be long, or secret."""
    return InvalidArgument("; ".join(_fault(cls, fault) for fault in error.errors(include_url=False, include_input=False)))


def _fault(cls: type[RequestModel], fault: ErrorDetails) -> str:
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, InvalidArgument):  # an object within says it better
        return cause.message
    return f"{'.'.join([cls.__name__, *map(str, fault['loc'])])}: {fault['msg'].removeprefix('Value error, ')}"


def _listed(value: Any) -> Any:
    return [] if value is None else value


def _json_text(value: Any) -> Any:
    if isinstance(value, str):  # an empty text is a record without values; `{}` is one with none
        return parse_json(value.encode()) if value else None
    return value


def _seconds(value: Any) -> Any:
    return unix_seconds(value) if isinstance(value, str) else value


Listed = Annotated[list[T], BeforeValidator(_listed), Field(default_factory=list)]
"""A list that some servers send as null, or leave out."""

JsonText = Annotated[dict[str, Any] | None, BeforeValidator(_json_text)]
"""An object that older servers send as JSON text."""

Seconds = Annotated[float | None, BeforeValidator(_seconds)]
"""Unix seconds; 0.15 sends RFC 822 dates."""


class Page(Model, Generic[T]):
    """One page of a list.

    Attributes:
        data: The entries.
        has_more: What the server says of a further page; `None` where it says nothing. Dify takes a page that is exactly
            full for one of more, and says `False` for a `limit` above 100.
        limit: Page size as it was asked for, or as the server understood it.
        total: Number of entries in the whole list, where the server tells it.
        page: Number of this page, from 1, for lists with numbers.
    """

    data: Listed[T]
    has_more: bool | None = None
    limit: int | None = None
    total: int | None = None
    page: int | None = None
