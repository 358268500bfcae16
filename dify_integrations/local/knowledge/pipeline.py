"""What a scripted knowledge pipeline does: its data sources, what they find, and the documents of a run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..datasets import NAMESPACE, Dataset
from ..replies import ApiError
from ..state import State
from .documents import Document, SourceFile
from .shown import AUTHOR
from .writing import Config, Source, create, kept

KINDS = ("local_file", "online_document", "website_crawl", "online_drive")
_TITLES = {
    "local_file": "File",
    "online_document": "Online documents",
    "website_crawl": "Website",
    "online_drive": "Online drive",
}


@dataclass(frozen=True)
class Node:
    """A data source of a pipeline."""

    id: str
    kind: str

    @property
    def shown(self) -> dict[str, Any]:
        """The node in the list of data sources."""
        credential = {"id": str(uuid.uuid5(NAMESPACE, self.id)), "name": AUTHOR, "type": "api-key", "is_default": True}
        return {
            "node_id": self.id,
            "plugin_id": f"local/{self.kind}_datasource",
            "provider_name": self.kind,
            "datasource_type": self.kind,
            "title": _TITLES[self.kind],
            "user_input_variables": [],
            "credentials": [] if self.kind == "local_file" else [credential],
        }


def nodes(owner: Dataset) -> list[Node]:
    """The data sources of a dataset's pipeline; their ids are digits, as Dify's are."""
    return [Node(str(uuid.uuid5(uuid.UUID(owner.id), kind).int)[:13], kind) for kind in owner.pipeline]


def node_frames(owner: Dataset, node_id: str, kind: str) -> Iterator[dict[str, Any]]:
    """What running one data source says; a node that is not there is told in the stream."""
    if node_id not in {node.id for node in nodes(owner)}:
        yield {"event": "datasource_error", "error": "Datasource node data not found"}
    elif kind == "local_file":
        yield {"event": "datasource_error", "error": "Unsupported datasource provider: local_file"}
    else:
        found = _found(kind)
        if kind == "website_crawl":
            yield {"event": "datasource_processing", "total": 1, "completed": 0}
        yield {"event": "datasource_completed", "data": found, "total": len(found), "completed": len(found), "time_consuming": 0.0}


def _found(kind: str) -> list[dict[str, Any]]:
    if kind == "website_crawl":
        crawled = {"source_url": "http://localhost/", "title": "A page", "description": "What it is about."}
        return [{**crawled, "content": "A page that the scripted crawler found."}]
    if kind == "online_drive":
        file = {"id": "file-1", "name": "notes.txt", "size": 20, "type": "file"}
        return [{"bucket": "", "files": [file], "is_truncated": False, "next_page_parameters": None}]
    page: dict[str, Any] = {"page_id": "page-1", "page_name": "A page", "type": "page", "parent_id": "root", "page_icon": None}
    workspace: dict[str, Any] = {"workspace_id": "workspace-1", "workspace_name": AUTHOR, "workspace_icon": None, "total": 1}
    return [{**workspace, "pages": [{**page, "last_edited_time": "2026-01-01T00:00:00.000Z"}]}]


def sources(state: State, body: Mapping[str, Any]) -> list[Source]:
    """The documents that a run is asked to make.

    Raises:
        ApiError: 500 `pipeline_run_error`, as for everything that goes wrong in a run.
    """
    try:
        return [_source(state, body["datasource_type"], info) for info in body["datasource_info_list"]]
    except KeyError as error:
        raise ApiError(500, "pipeline_run_error", str(error)) from None


def _source(state: State, kind: str, info: Mapping[str, Any]) -> Source:
    if kind == "local_file":
        # 1.14 says `related_id`, the main branch `reference`.
        wanted = str(info["reference"] if "reference" in info else info["related_id"])
        file = state.knowledge.uploads.get(wanted)
        if file is None:
            raise ApiError(500, "pipeline_run_error", "File not found")
        return Source(info.get("name") or file.name, file)
    if kind == "online_document":
        workspace, page = info["workspace_id"], info["page"]
        name, text = page.get("page_name"), f"Page {page['page_id']} of workspace {workspace}."
    elif kind == "website_crawl":
        name, text = info.get("title"), f"The page at {info['url']}."
    else:
        name, text = info.get("name"), f"The {info['type']} {info['id']} of the drive."
    return Source(name or "untitled", _text_file(state, name or "untitled", text))


def _text_file(state: State, name: str, text: str) -> SourceFile:
    return kept(state, name, "txt", "text/plain", text.encode())


def run_published(state: State, owner: Dataset, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make the documents and leave their indexing to the server; the answer comes before it."""
    made = [create(state, owner, source, Config(form="text_model")) for source in sources(state, body)]
    batch = made[0].batch if made else state.knowledge.batch(state.clock())
    for document in made:
        document.batch, document.created_from = batch, "rag-pipeline"
        document.source_type = body["datasource_type"]
    shown = {"id": owner.id, "name": owner.name, "description": owner.description, "chunk_structure": "text_model"}
    listed = [_shown(document, info) for document, info in zip(made, body["datasource_info_list"], strict=True)]
    return {"batch": batch, "dataset": shown, "documents": listed}


def _shown(document: Document, info: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": document.id,
        "position": document.position,
        "data_source_type": document.source_type,
        "data_source_info": dict(info),
        "name": document.name,
        "indexing_status": document.status,
        "error": document.progress.error,
        "enabled": document.enabled,
    }
