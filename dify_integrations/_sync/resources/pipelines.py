# Generated from dify_integrations/_async/resources/pipelines.py by .ci/twin.py; edit that file and run `make twin`.
"""Knowledge pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...errors import BadRequest
from ...events.fields import as_objects
from ...files import FileInput
from ...models.pipelines import DatasourceItem, DatasourceNodes, DatasourceType, PipelineFile, PipelineRun
from ...operations import pipelines as operations
from ...operations.uploads import Draft
from ...runs.datasource import DatasourceFold
from ...runs.fold import Fold
from ...runs.terminal import Shape
from ..stream import Run

if TYPE_CHECKING:
    from ...core.jsonio import JsonObject
    from ...core.operation import Answer, Operation
    from ..transport import Transport


class Pipelines:
    """Knowledge pipelines: their data sources and their runs (Dify ≥ 1.13).

    A pipeline belongs to a knowledge base that was made with one. The API has no call to stop its runs.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload_file(self, file: FileInput) -> PipelineFile:
        """Upload a local file for pipelines; sent once, never repeated by itself.

        Args:
            file: From `FileInput.from_bytes`, `FileInput.from_path` or `FileInput.from_file`.

        Returns:
            The upload; `.as_item()` goes into the items of `run`.

        Raises:
            InvalidArgument: Not a local file.
            PayloadTooLarge: Above the server's limit for its kind (images 10 MB, others 15, audio 50, video 100).
            UnsupportedFileType: Refused by extension.
        """
        return self._transport.send(operations.upload_file(file))

    def datasource_plugins(self, dataset_id: str, *, is_published: bool = True) -> DatasourceNodes:
        """The data sources of a pipeline.

        Args:
            dataset_id: The knowledge base.
            is_published: Of the published pipeline; otherwise of its draft.

        Returns:
            Its data source nodes.

        Raises:
            BadRequest: The knowledge base has no pipeline.
            NotFound: No such knowledge base.
        """
        if is_published:
            return self._transport.send(operations.datasource_plugins(dataset_id, is_published="true"))
        try:
            # Known servers (≤ 1.14.2) take every text for true, "false" included.
            return self._transport.send(operations.datasource_plugins(dataset_id, is_published=""))
        except BadRequest as error:
            if "is_published" not in error.message:
                raise
            # Newer ones read the text, and refuse an empty one.
            return self._transport.send(operations.datasource_plugins(dataset_id, is_published="false"))

    def run_datasource_node(
        self,
        dataset_id: str,
        node_id: str,
        *,
        datasource_type: DatasourceType,
        inputs: Mapping[str, Any] | None = None,
        credential_id: str | None = None,
        is_published: bool = True,
    ) -> list[JsonObject]:
        """Ask a data source what it has: the pages of a web site, the documents or files of a service.

        Args:
            dataset_id: The knowledge base.
            node_id: From `datasource_plugins`.
            datasource_type: Its type, as there. Servers cannot ask a `local_file`.
            inputs: Values for its `user_input_variables`.
            credential_id: Of one of its `credentials`; the default one unless given.
            is_published: Of the published pipeline; otherwise of its draft.

        Returns:
            What it found, as its plugin tells it: pages with `source_url`, `title`, `description`, `content`; workspaces
            with `workspace_id`, `workspace_name` and `pages`; buckets with `bucket` and `files`.

        Raises:
            RunFailed: The data source failed, or there is no such node.
            BadRequest: The knowledge base has no pipeline.
            NotFound: No such knowledge base.
            StreamInterrupted: The stream broke off.
        """
        options: dict[str, Any] = {"inputs": inputs, "credential_id": credential_id, "is_published": is_published}
        run = self.stream_datasource_node(dataset_id, node_id, datasource_type=datasource_type, **options)
        return as_objects((run.finish()).outputs.get("data"))

    def stream_datasource_node(
        self,
        dataset_id: str,
        node_id: str,
        *,
        datasource_type: DatasourceType,
        inputs: Mapping[str, Any] | None = None,
        credential_id: str | None = None,
        is_published: bool = True,
    ) -> Run:
        """As `run_datasource_node`, while it happens: iterate it for `DatasourceProcessingEvent`s of a crawler.

        Args:
            dataset_id: The knowledge base.
            node_id: As for `run_datasource_node`.
            datasource_type: As for `run_datasource_node`.
            inputs: As for `run_datasource_node`.
            credential_id: As for `run_datasource_node`.
            is_published: As for `run_datasource_node`.

        Returns:
            A run, to be used with `with`. What it found is in its `DatasourceCompletedEvent`s, and in
            `result.outputs["data"]`. Nobody can stop it; leaving early only stops listening.

        Raises:
            InvalidArgument: Inputs that are no mapping, or another type.
        """
        build = partial(
            operations.run_datasource_node,
            dataset_id,
            node_id,
            datasource_type=datasource_type,
            inputs=inputs,
            credential_id=credential_id,
            is_published=is_published,
        )
        return self._opened(build, DatasourceFold())

    def run(
        self,
        dataset_id: str,
        items: Sequence[DatasourceItem],
        *,
        start_node_id: str,
        inputs: Mapping[str, Any] | None = None,
        datasource_type: DatasourceType | None = None,
        is_published: bool = True,
    ) -> PipelineRun:
        """Make documents of items. Known servers (≤ 1.14.2) start the work and answer at once, streaming or not.

        Args:
            dataset_id: The knowledge base.
            items: What to make documents of, all of one kind: `LocalFile`, `OnlineDocument`, `WebsiteCrawl` or
                `OnlineDrive`.
            start_node_id: The `node_id` of the data source, from `datasource_plugins`.
            inputs: Values of the pipeline's variables.
            datasource_type: The kind; by the items unless given.
            is_published: Run the published pipeline. Otherwise the draft is run, with the first item only, and its run
                is waited for, within the read clock; no document is made. See `stream` for that.

        Returns:
            The documents that are being made, and their `batch` for `documents.wait_until_indexed`.

        Raises:
            InvalidArgument: Items of several kinds, or none.
            RunFailed: The draft failed.
            BadRequest: The knowledge base has no pipeline.
            NotFound: No such knowledge base.
            ServerError: The pipeline could not be started, whatever the reason (`pipeline_run_error`).
        """
        operation = operations.run(
            dataset_id,
            items,
            start_node_id=start_node_id,
            inputs=inputs,
            datasource_type=datasource_type,
            is_published=is_published,
        )
        return self._transport.send(operation)

    def stream(
        self,
        dataset_id: str,
        items: Sequence[DatasourceItem],
        *,
        start_node_id: str,
        inputs: Mapping[str, Any] | None = None,
        datasource_type: DatasourceType | None = None,
    ) -> Run:
        """Try a pipeline's draft with one item and get the run while it happens; no document is made.

        Servers stream drafts only: a published pipeline answers at once, see `run`.

        Args:
            dataset_id: The knowledge base.
            items: One item; known servers (≤ 1.14.2) ignore further ones.
            start_node_id: As for `run`.
            inputs: As for `run`.
            datasource_type: As for `run`.

        Returns:
            A run, to be used with `with`. Nobody can stop it; leaving early only stops listening.

        Raises:
            InvalidArgument: Items of several kinds, or none.
        """
        build = partial(
            operations.stream,
            dataset_id,
            items,
            start_node_id=start_node_id,
            inputs=inputs,
            datasource_type=datasource_type,
        )
        return self._opened(build, Fold(Shape.WORKFLOW))

    def _opened(self, build: Callable[[], Operation[Answer]], fold: Fold) -> Run:
        return Run(self._transport, Draft(build), fold, None, user="")
