"""Knowledge bases, segments, metadata, tags, models and retrieval of LocalDify, and how its releases differ."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from dify_integrations.local import App, Dataset, Text, Turn
from dify_integrations.local.datasets import NAMESPACE
from tests.local.conftest import Serve
from tests.local.knowing import HIERARCHICAL, Base, error

NOBODY = "00000000-0000-4000-8000-00000000dead"


# --- knowledge bases ----------------------------------------------------------------------------------------------------


def test_a_new_dataset_is_listed_before_the_others_and_can_be_changed(serve: Serve) -> None:
    served = serve(App("app"), datasets=[Dataset("given", {"a.txt": "x"})])
    base = Base(served, description="words", permission="all_team_members")
    assert [entry["name"] for entry in served.call("GET", "/datasets").json()["data"]] == ["made", "given"]
    model = {"search_method": "hybrid_search", "reranking_enable": False, "top_k": 1, "score_threshold_enabled": False}
    members = [{"user_id": "u1"}]
    changed = base.call("PATCH", "", json={"name": "other", "retrieval_model": model, "partial_member_list": members}).json()
    assert (changed["name"], changed["description"], changed["partial_member_list"]) == ("other", "words", ["u1"])
    shown = base.call("GET", "").json()
    assert shown["retrieval_model_dict"]["search_method"] == "hybrid_search"
    assert served.server.dataset("other").id == base.id


def test_names_of_datasets_are_unique(serve: Serve) -> None:
    served = serve(App("app"), datasets=[Dataset("given")])
    assert error(served.call("POST", "/datasets", json={"name": "given"})) == (409, "dataset_name_duplicate")
    assert error(Base(served).call("PATCH", "", json={"name": "given"})) == (400, "invalid_param")


def test_the_saved_retrieval_model_is_used_without_another(serve: Serve) -> None:
    base = Base(serve(App("app")))
    for number in range(6):
        base.ready(f"{number}.txt", "Foxes.")
    ask = {"query": "foxes"}
    assert len(base.call("POST", "/retrieve", json=ask).json()["records"]) == 4
    model = {"search_method": "semantic_search", "reranking_enable": False, "top_k": 1, "score_threshold_enabled": False}
    base.call("PATCH", "", json={"retrieval_model": model})
    assert len(base.call("POST", "/retrieve", json=ask).json()["records"]) == 1


def test_an_economy_dataset_is_searched_by_keywords_only(serve: Serve) -> None:
    base = Base(serve(App("app")), indexing_technique="economy")
    base.ready(text="Foxes.")
    assert base.call("GET", "").json()["retrieval_model_dict"]["search_method"] == "keyword_search"
    assert error(base.call("POST", "/retrieve", json={"query": "foxes"})) == (400, "invalid_param")
    assert base.found("foxes", search_method="keyword_search") == ["Foxes."]


def test_an_external_dataset_has_no_records(serve: Serve) -> None:
    base = Base(serve(App("app")), provider="external", external_knowledge_id="k", external_knowledge_api_id="a")
    shown = base.call("GET", "").json()
    assert (shown["provider"], shown["external_knowledge_info"]["external_knowledge_id"]) == ("external", "k")
    assert base.found("anything") == []


def test_an_app_loses_a_deleted_dataset(serve: Serve) -> None:
    dataset = Dataset("D", {"a.txt": "Foxes are red."})
    served = serve(App("app", datasets=[dataset]))
    assert served.call("GET", f"/datasets/{dataset.id}").json()["app_count"] == 1
    assert served.call("DELETE", f"/datasets/{dataset.id}").status_code == 204
    assert (served.server.datasets, served.server.apps[0].datasets) == ([], [])


def test_an_app_answers_from_what_was_added(serve: Serve) -> None:
    dataset = Dataset("D", {"a.txt": "Apples are green."})

    def retrieved(turn: Turn) -> list[Text]:
        return [Text(" ".join(hit.segment.content for hit in turn.retrieve()))]

    served = serve(App("app", datasets=[dataset], script=retrieved))
    Base(served, id=dataset.id).ready("b.txt", "Foxes are red.")
    assert "Foxes are red." in served.generate(query="foxes", streaming=False).json()["answer"]


# --- segments and child chunks ------------------------------------------------------------------------------------------


def test_segments_are_added_changed_switched_and_deleted(serve: Serve) -> None:
    base = Base(serve(App("app")))
    segments = f"/documents/{base.ready(text='Foxes.')}/segments"
    added = base.call("POST", segments, json={"segments": [{"content": "Wolves.", "keywords": ["wolf"]}]}).json()["data"][0]
    one = f"{segments}/{added['id']}"
    assert (added["position"], added["keywords"], base.found("wolves")) == (2, ["wolf"], ["Wolves."])
    changed = base.call("POST", one, json={"segment": {"content": "Bears.", "summary": "animals", "enabled": False}}).json()["data"]
    assert (changed["content"], changed["summary"], changed["enabled"]) == ("Bears.", "animals", False)
    assert base.found("bears") == []
    assert error(base.call("POST", one, json={"segment": {"content": "x"}})) == (400, "invalid_param")
    assert base.call("POST", one, json={"segment": {"enabled": True}}).json()["data"]["disabled_at"] is None
    assert base.found("bears") == ["Bears."]
    assert base.call("DELETE", one).status_code == 204
    assert base.call("GET", segments).json()["total"] == 1


def test_segments_are_paged_and_filtered(serve: Serve) -> None:
    base = Base(serve(App("app")))
    segments = f"/documents/{base.ready(text='Foxes.')}/segments"
    base.call("POST", segments, json={"segments": [{"content": f"Wolf {number}."} for number in range(4)]})
    page = base.call("GET", f"{segments}?page=2&limit=2").json()
    assert ([entry["content"] for entry in page["data"]], page["has_more"], page["total"]) == (["Wolf 1.", "Wolf 2."], True, 5)
    assert base.call("GET", f"{segments}?keyword=WOLF&limit=x").json()["limit"] == 20
    assert base.call("GET", f"{segments}?status=waiting&status=completed").json()["total"] == 5
    assert base.call("GET", f"{segments}?status=waiting").json()["total"] == 0


def test_segments_need_a_completed_and_enabled_document(serve: Serve) -> None:
    base = Base(serve(App("app")))
    added = base.add()
    segments = f"/documents/{added['document']['id']}/segments"
    ask = {"segments": [{"content": "x"}]}
    assert base.call("POST", segments, json=ask).json()["message"] == "Document is not completed."
    base.call("PATCH", "/documents/status/disable", json={"document_ids": [base.indexed(added)]})
    assert base.call("POST", segments, json=ask).json()["message"] == "Document is disabled."


@pytest.mark.parametrize("version", ["1.14.2", "1.14.3"])
def test_wrong_segments_are_told_without_the_envelope_on_main(serve: Serve, version: str) -> None:
    base = Base(serve(App("app"), version=version))
    segments = f"/documents/{base.ready()}/segments"
    assert set(base.call("POST", segments, json={}).json()) == {"error"}
    empty = base.call("POST", segments, json={"segments": [{"content": ""}]})
    assert set(empty.json()) == ({"error"} if version == "1.14.3" else {"code", "message", "status"})


def test_child_chunks_are_what_a_hierarchical_document_is_found_by(serve: Serve) -> None:
    base = Base(serve(App("app")))
    document = base.ready(text="Foxes run. Owls fly.", doc_form="hierarchical_model", process_rule=HIERARCHICAL)
    segment = base.call("GET", f"/documents/{document}/segments").json()["data"][0]
    children = f"/documents/{document}/segments/{segment['id']}/child_chunks"
    made = base.call("POST", children, json={"content": "Wool is warm."}).json()["data"]
    assert (made["type"], made["position"]) == ("customized", 3)
    record = base.call("POST", "/retrieve", json={"query": "warm wool"}).json()["records"][0]
    assert [child["content"] for child in record["child_chunks"]] == ["Wool is warm."]
    assert record["score"] == record["child_chunks"][0]["score"]
    base.call("PATCH", f"{children}/{made['id']}", json={"content": "Silk."})
    assert (base.found("wool"), base.found("silk")) == ([], ["Foxes run. Owls fly."])
    page = base.call("GET", f"{children}?limit=2&page=2").json()
    assert ([entry["content"] for entry in page["data"]], page["total_pages"]) == (["Silk."], 2)
    assert base.call("DELETE", f"{children}/{made['id']}").status_code == 204


def test_a_hierarchical_dataset_may_be_given(serve: Serve) -> None:
    dataset = Dataset("D", {"a.txt": "Foxes run. Owls fly."}, doc_form="hierarchical_model")
    served = serve(App("app"), datasets=[dataset])
    record = served.call("POST", f"/datasets/{dataset.id}/retrieve", json={"query": "owls"}).json()["records"][0]
    assert [child["content"] for child in record["child_chunks"]] == [" Owls fly"]


# --- metadata -----------------------------------------------------------------------------------------------------------


def test_metadata_is_made_assigned_filtered_renamed_and_deleted(serve: Serve) -> None:
    base = Base(serve(App("app")))
    one, two = base.ready("one.txt", "Foxes."), base.ready("two.txt", "Foxes.")
    field = base.call("POST", "/metadata", json={"type": "number", "name": "pages"}).json()
    values = [{"id": field["id"], "name": "pages", "value": number} for number in (1, 2)]
    operations = [{"document_id": document, "metadata_list": [value]} for document, value in zip((one, two), values, strict=True)]
    assert base.call("POST", "/documents/metadata", json={"operation_data": operations}).json() == {"result": "success"}
    more_pages = {"conditions": [{"name": "pages", "comparison_operator": ">", "value": 1}]}
    record = base.call("POST", "/retrieve", json=asking("foxes", metadata_filtering_conditions=more_pages)).json()["records"]
    assert [entry["segment"]["document"]["doc_metadata"] for entry in record] == [{"pages": 2}]
    base.call("PATCH", f"/metadata/{field['id']}", json={"name": "sheets"})
    assert base.call("GET", "/metadata").json()["doc_metadata"] == [{**field, "name": "sheets", "count": 2}]
    base.call("DELETE", f"/metadata/{field['id']}")
    assert base.call("GET", f"/documents/{one}?metadata=only").json()["doc_metadata"] is None


def asking(query: str, **model: Any) -> dict[str, Any]:
    base = {"search_method": "semantic_search", "reranking_enable": False, "top_k": 9, "score_threshold_enabled": False}
    return {"query": query, "retrieval_model": {**base, **model}}


def test_values_are_replaced_unless_the_update_is_partial(serve: Serve) -> None:
    base = Base(serve(App("app")))
    document = base.ready()
    ids = {name: base.call("POST", "/metadata", json={"type": "string", "name": name}).json()["id"] for name in "ab"}

    def assign(name: str, *, partial: bool) -> list[str]:
        entry = {"id": ids[name], "name": name, "value": "x"}
        operation = {"document_id": document, "metadata_list": [entry], "partial_update": partial}
        base.call("POST", "/documents/metadata", json={"operation_data": [operation]})
        listed = base.call("GET", f"/documents/{document}?metadata=only").json()["doc_metadata"]
        return [shown["name"] for shown in listed if shown["id"] != "built-in"]

    assert assign("a", partial=False) == ["a"]
    assert assign("b", partial=True) == ["a", "b"]
    assert assign("b", partial=False) == ["b"]


def test_built_in_fields_filter_when_they_are_on(serve: Serve) -> None:
    base = Base(serve(App("app")))
    base.ready("one.txt", "Foxes.")
    base.ready("two.txt", "Foxes.")
    name = {"conditions": [{"name": "document_name", "comparison_operator": "is", "value": "two.txt"}]}
    assert base.found("foxes", metadata_filtering_conditions=name) == []
    base.call("POST", "/metadata/built-in/enable")
    assert len(base.found("foxes", metadata_filtering_conditions=name)) == 1


@pytest.mark.parametrize(("version", "filtered"), [("1.13.2", True), ("1.13.3", False), ("1.14.0", False), ("1.14.1", True)])
def test_some_releases_drop_the_filter(serve: Serve, version: str, *, filtered: bool) -> None:
    base = Base(serve(App("app"), version=version))
    base.ready(text="Foxes.")
    nothing = {"conditions": [{"name": "author", "comparison_operator": "is", "value": "Ann"}]}
    assert base.found("foxes", metadata_filtering_conditions=nothing) == ([] if filtered else ["Foxes."])


# --- tags ---------------------------------------------------------------------------------------------------------------


def test_tags_on_main(serve: Serve) -> None:
    served = serve(App("app"), version="1.14.3")
    base = Base(served)
    tag = served.call("POST", "/datasets/tags", json={"name": "red"}).json()
    served.call("POST", "/datasets/tags/binding", json={"tag_ids": [tag["id"]], "target_id": base.id})
    assert served.call("GET", "/datasets/tags").json() == [{**tag, "binding_count": "1"}]
    assert [entry["id"] for entry in served.call("GET", f"/datasets?tag_ids={tag['id']}").json()["data"]] == [base.id]
    served.call("PATCH", "/datasets/tags", json={"tag_id": tag["id"], "name": "blue"})
    assert base.call("GET", "/tags").json() == {"data": [{"id": tag["id"], "name": "blue"}], "total": 1}
    again = served.call("POST", "/datasets/tags", json={"name": "red"}).json()
    assert again["id"] != tag["id"]
    served.call("POST", "/datasets/tags/unbinding", json={"tag_ids": [tag["id"]], "target_id": base.id})
    assert base.call("GET", "").json()["tags"] == []
    assert served.call("DELETE", "/datasets/tags", json={"tag_id": tag["id"]}).status_code == 204
    assert error(served.call("DELETE", "/datasets/tags", json={"tag_id": tag["id"]})) == (404, "not_found")


def test_a_tag_is_made_although_the_release_answers_400(serve: Serve) -> None:
    served = serve(App("app"), version="1.14.2")
    base = Base(served)
    assert error(served.call("POST", "/datasets/tags", json={"name": "red"})) == (400, "invalid_param")
    assert error(served.call("GET", "/datasets/tags")) == (400, "invalid_param")
    tag = str(uuid.uuid5(NAMESPACE, "tag/red"))
    served.call("POST", "/datasets/tags/binding", json={"tag_ids": [tag], "target_id": base.id})
    assert base.call("GET", "/tags").json()["data"] == [{"id": tag, "name": "red"}]
    assert error(served.call("GET", f"/datasets?tag_ids={tag}")) == (400, "invalid_param")


@pytest.mark.parametrize(("version", "status"), [("1.14.0", 400), ("1.14.1", 204)])
def test_several_tags_are_unbound_since_1_14_1(serve: Serve, version: str, status: int) -> None:
    served = serve(App("app"), version=version)
    body = {"tag_ids": [NOBODY], "target_id": Base(served).id}
    assert served.call("POST", "/datasets/tags/unbinding", json=body).status_code == status
    assert served.call("POST", "/datasets/tags/unbinding", json={**body, "tag_id": NOBODY}).status_code == 204


# --- retrieval by release, models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "status"), [("0.15.3", 500), ("1.12.1", 500), ("1.13.2", 500), ("1.13.3", 400)])
def test_half_a_retrieval_model(serve: Serve, version: str, status: int) -> None:
    base = Base(serve(App("app"), version=version))
    base.ready()
    response = base.call("POST", "/retrieve", json={"query": "x", "retrieval_model": {"search_method": "semantic_search"}})
    assert response.status_code == status
    assert "score_threshold_enabled" in response.json()["message"]


def test_an_unknown_method_finds_nothing_in_old_releases(serve: Serve) -> None:
    base = Base(serve(App("app"), version="0.15.3"))
    base.ready(text="Foxes.")
    assert base.found("foxes", search_method="bogus") == []
    assert base.found("foxes") == ["Foxes."]


def test_one_model_of_every_kind(serve: Serve) -> None:
    served = serve(App("app"))
    found = served.call("GET", "/workspaces/current/models/model-types/rerank").json()["data"][0]
    assert found["models"][0]["model_type"] == "rerank"
    assert found["icon_small"]["en_US"].startswith(served.server.base_url.removesuffix("/v1") + "/console/api/")
    assert served.call("GET", "/workspaces/current/models/model-types/llm", app="app").status_code == 401
