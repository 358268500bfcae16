"""What `LocalDify()` hosts when it is given nothing: a small handbook and one app of every mode."""

from __future__ import annotations

from typing import Any

from .apps import App
from .datasets import Dataset, DocumentsSource

HANDBOOK = {
    "refunds.txt": (
        "Refunds are possible within 30 days of purchase. Keep the receipt: we ask for it when you send the product back.\n\n"
        "The money goes back to the original payment method within five business days. "
        "Downloads cannot be refunded once they were opened."
    ),
    "shipping.txt": (
        "Standard shipping takes three to five business days. Express shipping takes one day and costs nine euros.\n\n"
        "Parcels to other countries may take two weeks. Customs duties are paid by the customer."
    ),
    "warranty.txt": (
        "Every device has a warranty of two years that covers manufacturing defects.\n\n"
        "Water damage and broken screens are not covered by the warranty."
    ),
    "streaming.txt": (
        "Answers are streamed as server-sent events, one JSON object per event. "
        "A ping every ten seconds keeps the connection alive while the model thinks.\n\n"
        "A run can be stopped with its task id. The part of the answer that was already written is kept."
    ),
    "保修.txt": "每台设备都有两年保修。保修不包括进水损坏。\n\n客户可在购买后三十天内申请退款。",
}

METADATA = {
    "refunds.txt": {"category": "policy", "year": 2023},
    "shipping.txt": {"category": "policy", "year": 2024},
    "warranty.txt": {"category": "policy", "year": 2022},
    "streaming.txt": {"category": "developers", "year": 2025},
    "保修.txt": {"category": "policy", "year": 2024},
}

_NUMBER_OR_SELECT: dict[str, Any] = {"required": False, "max_length": None}

WORKFLOW_FORM: list[dict[str, dict[str, Any]]] = [
    {
        "text-input": {
            "variable": "topic",
            "label": "Topic",
            "type": "text-input",
            "required": True,
            "max_length": 200,
            "options": [],
        }
    },
    {
        "select": {
            "variable": "tone",
            "label": "Tone",
            "type": "select",
            **_NUMBER_OR_SELECT,
            "options": ["plain", "formal", "cheerful"],
            "default": "plain",
        }
    },
    {"number": {"variable": "sentences", "label": "Sentences", "type": "number", **_NUMBER_OR_SELECT, "options": []}},
]


def demo_datasets(documents: DocumentsSource | None = None) -> list[Dataset]:
    """The handbook, or a dataset of other documents."""
    if documents is not None:
        return [Dataset("Documents", documents, description="Your documents")]
    return [Dataset("Handbook", HANDBOOK, description="A small shop handbook", metadata=METADATA)]


def demo_apps(datasets: list[Dataset]) -> list[App]:
    """One app of every mode that all servers have: `chat`, `completion`, `agent`, `chatflow` and `workflow`."""
    query = {"paragraph": {"variable": "query", "label": "Query", "required": True, "default": "", "max_length": 4000}}
    return [
        App("chat", "chat", description="Answers from the handbook", datasets=datasets, opening_statement="Ask me."),
        App("completion", "completion", inputs_form=[query], description="Completes a prompt"),
        App("agent", "agent-chat", description="Looks things up with a tool", datasets=datasets),
        App("chatflow", "advanced-chat", description="Retrieval, model, answer", datasets=datasets),
        App("workflow", "workflow", inputs_form=WORKFLOW_FORM, description="Writes about a topic", datasets=datasets),
    ]
