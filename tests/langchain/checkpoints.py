"""A graph that talks, and a place on the disk for its threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver, PersistentDict
from langgraph.graph import START, MessagesState, StateGraph
from typing_extensions import Self


def talking(model: Any, saver: Any) -> Any:
    """A graph of one node that answers, its threads kept in `saver`."""

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    return StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile(checkpointer=saver)


class SavedThreads(InMemorySaver):
    """LangGraph's saver, its three tables loaded from and written to a folder."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._files = {name: Path(folder, name) for name in ("storage", "writes", "blobs")}
        self.storage = PersistentDict(dict, filename=str(self._files["storage"]))
        self.writes = PersistentDict(dict, filename=str(self._files["writes"]))
        self.blobs = PersistentDict(filename=str(self._files["blobs"]))

    def __enter__(self) -> Self:
        for name, file in self._files.items():
            if file.exists():
                getattr(self, name).load()
        self.storage.default_factory = lambda: PersistentDict(dict, filename="")
        return self

    def __exit__(self, *_: object) -> None:
        self.storage.default_factory = None
        for thread, namespaces in self.storage.items():
            self.storage[thread] = dict(namespaces)
        for name in self._files:
            getattr(self, name).sync()
