"""Calls of the knowledge operations with every argument they have, and every choice of those with a list of them."""

from __future__ import annotations

from typing import Any, get_args

from dify_integrations.models.datasets import DocForm, IndexingTechnique, Permission, SummaryIndexSetting
from dify_integrations.models.documents import DisplayStatus, MetadataMode, StatusAction
from dify_integrations.models.indexing import PreProcessing, PreProcessingRule, ProcessRule, ProcessRules, Segmentation
from dify_integrations.models.metadata import DocumentMetadata, MetadataValue
from dify_integrations.models.pipelines import (
    DatasourceItem,
    DatasourceType,
    LocalFile,
    OnlineDocument,
    OnlineDrive,
    OnlinePage,
    WebsiteCrawl,
)
from dify_integrations.models.retrieval import (
    ComparisonOperator,
    ExternalRetrievalModel,
    KeywordSetting,
    MetadataCondition,
    MetadataFilter,
    RerankingModel,
    RetrievalModel,
    SearchMethod,
    VectorSetting,
    Weights,
)
from dify_integrations.models.segments import SegmentInput
from dify_integrations.operations.metadata import BuiltInAction, MetadataType
from dify_integrations.operations.models import ModelType
from tests.specification.full import ID, NOTE, OTHER_ID, Full, full

_VALUES: dict[str, Any] = {"empty": None, "not empty": None, "in": ["a", "b"], "not in": ["a", "b"], "contains": "text"}


def filter_of(operator: Any) -> MetadataFilter:
    """A filter with every operator; joined by `operator`."""
    conditions = [
        MetadataCondition(name="field", comparison_operator=comparison, value=_VALUES.get(comparison, "1767225600"))
        for comparison in get_args(ComparisonOperator)
    ]
    return MetadataFilter(logical_operator=operator, conditions=conditions)


def retrieval(method: Any, number: int) -> RetrievalModel:
    """A search with everything; the choices change with `number`."""
    return RetrievalModel(
        search_method=method,
        reranking_enable=True,
        reranking_mode=("reranking_model", "weighted_score")[number % 2],
        reranking_model=RerankingModel(reranking_provider_name="cohere", reranking_model_name="rerank-3"),
        top_k=5,
        score_threshold_enabled=True,
        score_threshold=0.5,
        weights=Weights(
            weight_type=("semantic_first", "keyword_first", "customized")[number % 3],
            vector_setting=VectorSetting(vector_weight=0.7, embedding_provider_name="openai", embedding_model_name="small"),
            keyword_setting=KeywordSetting(keyword_weight=0.3),
        ),
        metadata_filtering_conditions=filter_of(("and", "or")[number % 2]),
    )


SEARCHES = [retrieval(method, number) for number, method in enumerate(get_args(SearchMethod))]
EXTERNAL = ExternalRetrievalModel(top_k=3, score_threshold=0.5, score_threshold_enabled=True)
_CLEANING = [PreProcessingRule(id=name, enabled=True) for name in get_args(PreProcessing)]
_CUT = Segmentation(separator="\n\n", max_tokens=500, chunk_overlap=50)
RULES = [
    ProcessRule.automatic(),
    ProcessRule(mode="custom", rules=ProcessRules(pre_processing_rules=_CLEANING, segmentation=_CUT)),
    ProcessRule.hierarchical(max_tokens=500, child_max_tokens=100, parent_mode="full-doc"),
]


def settings(number: int) -> dict[str, Any]:
    """The settings of every call that gives a document's content."""
    return {
        "process_rule": RULES[number % 3],
        "doc_form": get_args(DocForm)[number % 3],
        "doc_language": "English",
        "retrieval_model": SEARCHES[number],
    }


def first_settings(number: int) -> dict[str, Any]:
    """And of those that make a document."""
    return settings(number) | {
        "indexing_technique": get_args(IndexingTechnique)[number % 2],
        "embedding_model": "text-embedding-3-small",
        "embedding_model_provider": "openai",
        "original_document_id": OTHER_ID,
    }


def dataset_settings(number: int) -> dict[str, Any]:
    """The settings of every call that makes or changes a knowledge base."""
    return {
        "description": "Manuals",
        "indexing_technique": get_args(IndexingTechnique)[number % 2],
        "permission": get_args(Permission)[number % 3],
        "embedding_model": "text-embedding-3-small",
        "embedding_model_provider": "openai",
        "retrieval_model": SEARCHES[number],
        "external_knowledge_api_id": OTHER_ID,
        "external_knowledge_id": "abc",
    }


_SUMMARIES = SummaryIndexSetting(enable=True, model_name="gpt", model_provider_name="openai", summary_prompt="Short.")
_FOUR = range(len(SEARCHES))

DATASETS: list[Full] = [
    *(
        full(
            "createDataset",
            "Manuals",
            provider=("vendor", "external")[number % 2],
            summary_index_setting=_SUMMARIES,
            **dataset_settings(number),
        )
        for number in _FOUR
    ),
    full("listDatasets", page=2, limit=10, keyword="man", include_all=True, tag_ids=[ID, OTHER_ID]),
    full("getDatasetDetail", ID),
    *(
        full(
            "updateDataset",
            ID,
            name="Manuals",
            partial_member_list=[OTHER_ID],
            external_retrieval_model=EXTERNAL,
            **dataset_settings(number),
        )
        for number in _FOUR
    ),
    full("deleteDataset", ID),
    *(
        full("retrieveSegments", ID, "refunds", retrieval_model=model, attachment_ids=[ID], external_retrieval_model=EXTERNAL)
        for model in SEARCHES
    ),
]

