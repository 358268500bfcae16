"""A knowledge base from its making to its deletion, with the client, on a LocalDify of every recorded release."""

from __future__ import annotations

import asyncio

import pytest

from dify_integrations import AsyncDify, Dify, EndpointNotAvailable, FileInput, ProcessRule
from dify_integrations.local import App, LocalDify

VERSIONS = ["0.15.3", "1.12.1", "1.14.2", "1.14.3"]
AUTOMATIC = ProcessRule(mode="automatic")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_knowledge_base_lives_on_every_release(version: str) -> None:
    with LocalDify([App("app")], version=version) as server:
        with Dify("app-none", dataset_api_key=server.dataset_api_key, base_url=server.base_url) as dify:
            made = dify.datasets.create("made", indexing_technique="high_quality")
            documents = dify.datasets.documents
            text = documents.create_by_text(made.id, name="a.txt", text="Foxes run.", process_rule=AUTOMATIC)
            seen: list[str | None] = []
            documents.wait_until_indexed(
                made.id, text.batch, poll_s=0.001, on_progress=lambda s: seen.append(s.data[0].indexing_status)
            )
            assert seen == ["indexing", "completed"]
            file = FileInput.from_bytes(b"Wolves howl.", "b.txt")
            changed = documents.update_by_file(made.id, text.document.id, file=file, name="b.txt", process_rule=AUTOMATIC)
            documents.wait_until_indexed(made.id, changed.batch, poll_s=0.001)
            assert [document.name for document in documents.iterate(made.id)] == ["b.txt"]
            found = dify.datasets.retrieve(made.id, "wolves").records
            assert [record.segment.content for record in found if record.segment] == ["Wolves howl."]
            segment = next(iter(dify.datasets.segments.iterate(made.id, text.document.id)))
            dify.datasets.segments.delete(made.id, text.document.id, segment.id)
            if version == "1.12.1":  # behind the old address of downloads, before the new one
                with pytest.raises(EndpointNotAvailable):
                    documents.download(made.id, text.document.id)
            else:
                assert documents.download(made.id, text.document.id).content == b"Wolves howl."
            documents.delete(made.id, text.document.id)
            dify.datasets.delete(made.id)
        assert server.datasets == []


def test_the_same_on_an_event_loop() -> None:
    async def live() -> None:
        async with LocalDify([App("app")]) as server:
            async with AsyncDify("app-none", dataset_api_key=server.dataset_api_key, base_url=server.base_url) as dify:
                made = await dify.datasets.create("made", indexing_technique="economy")
                file = FileInput.from_bytes("Füchse laufen.".encode(), "ä.txt")
                added = await dify.datasets.documents.create_by_file(made.id, file, process_rule=AUTOMATIC)
                await dify.datasets.documents.wait_until_indexed(made.id, added.batch, poll_s=0.001)
                detail = await dify.datasets.documents.get(made.id, added.document.id)
                assert (detail.name, detail.indexing_status) == ("ä.txt", "completed")

    asyncio.run(live())
