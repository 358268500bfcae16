"""The apps a server hosts, and the turn a script is given."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .datasets import NAMESPACE, Dataset, Hit, search_all
from .says import Say
from .variables import Variable

MODES = ("completion", "chat", "agent-chat", "advanced-chat", "workflow", "agent")
SPEECH = ("off", "on", "auto")


@dataclass(frozen=True)
class Turn:
    """One call of an app, as its script sees it.

    Attributes:
        query: The user's words; empty in workflows.
        inputs: The validated form values.
        user: The end user's name.
        files: The files of the call, as the caller sent them.
        history: Earlier (query, answer) pairs of the conversation.
        app: The app that was called.
    """

    query: str
    inputs: Mapping[str, Any]
    user: str
    files: Sequence[Mapping[str, Any]]
    history: Sequence[tuple[str, str]]
    app: App

    def retrieve(self, query: str | None = None, *, top_k: int = 3) -> list[Hit]:
        """The best segments of the app's datasets for a query (default: the turn's own)."""
        return search_all(self.app.datasets, self.query if query is None else query, top_k=top_k)


Script = Callable[[Turn], Iterable[Say] | AsyncIterable[Say]]


class App:
    """One app with its own key.

    Args:
        name: Its name; ids and the key derive from it.
        mode: `completion`, `chat`, `agent-chat`, `advanced-chat`, `workflow`, or `agent` (New Agent, servers from 1.14.3).
        script: What it says; the default one answers from its datasets, from the prompt or by echo. It runs on the
            server's event loop: use `Wait` and `Gate` instead of sleeping or blocking.
        inputs_form: Entries of `user_input_form`, such as `{"text-input": {"variable": "topic", "required": True}}`.
        description: Shown by `/info`.
        datasets: What `Turn.retrieve` and the default script search.
        opening_statement: Shown by `/parameters`; also the introduction of a conversation.
        api_key: A fixed key instead of the derived one.
        suggested_questions: Follow-up questions; `None` means the feature is off.
        files: Whether files are accepted; when off they are ignored without an error.
        opening_questions: Questions offered before the first turn; shown by `/parameters`.
        conversation_variables: What every conversation of a chatflow keeps.
        speech: `off`, `on` (the audio routes answer), or `auto` (chats are read aloud as well).
        tool_icons: Shown by `/meta`: an address or a colored emoji per tool.
        published: An unpublished app answers no call but `/info`, `/meta` and `/site`.
        api_enabled: When off every call is refused with 403.
        max_active_requests: Runs at once; more are refused. `None` is no ceiling.
    """

    def __init__(
        self,
        name: str,
        mode: str = "chat",
        script: Script | None = None,
        inputs_form: Sequence[Mapping[str, Mapping[str, Any]]] = (),
        description: str = "",
        datasets: Sequence[Dataset] = (),
        opening_statement: str = "",
        api_key: str | None = None,
        *,
        suggested_questions: Sequence[str] | None = ("What is a follow-up?", "Can you give an example?"),
        files: bool = True,
        opening_questions: Sequence[str] = (),
        conversation_variables: Sequence[Variable] = (),
        speech: str = "on",
        tool_icons: Mapping[str, Any] | None = None,
        published: bool = True,
        api_enabled: bool = True,
        max_active_requests: int | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"Unknown mode {mode!r}; use one of {', '.join(MODES)}.")
        if speech not in SPEECH:
            raise ValueError(f"Unknown speech {speech!r}; use one of {', '.join(SPEECH)}.")
        self.name = name
        self.mode = mode
        self.script = script
        self.inputs_form = list(inputs_form)
        self.description = description
        self.datasets = list(datasets)
        self.opening_statement = opening_statement
        self.suggested_questions = suggested_questions
        self.files = files
        self.opening_questions = list(opening_questions)
        self.conversation_variables = list(conversation_variables)
        self.speech = speech
        self.tool_icons = dict(tool_icons or {})
        self.published = published
        self.api_enabled = api_enabled
        self.max_active_requests = max_active_requests
        self.id = self._derive("app")
        self.workflow_id = self._derive("workflow")
        self.api_key = api_key or "app-" + uuid.UUID(self._derive("key")).hex[:24]

    def _derive(self, kind: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{kind}/{self.name}"))

    @property
    def is_chat(self) -> bool:
        """Whether `/chat-messages` and the conversation routes serve it."""
        return self.mode in {"chat", "agent-chat", "advanced-chat", "agent"}

    @property
    def is_flow(self) -> bool:
        """Whether it runs a graph: chatflow or workflow."""
        return self.mode in {"advanced-chat", "workflow"}

    @property
    def variables(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The form as (type, item) pairs."""
        return [pair for entry in self.inputs_form for pair in entry.items()]
