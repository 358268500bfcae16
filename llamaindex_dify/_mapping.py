"""Hits, and what knowledge bases hold, as LlamaIndex' nodes and documents; and nodes as what they are told to keep.

What an app answers is the business of `_answers`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)

from dify_integrations.bridge.hits import Hit
from dify_integrations.bridge.indexing import CUT, Entry, given_back, without_own
from dify_integrations.bridge.stored import text_of, values_of, whole_text
from dify_integrations.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dify_integrations.models.documents import Document as Kept
    from dify_integrations.models.segments import Segment

_NOT_FOR_PROMPTS = ("document_id", "dataset_id", "segment_position", "data_source_type", "summary", "parent_content")


# -- what a search found


def node_of(hit: Hit) -> NodeWithScore:
    """A hit as a node. Nothing that changes from query to query goes into the metadata: the node's hash covers it."""
    own_id, metadata = _own(hit.document_id, hit.document_metadata)
    facts = {
        "document_name": hit.document_name,
        "document_id": hit.document_id,
        "dataset_id": hit.dataset_id,
        "segment_position": hit.position,
        "data_source_type": hit.data_source_type,
        "summary": hit.summary,
        "parent_content": hit.parent.text if hit.parent else None,
    }
    node = TextNode(id_=hit.id, text=hit.text, metadata={**metadata, **_known(facts)}, **_excluded())
    if own_id:
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=own_id, node_type=ObjectType.DOCUMENT)
    if hit.parent:
        node.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(node_id=hit.parent.id)
    if hit.children:
        node.relationships[NodeRelationship.CHILD] = [_child(child) for child in hit.children]
    return NodeWithScore(node=node, score=hit.score)


def image_nodes_of(hit: Hit) -> list[NodeWithScore]:
    """The images of a passage, each with its id in the metadata, so that no two have the same hash."""
    passage = node_of(hit).node
    nodes: list[NodeWithScore] = []
    for file in hit.files:
        address, kind = file.get("source_url"), str(file.get("mime_type") or "")
        if not address or not kind.startswith("image/"):
            continue
        facts = _known({"file_id": file.get("id"), "file_name": file.get("name")})
        node = ImageNode(
            id_=str(file.get("id") or f"{hit.id}/{len(nodes)}"),
            image_url=address,
            image_mimetype=kind,
            metadata={**passage.metadata, **facts},
            **_excluded("file_id"),
        )
        node.relationships = {name: value for name, value in passage.relationships.items() if name is NodeRelationship.SOURCE}
        nodes.append(NodeWithScore(node=node, score=hit.score))
    return nodes


def _child(child: Mapping[str, Any]) -> RelatedNodeInfo:
    return RelatedNodeInfo(
        node_id=str(child.get("id")), metadata={name: child.get(name) for name in ("position", "score", "content")}
    )


def _own(document_id: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Id and metadata of a document: its own where it was put in under one, else Dify's."""
    entry_id, metadata = given_back(values) or (document_id, {})
    return entry_id, {**without_own(values), **metadata}


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _excluded(*more: str) -> dict[str, list[str]]:
    return {name: [*_NOT_FOR_PROMPTS, *more] for name in ("excluded_llm_metadata_keys", "excluded_embed_metadata_keys")}


def nodes_of_documents(documents: Any) -> list[NodeWithScore]:
    """What a knowledge node of a run found, or what an answer cites, as nodes."""
    found = [document for document in documents if isinstance(document, dict)] if isinstance(documents, list) else []
    return [_found(document) for document in found]


def _found(document: dict[str, Any]) -> NodeWithScore:
    about = document.get("metadata")
    about = about if isinstance(about, dict) else document
    text, score = str(document.get("content") or ""), about.get("score")
    dataset_id = str(about.get("dataset_id") or "")
    hit = Hit(
        id=str(about.get("segment_id") or uuid5(NAMESPACE_URL, f"{dataset_id}\n{text}")),
        text=text,
        score=score if isinstance(score, (int, float)) else None,
        dataset_id=dataset_id,
        document_id=str(about.get("document_id") or ""),
        document_name=str(about.get("document_name") or ""),
    )
    return node_of(hit)


# -- what a knowledge base holds


def whole_document(document: Kept, segments: Iterable[Segment], dataset_id: str) -> Document:
    """A document, its chunks put together."""
    own_id, metadata = _told(document, dataset_id)
    return Document(id_=own_id, text=whole_text(segments), metadata=metadata, **_excluded())


def segment_document(segment: Segment, document: Kept, dataset_id: str) -> Document:
    """One chunk; its id is the one a retrieval tells."""
    own_id, metadata = _told(document, dataset_id)
    metadata |= _known({"segment_position": segment.position, "summary": segment.summary})
    made = Document(id_=segment.id, text=text_of(segment), metadata=metadata, **_excluded())
    made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=own_id, node_type=ObjectType.DOCUMENT)
    return made


def _told(document: Kept, dataset_id: str) -> tuple[str, dict[str, Any]]:
    own_id, metadata = _own(document.id, values_of(document))
    facts = {
        "document_name": document.name,
        "document_id": document.id,
        "dataset_id": dataset_id,
        "data_source_type": document.data_source_type,
    }
    return own_id, {**metadata, **_known(facts)}


# -- what a knowledge base is to hold


def entries_of(nodes: Sequence[BaseNode], *, chunked: bool) -> list[Entry]:
    """Nodes as documents: those of one source are one, in their order.

    Args:
        nodes: With a text each. A document is its own source, as everywhere in core.
        chunked: Whether each node is to be one chunk, because nobody said how else to cut.

    Raises:
        InvalidArgument: A node without a text, or metadata that JSON cannot hold.
    """
    sources: dict[str, list[BaseNode]] = {}
    for node in nodes:
        if not node.get_content(MetadataMode.NONE).strip():
            raise InvalidArgument(f"node {node.node_id!r} has no text, and Dify keeps nothing else")
        sources.setdefault(source_of(node), []).append(node)
    return [_entry(source, parts, CUT if chunked else "\n\n") for source, parts in sources.items()]


def source_of(node: BaseNode) -> str:
    """The id that a node is kept under."""
    return node.node_id if isinstance(node, Document) else node.ref_doc_id or node.node_id


def _entry(source: str, parts: Sequence[BaseNode], between: str) -> Entry:
    first, *others = (part.metadata for part in parts)
    # What only some of the nodes say is not said of the document.
    metadata = {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
    text = between.join(part.get_content(MetadataMode.NONE) for part in parts)
    return Entry(source, text, metadata, mark=_mark(text, metadata))


def _mark(text: str, metadata: Mapping[str, Any]) -> str:
    told = json.dumps([text, metadata], sort_keys=True, default=str)  # what JSON cannot hold, the entry refuses
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
