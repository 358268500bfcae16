"""Knowledge pipelines: their data sources, files for them, one source run alone, the whole run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import frames
from ..channel import Channel, EventStream, Signal
from ..datasets import Dataset
from ..knowledge import chunking, pipeline
from ..knowledge.checks import Fields
from ..knowledge.shown import ACCOUNT
from ..knowledge.trial import Trial
from ..knowledge.writing import kept
from ..replies import ApiError, answer, generated, invalid
from ..stamps import iso
from ..state import State
from .access import check_dataset_key, dataset_of, json_body, state_of


async def upload(request: Request) -> Response:
    """POST /datasets/pipeline/file-upload."""
    check_dataset_key(request)
    state = state_of(request)
    async with request.form() as form:
        parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(400, "no_file_uploaded", "Please upload your file.")
        if len(parts) > 1:
            raise ApiError(400, "too_many_files", "Only one file is allowed.")
        if not file.filename:
            raise ApiError(400, "filename_not_exists_error", "The specified filename does not exist.")
        content = await file.read()
    stored = kept(state, file.filename, chunking.extension(file.filename), file.content_type or "", content)
    state.knowledge.uploads[stored.id] = stored
    shown = {"id": stored.id, "name": stored.name, "size": len(content), "extension": stored.extension}
    more = {"mime_type": stored.mime_type, "created_by": ACCOUNT, "created_at": iso(stored.created_at)}
    return answer({**shown, **more}, status=201)


async def plugins(request: Request) -> Response:
    """GET /datasets/{dataset_id}/pipeline/datasource-plugins: a bare list, the same for draft and published pipeline."""
    owner = _with_pipeline(dataset_of(request))
    return answer([node.shown for node in pipeline.nodes(owner)])


def _with_pipeline(owner: Dataset) -> Dataset:
    if not owner.pipeline:
        raise invalid("Pipeline not found")
    return owner


async def run_node(request: Request) -> EventStream:
    """POST /datasets/{dataset_id}/pipeline/datasource/nodes/{node_id}/run."""
    owner, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    _check(Fields("DatasourceNodeRunPayload", body), body, "inputs", "datasource_type", "is_published")
    said = pipeline.node_frames(_with_pipeline(owner), str(request.path_params["node_id"]), body["datasource_type"])
    return _stream(state, said)


async def run(request: Request) -> Response | EventStream:
    """POST /datasets/{dataset_id}/pipeline/run.

    A published pipeline answers at once with the documents it will index, whatever response mode was asked for; a draft
    runs while the caller waits.
    """
    owner, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    fields = Fields("PipelineRunApiEntity", body)
    fields.choice("response_mode", ("streaming", "blocking"))
    names = ("inputs", "datasource_type", "datasource_info_list", "start_node_id", "is_published", "response_mode")
    _check(fields, body, *names)
    _with_pipeline(owner)
    if body["start_node_id"] not in {node.id for node in pipeline.nodes(owner)}:
        raise ApiError(500, "pipeline_run_error", f"Node {body['start_node_id']} not found")
    if body["is_published"]:
        return generated(pipeline.run_published(state, owner, body))
    trial = Trial(state, owner, body)
    return _stream(state, trial.frames()) if body["response_mode"] == "streaming" else generated(trial.blocking())


def _check(fields: Fields, body: dict[str, Any], *names: str) -> None:
    fields.required(*names)
    fields.choice("datasource_type", pipeline.KINDS, kind="enum")
    if "inputs" in body and not isinstance(body["inputs"], dict):
        fields.refuse("inputs", "Input should be a valid dictionary", "dict_type", body["inputs"])
    fields.done()


def _stream(state: State, said: Iterable[dict[str, Any]]) -> EventStream:
    channel = Channel()

    async def produce() -> None:
        for frame in said:
            await channel.put(frames.data(frame))
        await channel.put(Signal.END)

    return EventStream(state, channel, produce, task_id="")


_PIPELINE = "/datasets/{dataset_id:uuid}/pipeline"
ROUTES = [
    Route("/datasets/pipeline/file-upload", upload, methods=["POST"]),
    Route(f"{_PIPELINE}/datasource-plugins", plugins, methods=["GET"]),
    Route(f"{_PIPELINE}/datasource/nodes/{{node_id}}/run", run_node, methods=["POST"]),
    Route(f"{_PIPELINE}/run", run, methods=["POST"]),
]
