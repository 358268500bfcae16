"""What the LlamaIndex adapters raise beside the client's own errors."""

from __future__ import annotations

from dify_integrations.errors import RunError


class DifyPausedError(RunError):
    """The run waits for a person, and the caller wants no half result; `result.pause` has the forms."""
