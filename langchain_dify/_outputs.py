"""A workflow's outputs as dictionaries, whole and in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.runnables import AddableDict
from typing_extensions import override

from dify_integrations.bridge.record import pause_record

if TYPE_CHECKING:
    from dify_integrations import RunResult


def outputs_of(result: RunResult) -> dict[str, Any]:
    """The outputs; the streamed text when there are none, and under `pause` the forms the run waits for."""
    outputs: dict[str, Any] = dict(result.outputs) or ({"text": result.text} if result.text else {})
    pause = pause_record(result)
    return outputs if pause is None else {**outputs, "pause": pause}


class OutputsChunk(AddableDict):
    """A piece of a stream: `{"text": …}` while the workflow runs, in the end its outputs, which stand for all pieces.

    So all pieces added up are the outputs.

    Attributes:
        is_last: Whether these are the outputs.
    """

    is_last = False

    @classmethod
    def last(cls, result: RunResult) -> OutputsChunk:
        """The outputs of a run that is over."""
        return cls.whole(outputs_of(result))

    @classmethod
    def whole(cls, outputs: dict[str, Any]) -> OutputsChunk:
        """These outputs."""
        chunk = cls(outputs)
        chunk.is_last = True
        return chunk

    @override
    def __add__(self, other: AddableDict) -> OutputsChunk:
        if isinstance(other, OutputsChunk) and other.is_last:
            return other
        return OutputsChunk(super().__add__(other))

    @override
    def __radd__(self, other: AddableDict) -> OutputsChunk:
        return self if self.is_last else OutputsChunk(super().__radd__(other))
