"""Documents made and changed from texts and files, in the spellings of all releases."""

from __future__ import annotations

import json
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Dataset, Document
from ..knowledge import chunking, configs, document_shape, writing
from ..knowledge.checks import Fields
from ..knowledge.habits import Habits
from ..knowledge.shown import habits_of
from ..replies import ApiError, answer, invalid
from ..state import State
from .access import json_body, state_of
from .lookups import document_of, named_dataset

_MEGABYTE = 1024 * 1024


async def create_by_text(request: Request) -> Response:
    """POST /datasets/{dataset_id}/document/create-by-text."""
    state = state_of(request)
    habits = habits_of(state)
    # 0.15 looks at the arguments before it looks for the dataset.
    owner = None if habits.is_old else named_dataset(request)
    body = await json_body(request)
    fields = Fields("DocumentTextCreatePayload", body, old=habits.is_old)
    fields.required("name", "text")
    fields.text("name")
    fields.text("text")
    if not habits.is_old:
        configs.check_rule_and_form(fields, body, habits)
    fields.done()
    owner = owner or named_dataset(request)
    config = configs.creation(owner, body, habits, of_file=False)
    source = writing.text_source(state, body["name"], body["text"])
    made = writing.create(state, owner, source, config, original=_original(owner, body))
    return _shown(state, owner, made)


async def create_by_file(request: Request) -> Response:
    """POST /datasets/{dataset_id}/document/create-by-file: a `file` part and `data`, a JSON text."""
    owner, state = named_dataset(request), state_of(request)
    habits = habits_of(state)
    async with request.form() as form:
        data = _data(form)
        part = _part(form, habits)
        fields = Fields("KnowledgeConfig", data)
        configs.check_rule_and_form(fields, data, habits)
        fields.done()
        config = configs.creation(owner, data, habits, of_file=True)
        source = await _file_source(state, part)
    made = writing.create(state, owner, source, config, original=_original(owner, data))
    return _shown(state, owner, made)


def _original(owner: Dataset, body: dict[str, Any]) -> Document | None:
    wanted = body.get("original_document_id")
    found = owner.document(str(wanted)) if wanted else None
    if wanted and found is None:
        raise ApiError(404, "not_found", "Document not found")
    return found


async def update_by_text(request: Request) -> Response:
    """POST /datasets/{dataset_id}/documents/{document_id}/update-by-text."""
    owner, state = named_dataset(request), state_of(request)
    body = await json_body(request)
    habits = habits_of(state)
    text = body.get("text")
    fields = Fields("DocumentTextUpdate", body, old=habits.is_old)
    if text is not None and not body.get("name"):
        fields.refuse("", "Value error, name is required when text is provided", "value_error", body)
    configs.check_rule_and_form(fields, body, habits)
    fields.done()
    changed = _changeable(request, owner)
    if text is None and not body.get("process_rule"):
        raise invalid("Data source or Process rule is required")
    name = body.get("name") or changed.name
    source = writing.Source(name, changed.source) if text is None else writing.text_source(state, name, text)
    return _changed(state, owner, changed, source, body)


async def update_by_file(request: Request) -> Response:
    """POST …/update-by-file and, in new releases, PATCH of the document: `file` and `data`, both optional."""
    owner, state = named_dataset(request), state_of(request)
    habits = habits_of(state)
    async with request.form() as form:
        data = _data(form)
        changed = _changeable(request, owner)
        if "file" not in form and not data.get("process_rule"):
            raise invalid("Data source or Process rule is required")
        fields = Fields("KnowledgeConfig", data)
        configs.check_rule_and_form(fields, data, habits)
        fields.done()
        if "file" in form:
            source = await _file_source(state, _part(form, habits), changing=True)
        else:
            source = writing.Source(changed.name, changed.source)
    return _changed(state, owner, changed, writing.Source(data.get("name") or source.name, source.file), data)


def _changeable(request: Request, owner: Dataset) -> Document:
    found = document_of(request, owner, "Document not found")
    if not found.available:
        raise invalid("Document is not available")
    return found


def _changed(state: State, owner: Dataset, changed: Document, source: writing.Source, body: dict[str, Any]) -> Response:
    # The batch stays; an API change counts as one from the web.
    changed.created_from = "web"
    writing.rewrite(state, owner, changed, source, configs.change(body))
    return _shown(state, owner, changed)


def _shown(state: State, owner: Dataset, shown: Document) -> Response:
    return answer({"document": document_shape.document(state, owner, shown), "batch": shown.batch})


def _data(form: FormData) -> dict[str, Any]:
    given = form.get("data")
    if not isinstance(given, str):
        return {}
    try:
        data = json.loads(given)
    except ValueError as error:
        raise invalid(str(error)) from None
    if not isinstance(data, dict):
        raise invalid("data must be a JSON object")
    return data


def _part(form: FormData, habits: Habits) -> UploadFile:
    parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
    named = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
    if not named and habits.is_old:
        text = "The browser (or proxy) sent a request that this server could not understand."
        raise ApiError(400, "bad_request_key_error", text)
    if not named:
        raise ApiError(400, "no_file_uploaded", "Please upload your file.")
    if len(parts) > 1:
        raise ApiError(400, "too_many_files", "Only one file is allowed.")
    if not named[0].filename:
        raise ApiError(400, "filename_not_exists_error", "The specified filename does not exist.")
    return named[0]


async def _file_source(state: State, part: UploadFile, *, changing: bool = False) -> writing.Source:
    name = str(part.filename)
    kind = chunking.extension(name)
    if kind not in chunking.TEXTS | chunking.BINARIES:
        # An uncaught error of the service where a document is made, a caught one where it is changed.
        raise ApiError(415, "unsupported_file_type", "File type not allowed.") if changing else invalid("")
    content = await part.read()
    if len(content) > 15 * _MEGABYTE:
        raise ApiError(413, "file_too_large", "")
    return writing.Source(name, writing.kept(state, name, kind, part.content_type or "", content))


_DATASET = "/datasets/{dataset_id:uuid}"
_DOCUMENT = _DATASET + "/documents/{document_id:uuid}"
ROUTES = [
    Route(f"{_DATASET}/document/create-by-text", create_by_text, methods=["POST"]),
    Route(f"{_DATASET}/document/create_by_text", create_by_text, methods=["POST"]),
    Route(f"{_DATASET}/document/create-by-file", create_by_file, methods=["POST"]),
    Route(f"{_DATASET}/document/create_by_file", create_by_file, methods=["POST"]),
    Route(f"{_DOCUMENT}/update-by-text", update_by_text, methods=["POST"]),
    Route(f"{_DOCUMENT}/update_by_text", update_by_text, methods=["POST"]),
    Route(f"{_DOCUMENT}/update-by-file", update_by_file, methods=["POST"]),
    Route(f"{_DOCUMENT}/update_by_file", update_by_file, methods=["POST"]),
    Route(_DOCUMENT, update_by_file, methods=["PATCH"]),
]