DOCUMENTS: list[Full] = [
    *(full("createDocumentFromText", ID, name="a.txt", text="Text.", **first_settings(number)) for number in _FOUR),
    *(full("createDocumentFromFile", ID, NOTE, **first_settings(number)) for number in _FOUR),
    *(full("listDocuments", ID, page=2, limit=10, keyword="a", status=status) for status in get_args(DisplayStatus)),
    *(full("getDocumentDetail", ID, OTHER_ID, metadata=mode) for mode in get_args(MetadataMode)),
    full("deleteDocument", ID, OTHER_ID),
    *(
        full(
            operation,
            ID,
            OTHER_ID,
            file=NOTE,
            name="b.txt",
            embedding_model="text-embedding-3-small",
            embedding_model_provider="openai",
            **settings(number),
        )
        for operation in ("updateDocument", "updateDocumentByFile")
        for number in _FOUR
    ),
    *(full("updateDocumentByText", ID, OTHER_ID, name="a.txt", text="Text.", **settings(number)) for number in _FOUR),
    full("downloadDocument", ID, OTHER_ID),
    full("getDocumentIndexingStatus", ID, "20261120094850206522"),
    full("downloadDocumentsZip", ID, [OTHER_ID]),
    *(full("batchUpdateDocumentStatus", ID, action, [OTHER_ID]) for action in get_args(StatusAction)),
]

_SEGMENT = SegmentInput(content="What?", answer="That.", keywords=["what"], attachment_ids=[ID])
_DOCUMENT = (ID, OTHER_ID)
_CHUNK = (*_DOCUMENT, ID)

CHUNKS: list[Full] = [
    full("createSegments", *_DOCUMENT, [_SEGMENT]),
    full("listSegments", *_DOCUMENT, page=2, limit=10, status=["completed", "error"], keyword="what"),
    full("getSegmentDetail", *_CHUNK),
    full(
        "updateSegment",
        *_CHUNK,
        content="What?",
        answer="That.",
        keywords=["what"],
        enabled=True,
        regenerate_child_chunks=True,
        attachment_ids=[ID],
        summary="Short.",
    ),
    full("deleteSegment", *_CHUNK),
    full("createChildChunk", *_CHUNK, content="What?"),
    full("getChildChunks", *_CHUNK, page=2, limit=10, keyword="what"),
    full("updateChildChunk", *_CHUNK, OTHER_ID, content="What?"),
    full("deleteChildChunk", *_CHUNK, OTHER_ID),
]

_VALUE = MetadataValue(id=OTHER_ID, name="author", value="Ann")

LABELS: list[Full] = [
    full("createKnowledgeTag", "Manuals"),
    full("getKnowledgeTags"),
    full("updateKnowledgeTag", ID, name="Manuals"),
    full("deleteKnowledgeTag", ID),
    full("bindTagsToDataset", ID, [OTHER_ID]),
    full("unbindTagFromDataset", ID, [OTHER_ID]),
    full("queryDatasetTags", ID),
    *(full("createMetadataField", ID, name="author", type=kind) for kind in get_args(MetadataType)),
    full("listMetadataFields", ID),
    full("updateMetadataField", ID, OTHER_ID, name="writer"),
    full("deleteMetadataField", ID, OTHER_ID),
    full("getBuiltInMetadataFields", ID),
    *(full("toggleBuiltInMetadataField", ID, action) for action in get_args(BuiltInAction)),
    full("batchUpdateDocumentMetadata", ID, [DocumentMetadata(document_id=OTHER_ID, metadata_list=[_VALUE], partial_update=True)]),
    *(full("getAvailableModels", kind) for kind in get_args(ModelType)),
]

_ITEMS: list[DatasourceItem] = [
    LocalFile(reference=OTHER_ID, name="report.pdf"),
    OnlineDocument(workspace_id="w", page=OnlinePage(page_id="p", type="page", page_name="Notes"), credential_id="c"),
    WebsiteCrawl(url="https://example.com", title="Example"),
    OnlineDrive(id="1", type="file", bucket="b", name="report.pdf"),
    OnlineDrive(id="2", type="folder", bucket="b", name="reports"),
]
_PIPELINE: dict[str, Any] = {"start_node_id": "1719288585006", "inputs": {"lang": "en"}}

PIPELINES: list[Full] = [
    full("uploadPipelineFile", NOTE),
    full("listDatasourcePlugins", ID, is_published=True),
    *(
        full("runDatasourceNode", ID, "node", datasource_type=kind, inputs={"url": "x"}, credential_id="c", is_published=True)
        for kind in get_args(DatasourceType)
    ),
    *(full("runPipeline", ID, [item], datasource_type=item.datasource_type, is_published=True, **_PIPELINE) for item in _ITEMS),
    full("runPipeline", ID, _ITEMS[:1], method="datasets.pipelines.stream", **_PIPELINE),
]
