"""What the LlamaIndex adapters raise beside the client's own errors, which `dify_integrations.errors` draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dify_integrations.errors import RunError

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse

    from dify_integrations.runs.result import RunResult


class DifyPausedError(RunError):
    """The run waits for a person, and the caller wants no half result; `result.pause` has the forms."""


class DifyModerationError(RunError):
    """The app withdrew its answer and put another text in its place, and `on_replace` is `raise`.

    Attributes:
        replacement: The text that stands instead.
        response: The answer that `on_replace="annotate"` would have given.
    """

    def __init__(self, *, replacement: str, response: ChatResponse, result: RunResult) -> None:
        super().__init__("the answer was replaced by moderation, and on_replace is 'raise'", result=result)
        self.replacement = replacement
        self.response = response
