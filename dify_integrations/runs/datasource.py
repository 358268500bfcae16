"""The meaning of a data source's stream, which has its own events, no ids, and no last one: it ends with its body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.failure import server_text
from ..errors import RunFailed
from ..events.datasource import DatasourceCompletedEvent, DatasourceErrorEvent
from .fold import Fold
from .terminal import Shape, Verdict

if TYPE_CHECKING:
    from ..core.jsonio import JsonValue
    from ..events.base import Event
    from .items import Item


class DatasourceFold(Fold):
    """Folds the run of one data source node; what it found becomes `outputs["data"]` of the result."""

    def __init__(self) -> None:
        super().__init__(Shape.WORKFLOW)
        self._found: list[JsonValue] = []
        self._completed = False

    @property
    def ends_here(self) -> bool:
        """Whether the run is over, or would be with the end of the body."""
        return self.over or self._completed

    def feed(self, event: Event) -> Sequence[Item]:
        """The items this event means: none but the end."""
        if self.over:
            return ()
        if isinstance(event, DatasourceCompletedEvent):
            self._completed = True
            self._found += event.data
            self._known |= {"outputs": {"data": [*self._found]}, "elapsed_s": event.time_consuming}
            return ()
        if isinstance(event, DatasourceErrorEvent):
            self._error = RunFailed(server_text(event.error))
            self._known["error"] = server_text(event.error)
            return self._close(Verdict.FAILED)
        return super().feed(event)

    def end(self) -> Sequence[Item]:
        """The stream is at its end, which is all it owes once something was found."""
        return self._close(Verdict.COMPLETE) if self._completed and not self.over else ()
