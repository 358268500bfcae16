"""Documents made, changed, indexed, switched and deleted through the API of LocalDify."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import httpx
import pytest

from dify_integrations.local import App, Dataset
from tests.local.conftest import Serve
from tests.local.knowing import AUTOMATIC, HIERARCHICAL, Base, error


def test_a_document_is_found_when_its_indexing_is_completed(serve: Serve) -> None:
    base = Base(serve(App("app")))
    added = base.add(text="Foxes are red.")
    assert (added["document"]["indexing_status"], added["document"]["display_status"]) == ("waiting", "queuing")
    seen = []
    for _ in range(3):
        assert base.found("foxes") == ([] if "completed" not in seen else ["Foxes are red."])
        row = base.call("GET", f"/documents/{added['batch']}/indexing-status").json()["data"][0]
        seen.append(row["indexing_status"])
    assert seen == ["indexing", "completed", "completed"]
    assert base.found("foxes") == ["Foxes are red."]


def test_looking_at_the_document_or_at_the_list_goes_on_too(serve: Serve) -> None:
    base = Base(serve(App("app")))
    added = base.add()
    assert base.call("GET", f"/documents/{added['document']['id']}").json()["indexing_status"] == "indexing"
    assert base.call("GET", "/documents").json()["data"][0]["indexing_status"] == "completed"


def test_indexing_can_hang_or_fail(serve: Serve) -> None:
    steps = {"hangs": ("waiting", "indexing"), "fails": ("parsing", "error: no such model")}
    base = Base(serve(App("app"), indexing=lambda document: steps[document.name]))
    for name, ending, words in (("hangs", "indexing", None), ("fails", "error", "no such model")):
        added = base.add(name)
        base.indexed(added)
        row = base.call("GET", f"/documents/{added['batch']}/indexing-status").json()["data"][0]
        assert (row["indexing_status"], row["error"]) == (ending, words)
    assert base.found("foxes") == []


def test_a_text_is_changed_under_its_id_and_batch(serve: Serve) -> None:
    base = Base(serve(App("app")))
    added = base.add()
    where = f"/documents/{base.indexed(added)}/update-by-text"
    changed = base.call("POST", where, json={"name": "b.txt", "text": "Bears sleep."}).json()
    assert (changed["batch"], changed["document"]["id"]) == (added["batch"], added["document"]["id"])
    assert error(base.call("POST", where, json={"name": "c", "text": "d"})) == (400, "invalid_param")
    base.indexed(changed)
    assert (base.found("bears"), base.found("foxes")) == (["Bears sleep."], [])


def test_a_name_alone_changes_nothing_and_a_rule_cuts_anew(serve: Serve) -> None:
    base = Base(serve(App("app")))
    added = base.add()
    where = f"/documents/{base.indexed(added)}/update-by-text"
    assert base.call("POST", where, json={"name": "b"}).json()["message"] == "Data source or Process rule is required"
    rules = {"pre_processing_rules": [], "segmentation": {"separator": "\n\n", "max_tokens": 50}}
    base.call("POST", where, json={"process_rule": {"mode": "custom", "rules": rules}})
    base.indexed(added)
    assert len(base.call("GET", f"/documents/{added['document']['id']}/segments").json()["data"]) == 2


def test_a_document_of_the_same_name_is_written_over(serve: Serve) -> None:
    base = Base(serve(App("app")))
    first, second = base.add(text="Foxes."), base.add(text="Wolves.")
    assert first["document"]["id"] == second["document"]["id"]
    assert first["batch"] != second["batch"]
    assert base.call("GET", f"/documents/{first['batch']}/indexing-status").status_code == 404


def test_an_original_document_is_replaced(serve: Serve) -> None:
    base = Base(serve(App("app")))
    first = base.ready("a.txt")
    assert base.add("b.txt", original_document_id=first)["document"]["id"] == first
    missing = {"name": "c", "text": "c", "process_rule": AUTOMATIC, "original_document_id": "00000000-0000-4000-8000-00000000dead"}
    assert base.call("POST", "/document/create-by-text", json=missing).status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "segments"),
    [
        ("a.txt", b"One.\n\nTwo.", ["One.\n\nTwo."]),
        ("a.md", b"# One\n\nFirst.\n\n## Two\n\nSecond.", ["# One\n\nFirst.", "## Two\n\nSecond."]),
        ("a.csv", b"q,a\nWhy?,So.\nHow?,Thus.", ["q: Why?;a: So.", "q: How?;a: Thus."]),
        ("a.html", b"<style>x</style><p>Fish &amp; chips</p>", ["Fish & chips"]),
    ],
)
def test_files_become_segments(serve: Serve, name: str, content: bytes, segments: list[str]) -> None:
    base = Base(serve(App("app")))
    document = base.indexed(base.upload(name, content).json())
    listed = base.call("GET", f"/documents/{document}/segments").json()["data"]
    assert [segment["content"] for segment in listed] == segments


def test_a_file_that_is_no_text_fails_at_once(serve: Serve) -> None:
    added = Base(serve(App("app"))).upload("a.pdf", b"%PDF-1.4").json()
    assert added["document"]["indexing_status"] == "error"
    assert "reads text only" in added["document"]["error"]


def test_files_that_are_refused(serve: Serve) -> None:
    base = Base(serve(App("app")))
    assert base.upload("a.exe", b"MZ").json() == {"code": "invalid_param", "message": "", "status": 400}
    two = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    assert error(base.call("POST", "/document/create-by-file", files=two)) == (400, "too_many_files")
    document = base.ready()
    assert error(base.upload("a.exe", b"MZ", f"/documents/{document}/update-by-file")) == (415, "unsupported_file_type")
    assert error(base.upload("a.txt", b"x" * (15 * 1024 * 1024 + 1))) == (413, "file_too_large")
    assert error(base.call("POST", "/document/create-by-file", files={"file": ("a.txt", b"a")}, data={"data": "[]"}))[0] == 400


@pytest.mark.parametrize("spelling", ["PATCH /documents/{}", "/documents/{}/update-by-file", "/documents/{}/update_by_file"])
def test_a_file_is_changed_in_every_spelling(serve: Serve, spelling: str) -> None:
    base = Base(serve(App("app")))
    document = base.ready()
    changed = base.upload("b.txt", b"Bears sleep.", spelling.format(document), name="renamed.txt").json()
    assert (changed["document"]["id"], changed["document"]["name"]) == (document, "renamed.txt")
    base.indexed(changed)
    assert base.found("bears") == ["Bears sleep."]


def test_changing_a_file_needs_a_file_or_a_rule(serve: Serve) -> None:
    base = Base(serve(App("app")))
    document = base.ready()
    nothing = base.call("PATCH", f"/documents/{document}", data={"data": '{"name": "b"}'})
    assert nothing.json()["message"] == "Data source or Process rule is required"
    assert base.call("PATCH", f"/documents/{document}", data={"data": '{"process_rule": {"mode": "automatic"}}'}).status_code == 200


@pytest.mark.parametrize(("version", "status"), [("1.13.3", 405), ("1.14.0", 400)])
def test_the_new_verb_came_with_1_14(serve: Serve, version: str, status: int) -> None:
    base = Base(serve(App("app"), version=version))
    assert base.call("PATCH", f"/documents/{base.ready()}").status_code == status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"indexing_technique": None}, "indexing_technique is required."),
        ({"process_rule": None}, "process_rule is required."),
        ({"process_rule": {"mode": "custom", "rules": {"pre_processing_rules": []}}}, "segmentation is required"),
        (
            {"process_rule": {"mode": "custom", "rules": {"pre_processing_rules": [], "segmentation": {"separator": ""}}}},
            "separator is required",
        ),
        (
            {"process_rule": {"mode": "custom", "rules": {"pre_processing_rules": [], "segmentation": {"separator": "x"}}}},
            "max_tokens is required",
        ),
        ({"text": 5}, "Input should be a valid string"),
    ],
)
def test_what_a_new_document_lacks(serve: Serve, body: dict[str, Any], words: str) -> None:
    base = Base(serve(App("app")), indexing_technique=None)
    given = {"name": "a", "text": "b", "indexing_technique": "economy", "process_rule": AUTOMATIC, **body}
    response = base.call("POST", "/document/create-by-text", json={key: value for key, value in given.items() if value is not None})
    assert error(response) == (400, "invalid_param")
    assert words in response.json()["message"]


def test_a_later_document_inherits_rule_and_technique(serve: Serve) -> None:
    base = Base(serve(App("app")), indexing_technique=None)
    base.add(indexing_technique="economy")
    response = base.call("POST", "/document/create-by-text", json={"name": "b", "text": "Bears."})
    assert response.status_code == 200
    assert base.call("GET", "").json()["indexing_technique"] == "economy"


def test_pre_processing_removes_spaces_and_addresses(serve: Serve) -> None:
    base = Base(serve(App("app")))
    on = [{"id": "remove_extra_spaces", "enabled": True}, {"id": "remove_urls_emails", "enabled": True}]
    rules = {"pre_processing_rules": on, "segmentation": {"separator": "###", "max_tokens": 50}}
    text = "Mail   me at ann@example.com###or see https://example.com/x now"
    document = base.ready(text=text, process_rule={"mode": "custom", "rules": rules})
    listed = base.call("GET", f"/documents/{document}/segments").json()["data"]
    assert [segment["content"] for segment in listed] == ["Mail me at", "or see  now"]


def test_long_texts_are_cut_between_sentences(serve: Serve) -> None:
    base = Base(serve(App("app")))
    document = base.ready(text=" ".join(f"Sentence number {number} is here." for number in range(300)))
    listed = base.call("GET", f"/documents/{document}/segments").json()["data"]
    assert len(listed) == 3
    assert all(segment["content"].endswith(".") and segment["tokens"] <= 500 for segment in listed)


def test_questions_are_asked_about_a_text(serve: Serve) -> None:
    base = Base(serve(App("app")))
    base.ready(text="Bees make honey.", doc_form="qa_model")
    record = base.call("POST", "/retrieve", json={"query": "honey"}).json()["records"][0]
    assert record["segment"]["answer"] == "Bees make honey."


def test_a_whole_document_may_be_the_parent(serve: Serve) -> None:
    base = Base(serve(App("app")))
    rule = {"mode": "hierarchical", "rules": {**HIERARCHICAL["rules"], "parent_mode": "full-doc"}}  # type: ignore[dict-item]
    document = base.ready(text="Foxes run. Owls fly.\n\nWolves howl.", doc_form="hierarchical_model", process_rule=rule)
    (segment,) = base.call("GET", f"/documents/{document}/segments").json()["data"]
    assert segment["child_chunks"] == []
    children = base.call("GET", f"/documents/{document}/segments/{segment['id']}/child_chunks").json()
    assert [child["content"] for child in children["data"]] == ["Foxes run", " Owls fly", "\n\nWolves howl"]


def test_documents_are_switched_and_filtered(serve: Serve) -> None:
    base = Base(serve(App("app")))
    one, two = base.ready("one.txt", "Foxes."), base.ready("two.txt", "Foxes too.")

    def listed(status: str) -> list[str]:
        return [entry["name"] for entry in base.call("GET", f"/documents?status={status}").json()["data"]]

    base.call("PATCH", "/documents/status/disable", json={"document_ids": [one]})
    assert (listed("disabled"), listed("available"), listed("active")) == (["one.txt"], ["two.txt"], ["two.txt"])
    assert base.found("foxes") == ["Foxes too."]
    base.call("PATCH", "/documents/status/enable", json={"document_ids": [one]})
    base.call("PATCH", "/documents/status/archive", json={"document_ids": [two]})
    assert (listed("archived"), base.found("foxes")) == (["two.txt"], ["Foxes."])
    assert error(base.call("DELETE", f"/documents/{two}")) == (403, "archived_document_immutable")
    base.call("PATCH", "/documents/status/un_archive", json={"document_ids": [two]})
    assert len(base.found("foxes")) == 2


def test_a_document_that_is_being_indexed_cannot_be_disabled(serve: Serve) -> None:
    base = Base(serve(App("app")))
    added = base.add()
    response = base.call("PATCH", "/documents/status/disable", json={"document_ids": [added["document"]["id"]]})
    assert error(response) == (400, "invalid_action")


@pytest.mark.parametrize(
    ("version", "status", "body"),
    [("0.15.3", 200, b'{"result": "success"}\n'), ("1.4.0", 200, b"204\n"), ("1.12.1", 200, b"204\n"), ("1.13.0", 204, b"")],
)
def test_a_delete_is_answered_in_the_way_of_the_release(serve: Serve, version: str, status: int, body: bytes) -> None:
    base = Base(serve(App("app"), version=version))
    response = base.call("DELETE", f"/documents/{base.ready()}")
    assert (response.status_code, response.content) == (status, body)


def test_a_document_is_downloaded_by_its_signed_address_only(serve: Serve) -> None:
    served = serve(App("app"))
    base = Base(served)
    document = base.indexed(base.upload("a b.txt", "Füchse".encode()).json())
    url = base.call("GET", f"/documents/{document}/download").json()["url"]
    response = served.http.get(url)
    assert (response.content.decode(), response.headers["content-type"]) == ("Füchse", "application/octet-stream")
    assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b.txt"
    assert served.http.get(str(httpx.URL(url).copy_set_param("sign", "x"))).status_code == 403


def test_the_documents_that_were_there_can_be_downloaded_too(serve: Serve) -> None:
    served = serve(App("app"), datasets=[Dataset("D", {"a.txt": "Apples."})])
    where = f"/datasets/{served.server.dataset('D').id}/documents/{served.server.dataset('D').documents[0].id}/download"
    assert served.http.get(served.call("GET", where).json()["url"]).content == b"Apples."


def test_an_archive_holds_every_document_once(serve: Serve) -> None:
    base = Base(serve(App("app")))
    first = base.indexed(base.upload("same.txt", b"one").json())
    base.call("POST", f"/documents/{first}/update-by-text", json={"name": "other", "text": "one"})
    other = base.indexed(base.upload("same.txt", b"two").json())
    third = base.upload("x.txt", b"three", f"/documents/{other}/update-by-file").json()["document"]["id"]
    response = base.call("POST", "/documents/download-zip", json={"document_ids": [first, third]})
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"other": b"one", "x.txt": b"three"}
    many = {"document_ids": [first] * 101}
    assert error(base.call("POST", "/documents/download-zip", json=many)) == (400, "invalid_param")


def test_files_of_one_name_share_an_archive(serve: Serve) -> None:
    base = Base(serve(App("app")))
    ids = []
    for number in range(2):
        ids.append(base.indexed(base.upload("same.txt", b"%d" % number).json()))
        rule = {"data": '{"name": "n%d", "process_rule": {"mode": "automatic"}}' % number}
        base.call("PATCH", f"/documents/{ids[-1]}", data=rule)
    response = base.call("POST", "/documents/download-zip", json={"document_ids": ids})
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert sorted(archive.namelist()) == ["same (1).txt", "same.txt"]
