"""The arguments of a tool whose app was not asked for its form: those of a model of the developer's, or anything."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .tool_schema import QUERY, ArgumentSchema

REST = "inputs"


class AnyInputs(BaseModel):
    """The app's variables, when no schema of them is given."""

    model_config = ConfigDict(extra="forbid")  # a variable beside `inputs` would be lost

    inputs: dict[str, Any] = Field(default_factory=dict, description="The app's variables by name.")


class AnyQuestion(BaseModel):
    """What a chat app is asked, when no schema of its variables is given. The question comes first: a text alone is it."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(description="What to ask or tell the app")
    inputs: dict[str, Any] = Field(default_factory=dict, description="The app's variables by name.")


def own_schema(model: type[BaseModel] | None, *, query: bool = False) -> ArgumentSchema:
    """Arguments that no app has told.

    Args:
        model: Its fields are the app's variables. Without one all of them come in one argument, `inputs`.
        query: Whether the app takes a query.
    """
    if model is not None:
        return ArgumentSchema(model, {name: name for name in model.model_fields})
    return ArgumentSchema(AnyQuestion, {QUERY: QUERY}, rest=REST) if query else ArgumentSchema(AnyInputs, {}, rest=REST)
