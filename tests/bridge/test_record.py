"""A run as JSON, whatever it did."""

from __future__ import annotations

import json

from dify_integrations import Citation, FileOut, HumanInputForm, Paused, RunResult, Step, Usage
from dify_integrations.bridge.record import run_record
from dify_integrations.bridge.steps import PAYLOAD_LIMIT


def test_everything_is_kept_and_is_json() -> None:
    usage = Usage.of({"prompt_tokens": 1, "total_price": "0E-7"})
    citation = Citation(1, "a.txt", "A.", None, "d", "D", "x", "s", {"content": "A."})
    form = HumanInputForm("f", "t", "n", "Ask", "Really?", inputs=({"name": "x"},), default_values={"a": [1]})
    result = RunResult(
        text="x",
        status="paused",
        usage=usage,
        citations=(citation,),
        files=(FileOut("1", "image", "https://x.example/a.png"),),
        pause=Paused("r", (form,), ("n",)),
        steps=(Step("1", None, "run", outputs={"text": "y" * 2 * PAYLOAD_LIMIT}),),
        workflow_run_id="r",
    )
    record = json.loads(json.dumps(run_record(result)))
    assert (record["status"], record["text"], record["workflow_run_id"]) == ("paused", "x", "r")
    assert record["usage"] == {"prompt_tokens": 1, "total_price": "0E-7"}
    assert record["pause"]["forms"][0]["inputs"] == [{"name": "x"}]
    assert record["files"] == [{"id": "1", "type": "image", "url": "https://x.example/a.png"}]
    assert len(record["steps"][0]["outputs"]) < PAYLOAD_LIMIT + 100


def test_empty_run_is_its_status() -> None:
    assert run_record(RunResult()) == {"status": "running"}
