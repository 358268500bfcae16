"""Items and results as chat responses, hits as nodes: the only place where Dify turns into LlamaIndex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from llama_index.core.schema import NodeRelationship, NodeWithScore, ObjectType, RelatedNodeInfo, TextNode

if TYPE_CHECKING:
    from dify_integrations.bridge.hits import Hit

_IDS = ("conversation_id", "message_id", "task_id", "workflow_run_id")
_NOT_FOR_PROMPTS = ["document_id", "dataset_id", "segment_position", "data_source_type", "summary", "parent_content"]


def node_of(hit: Hit) -> NodeWithScore:
    """A hit as a node. Nothing that changes from query to query goes into the metadata: the node's hash covers it."""
    children = [
        RelatedNodeInfo(node_id=str(child.get("id")), metadata={name: child.get(name) for name in ("position", "score", "content")})
        for child in hit.children
    ]
    node = _text_node(hit.id, hit.text, hit)
    if children:
        node.relationships[NodeRelationship.CHILD] = children
    return NodeWithScore(node=node, score=hit.score)


def child_nodes_of(hit: Hit) -> list[NodeWithScore]:
    """The exact hits inside a parent passage, each with the passage in `metadata["parent_content"]`.

    The passage itself where the knowledge base has no children.
    """
    nodes = []
    for child in hit.children:
        node = _text_node(str(child.get("id")), str(child.get("content") or ""), hit)
        node.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(node_id=hit.id)
        node.metadata["parent_content"] = hit.text
        nodes.append(NodeWithScore(node=node, score=child.get("score")))
    return nodes or [node_of(hit)]


def _text_node(node_id: str, text: str, hit: Hit) -> TextNode:
    facts = {
        "document_name": hit.document_name,
        "document_id": hit.document_id,
        "dataset_id": hit.dataset_id,
        "segment_position": hit.position,
        "data_source_type": hit.data_source_type,
        "summary": hit.summary,
    }
    node = TextNode(
        id_=node_id,
        text=text,
        metadata={**hit.document_metadata, **{name: value for name, value in facts.items() if value not in (None, "")}},
        excluded_llm_metadata_keys=list(_NOT_FOR_PROMPTS),
        excluded_embed_metadata_keys=list(_NOT_FOR_PROMPTS),
    )
    if hit.document_id:
        source = RelatedNodeInfo(node_id=hit.document_id, node_type=ObjectType.DOCUMENT)
        node.relationships[NodeRelationship.SOURCE] = source
    return node


def nodes_of_documents(documents: Any) -> list[NodeWithScore]:
    """What a knowledge node of a run found, or what an answer cites, as nodes."""
    found = [document for document in documents if isinstance(document, dict)] if isinstance(documents, list) else []
    return [_found(document) for document in found]


def _found(document: dict[str, Any]) -> NodeWithScore:
    about = document.get("metadata")
    about = about if isinstance(about, dict) else document
    text = str(document.get("content") or "")
    score = about.get("score")
    facts = {name: about.get(name) for name in ("document_name", "document_id", "dataset_id")}
    node_id = about.get("segment_id") or uuid5(NAMESPACE_URL, f"{facts['dataset_id']}\n{text}")
    metadata = {name: value for name, value in facts.items() if value}
    node = TextNode(id_=str(node_id), text=text, metadata=metadata)
    return NodeWithScore(node=node, score=score if isinstance(score, (int, float)) else None)
