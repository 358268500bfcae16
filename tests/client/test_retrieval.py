"""Retrieval: every method and operator as it is sent, what is refused before, and hits of every server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from dify_integrations import (
    AsyncDify,
    BadRequest,
    ExternalRetrievalModel,
    InvalidArgument,
    KeywordSetting,
    MetadataCondition,
    MetadataFilter,
    NotFound,
    ProviderError,
    RerankingModel,
    RetrievalModel,
    ServerError,
    VectorSetting,
    Weights,
)
from dify_integrations.models.datasets import Dataset
from dify_integrations.models.retrieval import ComparisonOperator, Retrieval, SearchMethod
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

KB = "2de060fd-428c-453d-bcc1-8711384f3af0"
PATH = f"/datasets/{KB}/retrieve"
KEY: dict[str, Any] = {"dataset_api_key": "dataset-x"}
NONE: dict[str, Any] = {"query": "q", "records": []}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def body_of(side: Side, query: str = "q", **arguments: Any) -> dict[str, Any]:
    """What a search sends."""
    with FaultServer(script(NONE)) as server:
        side.run(lambda dify: dify.datasets.retrieve(KB, query, **arguments), server.url, **KEY)
    [request] = asked(server)
    assert (request.method, request.path) == ("POST", PATH)
    body: dict[str, Any] = request.body
    return body


def test_a_question_alone(side: Side) -> None:
    """The knowledge base's own settings rule; nothing is in the way of a long question."""
    assert body_of(side, "数" * 300) == {"query": "数" * 300}


@pytest.mark.parametrize("method", get_args(SearchMethod))
def test_every_method_has_the_required_fields(side: Side, method: Any) -> None:
    """Dify ≥ 1.13.3 refuses half a setting, older ones fail with 500."""
    assert body_of(side, retrieval_model=RetrievalModel(search_method=method))["retrieval_model"] == {
        "search_method": method,
        "reranking_enable": False,
        "top_k": 4,
        "score_threshold_enabled": False,
    }


def test_everything(side: Side) -> None:
    """Every field of the specification."""
    model = RetrievalModel(
        search_method="hybrid_search",
        reranking_enable=True,
        reranking_mode="weighted_score",
        reranking_model=RerankingModel(reranking_provider_name="a/b/c", reranking_model_name="r"),
        weights=Weights(
            weight_type="customized",
            vector_setting=VectorSetting(vector_weight=0.7, embedding_provider_name="a/b/c", embedding_model_name="e"),
            keyword_setting=KeywordSetting(keyword_weight=0.3),
        ),
        top_k=7,
        score_threshold_enabled=True,
        score_threshold=0.25,
        metadata_filtering_conditions=MetadataFilter(
            logical_operator="or", conditions=[MetadataCondition(name="year", comparison_operator="≥", value=2024)]
        ),
    )
    external = ExternalRetrievalModel(top_k=1, score_threshold=0.0, score_threshold_enabled=False)
    body = body_of(side, "", retrieval_model=model, attachment_ids=["f-1", "f-2"], external_retrieval_model=external)
    assert body == {
        "query": "",
        "retrieval_model": {
            "search_method": "hybrid_search",
            "reranking_enable": True,
            "reranking_mode": "weighted_score",
            "reranking_model": {"reranking_provider_name": "a/b/c", "reranking_model_name": "r"},
            "weights": {
                "weight_type": "customized",
                "vector_setting": {"vector_weight": 0.7, "embedding_provider_name": "a/b/c", "embedding_model_name": "e"},
                "keyword_setting": {"keyword_weight": 0.3},
            },
            "top_k": 7,
            "score_threshold_enabled": True,
            "score_threshold": 0.25,
            "metadata_filtering_conditions": {
                "logical_operator": "or",
                "conditions": [{"name": "year", "comparison_operator": "≥", "value": 2024}],
            },
        },
        "attachment_ids": ["f-1", "f-2"],
        "external_retrieval_model": {"top_k": 1, "score_threshold": 0.0, "score_threshold_enabled": False},
    }


VALUES: dict[str, list[Any]] = {
    **dict.fromkeys(("contains", "not contains", "start with", "end with"), ["x", "", 5]),
    **dict.fromkeys(("is", "is not"), ["x", 5, 1.5]),
    **dict.fromkeys(("in", "not in"), [["a", "b"], [], "a,b"]),
    **dict.fromkeys(("=", "≠", ">", "<", "≥", "≤"), [5, -1.5, "2025"]),
    **dict.fromkeys(("before", "after"), [1700200000, 1700200000.5, "1700200000"]),
    **dict.fromkeys(("empty", "not empty"), [None]),
}


