"""What users' type checkers see; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone

from typing_extensions import assert_type

from dify_integrations import (
    AsyncDify,
    AsyncRun,
    Dify,
    Event,
    FileInput,
    IndexingFailed,
    Item,
    MetadataCondition,
    MetadataFilter,
    ProcessRule,
    RetrievalModel,
    Run,
    RunResult,
    Timeouts,
    Weights,
)
from dify_integrations._async.paging import AsyncPages
from dify_integrations._sync.paging import Pages
from dify_integrations.files import Download
from dify_integrations.models.annotations import Annotation, AnnotationPage, AnnotationReplyJob
from dify_integrations.models.apps import AppMeta, AppParameters, FileUpload, WebAppSettings
from dify_integrations.models.base import Page
from dify_integrations.models.conversations import (
    Conversation,
    ConversationPage,
    ConversationVariable,
    ConversationVariablePage,
)
from dify_integrations.models.datasets import Dataset, DatasetPage
from dify_integrations.models.documents import Document, DocumentDetail, DocumentFile, DocumentPage, SubmittedDocument
from dify_integrations.models.end_users import EndUser
from dify_integrations.models.feedback import FeedbackItem, FeedbackPage
from dify_integrations.models.indexing import BatchStatus, IndexingStatus
from dify_integrations.models.messages import AgentThought, HumanInputContent, Message, MessagePage, SuggestedQuestions
from dify_integrations.models.metadata import BuiltInMetadataFields, MetadataField, MetadataFields
from dify_integrations.models.models import ModelProviders
from dify_integrations.models.pipelines import DatasourceNode, LocalFile, PipelineFile, PipelineRun
from dify_integrations.models.retrieval import Record, Retrieval
from dify_integrations.models.segments import (
    ChildChunk,
    ChildChunkDetail,
    ChildChunkPage,
    Segment,
    SegmentDetail,
    SegmentInput,
    SegmentList,
    SegmentPage,
)
from dify_integrations.models.tags import DatasetTags, Tag
from dify_integrations.models.workflows import WorkflowLog, WorkflowLogPage, WorkflowRun


def sync(dify: Dify) -> None:
    assert_type(dify.chat.stream("q", user="u"), Run)
    assert_type(dify.chat.send("q"), RunResult)
    assert_type(dify.workflows.run({"a": 1}), RunResult)
    assert_type(dify.workflows.detail("r"), WorkflowRun)
    assert_type(dify.datasets.retrieve("d", "q"), Retrieval)
    assert_type(dify.messages.list("c"), MessagePage)
    assert_type(dify.app.parameters(), AppParameters)
    assert_type(dify.with_options(user="v", timeout=Timeouts(idle_s=None)), Dify)
    with dify.completion.stream({"a": 1}) as run:
        assert_type(run, Run)
        assert_type(iter(run), Iterator[Event])
        assert_type(run.items(), Iterator[Item])
        assert_type(run.text(), Iterator[str])
        assert_type(run.result, RunResult)
    with Dify("app-x") as client:
        assert_type(client, Dify)


async def asynchronous(dify: AsyncDify) -> None:
    assert_type(dify.chat.stream("q", user="u"), AsyncRun)
    assert_type(await dify.chat.send("q"), RunResult)
    assert_type(await dify.workflows.run(), RunResult)
    assert_type(await dify.datasets.retrieve("d", "q"), Retrieval)
    async with dify.chat.stream("q") as run:
        assert_type(run, AsyncRun)
        assert_type(run.items(), AsyncIterator[Item])
        async for event in run:
            assert_type(event, Event)
    async with AsyncDify("app-x") as client:
        assert_type(client, AsyncDify)


def app_side(dify: Dify) -> None:
    """Conversations, feedback, annotations, the app and its log."""
    assert_type(dify.conversations.list(sort_by="-created_at"), ConversationPage)
    assert_type(dify.conversations.iterate(), Pages[Conversation])
    assert_type(dify.conversations.rename("c", auto_generate=True), Conversation)
    assert_type(dify.conversations.variables("c"), ConversationVariablePage)
    assert_type(dify.conversations.iterate_variables("c"), Pages[ConversationVariable])
    assert_type(dify.conversations.update_variable("c", "v", {"a": [1, None]}), ConversationVariable)
    assert_type(dify.messages.iterate("c"), Pages[Message])
    for turn in dify.messages.iterate("c"):
        assert_type(turn.agent_thoughts, list[AgentThought])
        assert_type(turn.extra_contents, list[HumanInputContent])
        assert_type(turn.feedback.rating if turn.feedback else None, str | None)
    assert_type(dify.chat.suggested("m"), SuggestedQuestions)
    dify.feedback.send("m", None)
    assert_type(dify.feedback.list(), FeedbackPage)
    assert_type(dify.feedback.iterate(), Pages[FeedbackItem])
    assert_type(dify.annotations.create("q", "a"), Annotation)
    assert_type(dify.annotations.list(), AnnotationPage)
    assert_type(dify.annotations.reply_status("enable", "j"), AnnotationReplyJob)
    assert_type(dify.app.meta(), AppMeta)
    assert_type(dify.app.site(), WebAppSettings)
    assert_type(dify.app.parameters().file_upload, FileUpload)
    assert_type(dify.end_users.get("e"), EndUser)
    assert_type(dify.workflows.logs(created_at_after="2026-01-01"), WorkflowLogPage)
    assert_type(dify.workflows.iterate_logs(created_at_before=datetime.now(timezone.utc)), Pages[WorkflowLog])


async def app_side_asynchronous(dify: AsyncDify) -> None:
    assert_type(await dify.conversations.list(), ConversationPage)
    assert_type(dify.conversations.iterate(), AsyncPages[Conversation])
    async for conversation in dify.conversations.iterate():
        assert_type(conversation, Conversation)
    async for page in dify.workflows.iterate_logs().pages():
        assert_type(page, Page[WorkflowLog])
    assert_type(await dify.chat.suggested("m"), SuggestedQuestions)
    assert_type(dify.annotations.iterate(keyword="k"), AsyncPages[Annotation])
    await dify.feedback.send("m", "like", content="good")


def knowledge_parts(dify: Dify) -> None:
    datasets = dify.datasets
    assert_type(datasets.segments.create("k", "d", [SegmentInput(content="c", keywords=["w"])]), SegmentList)
    assert_type(datasets.segments.list("k", "d", status=["completed"]), SegmentPage)
    assert_type(datasets.segments.iterate("k", "d"), Pages[Segment])
    assert_type(datasets.segments.get("k", "d", "s"), SegmentDetail)
    assert_type(datasets.segments.update("k", "d", "s", enabled=False).data.keywords, list[str])
    assert_type(datasets.child_chunks.create("k", "d", "s", content="c"), ChildChunkDetail)
    assert_type(datasets.child_chunks.list("k", "d", "s"), ChildChunkPage)
    assert_type(datasets.metadata.create("k", name="n", type="time"), MetadataField)
    assert_type(datasets.metadata.list("k"), MetadataFields)
    assert_type(datasets.metadata.built_in("k"), BuiltInMetadataFields)
    assert_type(datasets.tags.create("t"), Tag)
    assert_type(datasets.tags.list(), list[Tag])
    assert_type(datasets.tags.of_dataset("k"), DatasetTags)
    assert_type(dify.models.list("rerank"), ModelProviders)
    assert_type(datasets.pipelines.datasource_plugins("k"), list[DatasourceNode])
    assert_type(datasets.pipelines.run("k", [LocalFile(reference="f")], start_node_id="n"), PipelineRun)
    assert_type(datasets.pipelines.stream("k", [LocalFile(reference="f")], start_node_id="n"), Run)


async def knowledge_parts_async(dify: AsyncDify) -> None:
    datasets = dify.datasets
    assert_type(datasets.segments.iterate("k", "d"), AsyncPages[Segment])
    assert_type(datasets.child_chunks.iterate("k", "d", "s"), AsyncPages[ChildChunk])
    assert_type((await datasets.tags.update("t", name="n")).binding_count, str | int | None)
    file = await datasets.pipelines.upload_file(FileInput.from_bytes(b"", "a.txt"))
    assert_type(file, PipelineFile)
    assert_type(file.as_item(), LocalFile)
    assert_type(datasets.pipelines.stream_datasource_node("k", "n", datasource_type="online_drive"), AsyncRun)
    for found in await datasets.pipelines.run_datasource_node("k", "n", datasource_type="website_crawl"):
        found.get("source_url")


def knowledge(dify: Dify) -> None:
    """Knowledge bases, documents, retrieval."""
    datasets, documents = dify.datasets, dify.datasets.documents
    assert_type(datasets.create("n", indexing_technique="economy", permission="only_me"), Dataset)
    datasets.create("n", indexing_technique="best")  # type: ignore[arg-type]
    assert_type(datasets.list(tag_ids=["t"]), DatasetPage)
    assert_type(datasets.iterate(), Pages[Dataset])
    base = datasets.update("d", partial_member_list=["u"])
    assert_type(RetrievalModel.from_dataset(base), RetrievalModel)
    assert_type(base.retrieval_model_dict.weights if base.retrieval_model_dict else None, Weights | None)
    where = MetadataFilter(conditions=[MetadataCondition(name="year", comparison_operator="≥", value=2024)])
    MetadataCondition(name="year", comparison_operator=">=", value=2024)  # type: ignore[arg-type]
    found = datasets.retrieve("d", "q", retrieval_model=RetrievalModel(top_k=2, metadata_filtering_conditions=where))
    assert_type(found.records, list[Record])
    assert_type(found.question, str)
    made = documents.create_by_text("d", name="n", text="t", process_rule=ProcessRule.automatic(), doc_form="text_model")
    assert_type(made, SubmittedDocument)
    assert_type(documents.create_by_file("d", FileInput.from_bytes(b"", "a.txt")), SubmittedDocument)
    assert_type(documents.update_by_text("d", "x", name="n", text="t"), SubmittedDocument)
    assert_type(documents.update_by_file("d", "x", process_rule=ProcessRule.custom(max_tokens=100)), SubmittedDocument)
    assert_type(documents.list("d", status="available"), DocumentPage)
    assert_type(documents.iterate("d"), Pages[Document])
    assert_type(documents.get("d", "x", metadata="only"), DocumentDetail)
    assert_type(documents.download_url("d", "x"), DocumentFile)
    assert_type(documents.download("d", "x"), Download)
    assert_type(documents.download_zip("d", ["x"]), Download)
    documents.set_status("d", "un_archive", ["x"])
    documents.delete("d", "x")
    datasets.delete("d")
    try:
        last = documents.wait_until_indexed("d", made.batch, timeout_s=60, on_progress=lambda seen: print(len(seen.data)))
        assert_type(last, BatchStatus)
    except IndexingFailed as error:
        assert_type(error.statuses, tuple[IndexingStatus, ...])


async def knowledge_async(dify: AsyncDify) -> None:
    documents = dify.datasets.documents
    assert_type(dify.datasets.iterate(), AsyncPages[Dataset])
    assert_type(documents.iterate("d"), AsyncPages[Document])
    assert_type(await documents.wait_until_indexed("d", "b", timeout_s=None), BatchStatus)
    assert_type(await documents.indexing_status("d", "b"), BatchStatus)
