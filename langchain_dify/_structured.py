"""Answers as data: read from JSON or from a tool call, checked against a schema, complained of once when they do not fit."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from typing_extensions import override

from dify_integrations.bridge.structured import complaint, partial, readings

from ._demand import next_turn
from ._shapes import Misfit, Shape
from .errors import DifyRefusalError

Method = Literal["json_schema", "function_calling", "json_mode"]
_ANSWERED = ("stop", "tool_calls")
_UNFINISHED = {"stopped": "it was stopped before its end", "paused": "the app waits for a person before it goes on"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer as it was read: its value, or why there is none and what the model can do about it."""

    raw: AIMessage
    value: Any = None
    error: Exception | None = None
    complaint: str | None = None


class StructuredOutput(Runnable[LanguageModelInput, Any]):
    """A chat model whose answers are of a shape. Made by `ChatDify.with_structured_output`.

    Args:
        bound: The model, told of the shape.
        shape: What answers are to be.
        method: How it was told.
        include_raw: Whether to give the message too, and errors instead of raising them.
    """

    def __init__(
        self,
        bound: Runnable[LanguageModelInput, AIMessage],
        shape: Shape,
        *,
        method: Method,
        include_raw: bool,
    ) -> None:
        self.name = f"structured_{shape.name}"
        self._bound = bound
        self._shape = shape
        self._method = method
        self._include_raw = include_raw

    @property
    @override
    def OutputType(self) -> Any:
        value = self._shape.schema if isinstance(self._shape.schema, type) else dict[str, Any]
        return dict[str, Any] if self._include_raw else value

    @override
    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self._call_with_config(self._invoke, input, config, **kwargs)  # type: ignore[arg-type]  # core gives what is asked for by name

    @override
    async def ainvoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return await self._acall_with_config(self._ainvoke, input, config, **kwargs)  # type: ignore[arg-type]  # core gives what is asked for by name

    @override
    def stream(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        return self._transform_stream_with_config(iter([input]), self._stream, config, **kwargs)  # type: ignore[arg-type]  # core gives what is asked for by name

    @override
    def astream(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        async def given() -> AsyncIterator[LanguageModelInput]:
            yield input

        return self._atransform_stream_with_config(given(), self._astream, config, **kwargs)  # type: ignore[arg-type]  # core gives what is asked for by name

    # -- the four drivers

    def _invoke(self, input: LanguageModelInput, config: RunnableConfig, **kwargs: Any) -> Any:
        outcome = self._read(self._bound.invoke(input, config, **kwargs))
        if outcome.complaint is not None:
            said, told = self._again(input, outcome, kwargs)
            outcome = self._read(self._bound.invoke(said, config, **told))
        return self._told(outcome)

    async def _ainvoke(self, input: LanguageModelInput, config: RunnableConfig, **kwargs: Any) -> Any:
        outcome = self._read(await self._bound.ainvoke(input, config, **kwargs))
        if outcome.complaint is not None:
            said, told = self._again(input, outcome, kwargs)
            outcome = self._read(await self._bound.ainvoke(said, config, **told))
        return self._told(outcome)

    def _stream(
        self,
        inputs: Iterator[LanguageModelInput],
        config: RunnableConfig,
        **kwargs: Any,
    ) -> Iterator[Any]:
        given = next(inputs)
        answer = _Growing(grows=self._grows)
        for chunk in self._bound.stream(given, config, **kwargs):
            yield from answer.grown(chunk)
        outcome = self._read(answer.whole)
        if outcome.complaint is not None:
            said, told = self._again(given, outcome, kwargs)
            outcome = self._read(self._bound.invoke(said, config, **told))
        yield from answer.rest(self._told(outcome))

    async def _astream(
        self,
        inputs: AsyncIterator[LanguageModelInput],
        config: RunnableConfig,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        given = await anext(inputs)
        answer = _Growing(grows=self._grows)
        async with aclosing(cast("AsyncGenerator[AIMessage, None]", self._bound.astream(given, config, **kwargs))) as chunks:
            async for chunk in chunks:
                for piece in answer.grown(chunk):
                    yield piece
        outcome = self._read(answer.whole)
        if outcome.complaint is not None:
            said, told = self._again(given, outcome, kwargs)
            outcome = self._read(await self._bound.ainvoke(said, config, **told))
        for piece in answer.rest(self._told(outcome)):
            yield piece

    # -- what they share

    @property
    def _grows(self) -> bool:
        return self._shape.grows and not self._include_raw and self._method != "function_calling"

    def _read(self, raw: AIMessage) -> Outcome:
        reason = raw.response_metadata.get("finish_reason")
        if reason == "content_filter":
            said = raw.response_metadata["dify"].get("replaced_answer", raw.text)
            refused = "moderation replaced the answer, so there is no data in it; the message is in .raw"
            return Outcome(raw, error=DifyRefusalError(refused, replacement=str(said), raw=raw))
        wrong: list[str] = []
        for found in self._found(raw):
            try:
                return Outcome(raw, self._shape.value(found))
            except Misfit as misfit:
                wrong = wrong or misfit.problems
        wrong = wrong or [self._missing(raw)]
        error = OutputParserException(
            f"The answer is no {self._shape.name}: {'; '.join(wrong)}. It is in .llm_output. Ask for less at once, choose "
            "another model in the app, or use a workflow with typed outputs (DifyWorkflow)",
            llm_output=raw.text or json.dumps([*raw.tool_calls, *raw.invalid_tool_calls], default=str),
        )
        return Outcome(raw, error=error, complaint=complaint(wrong) if reason in _ANSWERED else None)

    def _found(self, raw: AIMessage) -> Iterator[Any]:
        for call in raw.tool_calls:
            if call["name"] == self._shape.name:
                yield call["args"]
        yield from readings(raw.text)  # a model that was told to call may write the arguments alone

    def _missing(self, raw: AIMessage) -> str:
        reason = raw.response_metadata.get("finish_reason")
        if reason in _UNFINISHED:
            return _UNFINISHED[reason]
        if raw.invalid_tool_calls:
            return f"the call cannot be read: {raw.invalid_tool_calls[0]['args']}"
        return f"it does not call {self._shape.name}" if self._method == "function_calling" else "there is no JSON in it"

    def _again(
        self, input: LanguageModelInput, outcome: Outcome, kwargs: Mapping[str, Any]
    ) -> tuple[list[BaseMessage], dict[str, Any]]:
        bound = getattr(self._bound, "kwargs", {})
        return next_turn(_messages(input), {**bound, **kwargs}, outcome.raw, str(outcome.complaint))

    def _told(self, outcome: Outcome) -> Any:
        if self._include_raw:
            return {"raw": outcome.raw, "parsed": outcome.value, "parsing_error": outcome.error}
        if outcome.error is not None:
            raise outcome.error
        return outcome.value


class _Growing:
    """An answer while it arrives."""

    def __init__(self, *, grows: bool) -> None:
        self._grows = grows
        self._text = ""
        self._shown: Any = None
        self._chunks: list[Any] = []

    def grown(self, chunk: Any) -> Iterator[dict[str, Any]]:
        """The part that is there, when it is more than before."""
        self._chunks.append(chunk)
        if self._grows and chunk.text:
            self._text += chunk.text
            begun = partial(self._text)
            if begun and begun != self._shown:
                self._shown = begun
                yield begun

    @property
    def whole(self) -> AIMessage:
        """The message that the chunks add up to."""
        first, *others = self._chunks
        return cast("AIMessage", first.__add__(others) if others else first)

    def rest(self, value: Any) -> Iterator[Any]:
        """The whole, unless it was shown."""
        if self._shown is None or value != self._shown:
            yield value


def _messages(input: LanguageModelInput) -> list[BaseMessage]:
    if isinstance(input, str):
        return [HumanMessage(input)]
    return input.to_messages() if isinstance(input, PromptValue) else convert_to_messages(input)