@pytest.mark.parametrize("operator", get_args(ComparisonOperator))
def test_every_operator(operator: Any) -> None:
    """With every kind of value it has; none is changed on the way."""
    assert VALUES.keys() == set(get_args(ComparisonOperator))
    for value in VALUES[operator]:
        sent = MetadataCondition(name="f", comparison_operator=operator, value=value).to_wire()
        expected = {"name": "f", "comparison_operator": operator} | ({} if value is None else {"value": value})
        assert sent == expected
        assert type(sent.get("value")) is type(value)


@pytest.mark.parametrize(
    ("operator", "value", "words"),
    [
        (">=", 1, "comparison_operator: Dify writes ≥ where others write >="),
        ("<=", 1, "Dify writes ≤"),
        ("!=", 1, "Dify writes ≠"),
        ("<>", 1, "Dify writes ≠"),
        ("==", 1, "Dify writes = where others write =="),
        ("like", "x", "comparison_operator: Input should be 'contains'"),
        (None, "x", "comparison_operator"),
        ("empty", "x", "'empty' takes no value"),
        ("not empty", 0, "'not empty' takes no value"),
        ("is", None, "'is' needs a value"),
        ("before", None, "'before' needs a value"),
        ("in", None, "'in' needs a value"),
        ("in", 5, "'in' needs a list of strings"),
        ("is", ["x"], "'is' needs one value, not a list"),
        (">", ["1"], "'>' needs one value, not a list"),
        (">", "many", "'>' compares numbers"),
        ("=", float("nan"), "'=' compares numbers"),
        ("after", "2024-01-01", "times are Unix seconds"),
    ],
)
def test_conditions_that_would_be_refused_or_skipped(operator: Any, value: Any, words: str) -> None:
    """Said at once, with what Dify wants; also for conditions given as mappings."""
    given = {"name": "f", "comparison_operator": operator, "value": value}
    makers: list[Callable[[], object]] = [
        lambda: MetadataCondition(**given),
        lambda: MetadataFilter(conditions=[given]),  # type: ignore[list-item]
        lambda: RetrievalModel.model_validate({"metadata_filtering_conditions": {"conditions": [given]}}),
    ]
    for make in makers:
        with pytest.raises(InvalidArgument) as caught:
            make()
        assert words in caught.value.message
        assert caught.value.message.startswith("MetadataCondition")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"search_method": "bogus_search"}, "RetrievalModel.search_method"),
        ({"reranking_mode": "best"}, "RetrievalModel.reranking_mode"),
        ({"top_k": "many"}, "RetrievalModel.top_k"),
    ],
)
def test_settings_that_cannot_be(fields: dict[str, Any], words: str) -> None:
    """0.15 answers an unknown method with no records and no word."""
    with pytest.raises(InvalidArgument, match=words):
        RetrievalModel(**fields)


@pytest.mark.parametrize("arguments", [{"query": ""}, {"query": " \n"}, {"query": None}, {"query": "q", "attachment_ids": "f-1"}])
def test_refused_before_it_is_sent(side: Side, arguments: dict[str, Any]) -> None:
    """An empty question without an image, and one id where several belong."""
    error = side.error(lambda dify: dify.datasets.retrieve(KB, **arguments), "http://127.0.0.1:1/v1", **KEY)
    assert type(error) is InvalidArgument


def test_fields_of_newer_servers_are_sent(side: Side) -> None:
    """What this package does not know yet."""
    model = RetrievalModel.model_validate({"brand_new": 1})
    assert body_of(side, retrieval_model=model)["retrieval_model"]["brand_new"] == 1


# --- settings that are saved ---


def test_the_saved_settings_of_real_servers(side: Side) -> None:
    """Objects of nulls and empty texts are not sent; one changed field later they are what is sent."""
    cards = [
        value_of(recorded("1.14.2/dataset_crud", "POST /datasets")[0]),
        value_of(recorded("1.14.2/dataset_crud", "PATCH /datasets/.*")[0]),
        value_of(recorded("0.15.3/documents-text", "POST /datasets")[0]),
    ]
    hybrid, changed, old = [RetrievalModel.from_dataset(Dataset.model_validate(card)) for card in cards]
    assert hybrid.to_wire() == {
        "search_method": "hybrid_search",
        "reranking_enable": True,
        "reranking_mode": "reranking_model",
        "reranking_model": {"reranking_provider_name": "lab/echo/echo", "reranking_model_name": "echo-rerank"},
        "top_k": 4,
        "score_threshold_enabled": True,
        "score_threshold": 0.1,
    }
    bare = {"search_method": "semantic_search", "reranking_enable": False, "top_k": 2, "score_threshold_enabled": False}
    assert changed.to_wire() == old.to_wire() == bare
    more = old.model_copy(update={"top_k": 9})
    assert body_of(side, retrieval_model=more)["retrieval_model"] == bare | {"top_k": 9}


