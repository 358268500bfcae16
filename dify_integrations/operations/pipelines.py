"""Knowledge pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from ..core.jsonio import JsonObject
from ..core.operation import Answer, Operation, reading
from ..core.request import segment
from ..errors import InvalidArgument
from ..files import FileInput
from ..models.pipelines import DatasourceItem, DatasourceNodes, DatasourceType, PipelineFile, PipelineRun
from ..runs.blocking import fold_blocking
from ..runs.terminal import Shape
from .catalogue import operation
from .choices import chosen
from .inputs import file_part, whole, wire_inputs

_NODES = TypeAdapter(DatasourceNodes)
_ITEMS = get_args(DatasourceItem)


def upload_file(file: FileInput) -> Operation[PipelineFile]:
    return operation("uploadPipelineFile", reading(PipelineFile.model_validate), files=[file_part(file)])


def datasource_plugins(dataset_id: str, *, is_published: str) -> Operation[DatasourceNodes]:
    return operation(
        "listDatasourcePlugins",
        reading(_NODES.validate_python),
        path={"dataset_id": dataset_id},
        query=[("is_published", is_published)],
    )


def run_datasource_node(
    dataset_id: str,
    node_id: str,
    *,
    datasource_type: DatasourceType,
    inputs: Mapping[str, Any] | None = None,
    credential_id: str | None = None,
    is_published: bool = True,
) -> Operation[Answer]:
    body: JsonObject = {
        "inputs": wire_inputs(inputs),
        "datasource_type": chosen("datasource_type", datasource_type, get_args(DatasourceType)),
        "is_published": is_published,
    }
    if credential_id is not None:
        body["credential_id"] = credential_id
    return operation("runDatasourceNode", whole, path={"dataset_id": dataset_id, "node_id": node_id}, json=body, streams=True)


def run(
    dataset_id: str,
    items: Sequence[DatasourceItem],
    *,
    start_node_id: str,
    inputs: Mapping[str, Any] | None = None,
    datasource_type: DatasourceType | None = None,
    is_published: bool = True,
) -> Operation[PipelineRun]:
    body = _body(items, start_node_id, inputs, datasource_type)
    body |= {"is_published": is_published, "response_mode": "blocking"}
    return operation("runPipeline", _started, path={"dataset_id": dataset_id}, json=body)


def stream(
    dataset_id: str,
    items: Sequence[DatasourceItem],
    *,
    start_node_id: str,
    inputs: Mapping[str, Any] | None = None,
    datasource_type: DatasourceType | None = None,
) -> Operation[Answer]:
    body = _body(items, start_node_id, inputs, datasource_type)
    body |= {"is_published": False, "response_mode": "streaming"}
    return operation("runPipeline", whole, path={"dataset_id": dataset_id}, json=body, streams=True)


def _body(
    items: Sequence[DatasourceItem], start_node_id: str, inputs: Mapping[str, Any] | None, datasource_type: DatasourceType | None
) -> JsonObject:
    if not all(isinstance(item, _ITEMS) for item in items):
        raise InvalidArgument("items must be LocalFile, OnlineDocument, WebsiteCrawl or OnlineDrive")
    kinds = {item.datasource_type for item in items} | ({datasource_type} if datasource_type else set())
    if len(kinds) != 1:
        raise InvalidArgument("items must be of one kind; without items, datasource_type says which")
    return {
        "inputs": wire_inputs(inputs),
        "datasource_type": chosen("datasource_type", kinds.pop(), get_args(DatasourceType)),
        "datasource_info_list": [item.to_wire() for item in items],
        "start_node_id": segment("start_node_id", start_node_id),
    }


def _started(answer: Answer) -> PipelineRun:
    run = reading(PipelineRun.model_validate)(answer)
    if run.data is not None:
        fold_blocking(answer, Shape.WORKFLOW)  # raises what a failed run raises
    return run
