"""Frames and the objects in them, written by hand from the contract: bytes, usage, node and file shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .datasets import Hit

PING = b"event: ping\n\n"

JsonObject = dict[str, Any]


def data(payload: Mapping[str, Any]) -> bytes:
    """One event as Dify sends it: one line of compact raw UTF-8 JSON."""
    return b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def usage(prompt_tokens: int, completion_tokens: int, *, latency: float, first: float | None = 0.0) -> JsonObject:
    """The usage object; prices are strings, 0.001 and 0.002 per thousand tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "prompt_unit_price": "0.001",
        "prompt_price_unit": "0.001",
        "prompt_price": _price(prompt_tokens),
        "completion_tokens": completion_tokens,
        "completion_unit_price": "0.002",
        "completion_price_unit": "0.001",
        "completion_price": _price(2 * completion_tokens),
        "total_tokens": prompt_tokens + completion_tokens,
        "total_price": _price(prompt_tokens + 2 * completion_tokens),
        "currency": "USD",
        "latency": latency,
        "time_to_first_token": first,
        "time_to_generate": None if first is None else max(latency - first, 0.0),
    }


def _price(millionths: int) -> str:
    # A stopped run carries Decimal zero, which Dify prints in exponent form.
    return f"{millionths / 1_000_000:.7f}" if millionths else "0E-7"


def no_usage() -> JsonObject:
    """The usage of a step that called no model; here every price is `0.0`."""
    free = dict.fromkeys(("prompt_unit_price", "prompt_price_unit", "prompt_price"), "0.0")
    paid = dict.fromkeys(("completion_unit_price", "completion_price_unit", "completion_price"), "0.0")
    tail = {"total_tokens": 0, "total_price": "0.0", "currency": "USD", "latency": 0.0}
    times = {"time_to_first_token": None, "time_to_generate": None}
    return {"prompt_tokens": 0, **free, "completion_tokens": 0, **paid, **tail, **times}


def resource(hit: Hit | Mapping[str, Any], position: int, *, in_flow: bool) -> JsonObject:
    """One entry of `retriever_resources`; chat apps leave the segment counters null."""
    if not isinstance(hit, Hit):
        return {"position": position, **hit}
    return {
        "position": position,
        "dataset_id": hit.dataset.id,
        "dataset_name": hit.dataset.name,
        "document_id": hit.document.id,
        "document_name": hit.document.name,
        "data_source_type": "upload_file",
        "segment_id": hit.segment.id,
        "retriever_from": "workflow" if in_flow else "api",
        "score": hit.score,
        "hit_count": hit.segment.hit_count if in_flow else None,
        "word_count": len(hit.segment.content) if in_flow else None,
        "segment_position": hit.segment.position if in_flow else None,
        "index_node_hash": hit.segment.content_hash if in_flow else None,
        "content": hit.segment.content,
        "page": None,
        "doc_metadata": dict(hit.document.metadata),
        "title": None,
        "files": None,
        "summary": None,
    }


def retrieved(hit: Hit, position: int) -> JsonObject:
    """One entry of a knowledge-retrieval node's `result`."""
    return {
        "metadata": {
            "_source": "knowledge",
            "dataset_id": hit.dataset.id,
            "dataset_name": hit.dataset.name,
            "document_id": hit.document.id,
            "document_name": hit.document.name,
            "data_source_type": "upload_file",
            "segment_id": hit.segment.id,
            "retriever_from": "workflow",
            "score": hit.score,
            "child_chunks": [],
            "segment_hit_count": hit.segment.hit_count,
            "segment_word_count": len(hit.segment.content),
            "segment_position": hit.segment.position,
            "segment_index_node_hash": hit.segment.content_hash,
            "doc_metadata": dict(hit.document.metadata),
            "position": position,
        },
        "title": hit.document.name,
        "files": None,
        "content": hit.segment.content,
        "summary": None,
    }


def node_started(
    execution_id: str,
    node_id: str,
    type: str,
    title: str,
    created_at: int,
    *,
    iteration_id: str | None = None,
    loop_id: str | None = None,
) -> JsonObject:
    """`data` of a `node_started` frame."""
    return {
        "id": execution_id,
        "node_id": node_id,
        "node_type": type,
        "title": title,
        "index": 1,
        "predecessor_node_id": None,
        "inputs": None,
        "inputs_truncated": False,
        "created_at": created_at,
        "extras": {},
        "iteration_id": iteration_id,
        "loop_id": loop_id,
        "agent_strategy": None,
    }


def node_finished(
    started: JsonObject,
    *,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    process_data: Mapping[str, Any],
    status: str,
    error: str | None,
    elapsed_time: float,
    execution_metadata: JsonObject | None,
    finished_at: int,
) -> JsonObject:
    """`data` of a `node_finished` (or `node_retry`) frame, from its `node_started`."""
    return {
        **{key: started[key] for key in ("id", "node_id", "node_type", "title", "index", "predecessor_node_id")},
        "inputs": dict(inputs),
        "inputs_truncated": False,
        "process_data": dict(process_data),
        "process_data_truncated": False,
        "outputs": dict(outputs),
        "outputs_truncated": False,
        "status": status,
        "error": error,
        "elapsed_time": elapsed_time,
        "execution_metadata": execution_metadata,
        "created_at": started["created_at"],
        "finished_at": finished_at,
        "files": [],
        "iteration_id": started["iteration_id"],
        "loop_id": started["loop_id"],
    }
