"""A dataset made through the API, for the tests of the knowledge routes; plain HTTP, nothing of our own client."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.local.conftest import Served

AUTOMATIC = {"mode": "automatic"}
HIERARCHICAL = {
    "mode": "hierarchical",
    "rules": {
        "pre_processing_rules": [],
        "segmentation": {"separator": "\n\n", "max_tokens": 200},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": ".", "max_tokens": 50},
    },
}


class Base:
    """One knowledge base, new or of a given id, and the calls below it."""

    def __init__(self, served: Served, *, id: str | None = None, **settings: Any) -> None:
        self.served = served
        body = {"name": "made", "indexing_technique": "high_quality", **settings}
        self.id = id or served.call("POST", "/datasets", json=body).json()["id"]

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call below the dataset."""
        return self.served.call(method, f"/datasets/{self.id}{path}", **options)

    def add(self, name: str = "a.txt", text: str = "Foxes run.\n\nWolves howl.", **more: Any) -> dict[str, Any]:
        """A document of a text, not indexed yet."""
        response = self.call(
            "POST", "/document/create-by-text", json={"name": name, "text": text, "process_rule": AUTOMATIC, **more}
        )
        assert response.status_code == 200, response.text
        added: dict[str, Any] = response.json()
        return added

    def upload(self, name: str, content: bytes, path: str = "/document/create-by-file", /, **data: Any) -> httpx.Response:
        """A file sent to a route of documents."""
        method = "PATCH" if path.startswith("PATCH ") else "POST"
        fields = {"data": json.dumps({"process_rule": AUTOMATIC, **data})}
        return self.call(method, path.removeprefix("PATCH "), files={"file": (name, content)}, data=fields)

    def indexed(self, added: dict[str, Any], looks: int = 9) -> str:
        """Ask for the status until it stays; returns the id of the document."""
        for _ in range(looks):
            row = self.call("GET", f"/documents/{added['batch']}/indexing-status").json()["data"][0]
            if row["indexing_status"] == "completed":
                break
        return str(added["document"]["id"])

    def ready(self, name: str = "a.txt", text: str = "Foxes run.\n\nWolves howl.", **more: Any) -> str:
        """The id of a document that is indexed."""
        return self.indexed(self.add(name, text, **more))

    def found(self, query: str, **model: Any) -> list[str]:
        """The contents of what a query finds."""
        base = {"search_method": "semantic_search", "reranking_enable": False, "top_k": 9, "score_threshold_enabled": False}
        answer = self.call("POST", "/retrieve", json={"query": query, "retrieval_model": {**base, **model}})
        assert answer.status_code == 200, answer.text
        return [record["segment"]["content"] for record in answer.json()["records"]]


def error(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return response.status_code, response.json()["code"]