def test_settings_of_a_knowledge_base_without_any() -> None:
    assert RetrievalModel.from_dataset(Dataset.model_validate({"id": "d", "name": "n"})) == RetrievalModel()


def test_settings_of_an_economy_knowledge_base() -> None:
    """Lists show `semantic_search`, which is a 400."""
    card = {"id": "d", "name": "n", "indexing_technique": "economy", "retrieval_model_dict": {"search_method": "semantic_search"}}
    assert RetrievalModel.from_dataset(Dataset.model_validate(card)).search_method == "keyword_search"


def test_settings_only_a_newer_server_knows(side: Side) -> None:
    """Its own words go back to it as they are, through a change too; what people write is checked all the same."""
    saved = {"search_method": "telepathy", "reranking_mode": "by_heart", "top_k": 4, "new_switch": True}
    card = {"id": "d", "name": "n", "retrieval_model_dict": saved}
    changed = RetrievalModel.from_dataset(Dataset.model_validate(card)).model_copy(update={"top_k": 9})
    sent = body_of(side, retrieval_model=changed)["retrieval_model"]
    assert sent == {**saved, "top_k": 9, "reranking_enable": False, "score_threshold_enabled": False}
    method: Any = "telepathy"
    with pytest.raises(InvalidArgument, match="RetrievalModel.search_method"):
        RetrievalModel(search_method=method)


# --- what comes back ---


def test_hits_of_the_release(side: Side) -> None:
    """Question as text, metadata as a map."""
    answer = recorded("1.14.2/retrieve_metadata_filter", "POST .*/retrieve")[1]
    with FaultServer(script(answer)) as server:
        got = side.run(lambda dify: dify.datasets.retrieve(KB, "q"), server.url, **KEY)
    assert got.question == "How long do I have to ask for a refund?"
    hit = got.records[0]
    assert hit.segment is not None and hit.segment.document is not None
    assert hit.segment.document.doc_metadata == {"year": 2023, "category": "policy", "published": 1700000000}
    assert (hit.child_chunks, hit.files, hit.segment.keywords, hit.segment.created_at) == ([], [], [], None)
    assert hit.score is not None and 0.2 < hit.score < 0.21


def test_hits_of_an_old_server(side: Side) -> None:
    """Question as an object, pieces with scores, nulls where newer ones have lists."""
    answer = recorded("0.15.3/documents-parent-child", "POST .*/retrieve")[0]
    with FaultServer(script(answer)) as server:
        got = side.run(lambda dify: dify.datasets.retrieve(KB, "q"), server.url, **KEY)
    [hit] = got.records
    assert got.question == "acorns of oaks"
    assert [piece.position for piece in hit.child_chunks] == [1, 2]
    assert hit.child_chunks[0].score == hit.score
    assert hit.segment is not None and (hit.segment.keywords, hit.segment.answer) == ([], None)


@pytest.mark.parametrize("body", [{}, {"query": None, "records": None}], ids=["missing", "null"])
def test_nothing_found(body: dict[str, Any]) -> None:
    got = Retrieval.model_validate(body)
    assert (got.question, got.records) == ("", [])


def test_a_server_that_knows_the_older_name_only(side: Side) -> None:
    """`hit-testing`, as documents of old versions have it."""
    with FaultServer(absent(), script(NONE)) as server:
        side.run(lambda dify: dify.datasets.retrieve(KB, "q"), server.url, **KEY)
    assert asked(server) == [Asked("POST", path, {}, {"query": "q"}) for path in (PATH, f"/datasets/{KB}/hit-testing")]


def test_a_search_may_be_repeated(side: Side) -> None:
    """It changes nothing but counters."""
    down = refusal(503, "", "upstream")
    with FaultServer(down, script(NONE)) as server:
        side.run(lambda dify: dify.datasets.retrieve(KB, "q"), server.url, **KEY)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, "invalid_param", "query: String should have at most 250 characters", BadRequest),
        (400, "dataset_not_initialized", "The dataset is still being initialized or indexing.", BadRequest),
        (400, "provider_not_initialize", "No Embedding Model available.", ProviderError),
        (400, "completion_request_error", "quota", ProviderError),
        (404, "not_found", "Dataset not found.", NotFound),
        (500, "internal_server_error", "'score_threshold_enabled'", ServerError),
    ],
)
def test_errors(side: Side, status: int, code: str, message: str, expected: type[Exception]) -> None:
    async def call(dify: AsyncDify) -> None:
        await dify.datasets.retrieve(KB, "q")

    with FaultServer(refusal(status, code, message)) as server:
        error = side.error(call, server.url, max_retries=0, **KEY)
    assert type(error) is expected
    assert message in str(error)
