"""The part of a request that says how a document is cut and kept, checked as Dify checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..datasets import Dataset
from ..replies import ApiError, crash, invalid
from .checks import TECHNIQUES, ArgumentError, Fields
from .habits import Habits
from .writing import Config

FORMS = ("text_model", "hierarchical_model", "qa_model")
_MODES = ("automatic", "custom", "hierarchical")
_SETTINGS = ("indexing_technique", "embedding_model", "embedding_model_provider", "retrieval_model")
_OLD_TYPES = (
    "book",
    "web_page",
    "paper",
    "social_media_post",
    "wikipedia_entry",
    "personal_document",
    "business_document",
    "im_chat_log",
    "synced_from_notion",
    "synced_from_github",
    "others",
)


def check_rule_and_form(fields: Fields, body: Mapping[str, Any], habits: Habits) -> None:
    """Note what is wrong with the mode of the process rule, and with the form where the release looks at it."""
    mode = (body.get("process_rule") or {}).get("mode")
    if mode not in _MODES and body.get("process_rule") is not None:
        fields.refuse("process_rule.mode", "Input should be 'automatic', 'custom' or 'hierarchical'", "literal_error", mode)
    form = body.get("doc_form")
    if habits.checks_form and form is not None and form not in FORMS:
        fields.refuse("doc_form", "Value error, Invalid doc_form.", "value_error", form)


def creation(owner: Dataset, body: Mapping[str, Any], habits: Habits, *, of_file: bool) -> Config:
    """The config of a new document.

    Raises:
        ApiError: 400 for what is missing or does not fit the dataset; 500 where 0.15 breaks.
    """
    technique = body.get("indexing_technique")
    _check_technique(owner, technique, habits, of_file=of_file)
    if habits.is_old:
        _check_old(body)
    _check_rules(body.get("process_rule"))
    if body.get("process_rule") is None and (owner.process_rule is None or (habits.is_old and not of_file)):
        raise crash() if habits.is_old else invalid("process_rule is required.")
    form = body.get("doc_form") or "text_model"
    if (owner.settings.doc_form or form) != form:
        raise invalid("doc_form is different from the dataset doc_form.")
    settings = {name: body.get(name) for name in _SETTINGS}
    return Config(body.get("process_rule"), form, body.get("doc_language"), settings)


def change(body: Mapping[str, Any]) -> Config:
    """The config of a changed document.

    Raises:
        ApiError: 400 for an incomplete process rule.
    """
    _check_rules(body.get("process_rule"))
    return Config(body.get("process_rule"), body.get("doc_form"), body.get("doc_language"))


def _check_technique(owner: Dataset, technique: Any, habits: Habits, *, of_file: bool) -> None:
    if technique is not None and technique not in TECHNIQUES:
        if habits.is_old and not of_file:
            raise ArgumentError("indexing_technique", f"{technique} is not a valid choice")
        fields = Fields("KnowledgeConfig", {"indexing_technique": technique})
        fields.choice("indexing_technique", TECHNIQUES)
        fields.done()
    if technique is None and habits.is_old and of_file:
        fields = Fields("KnowledgeConfig", {})
        fields.required("indexing_technique")
        fields.done()
    if technique is None and owner.settings.indexing_technique is None:
        raise invalid("indexing_technique is required.")


def _check_old(body: Mapping[str, Any]) -> None:
    fields = Fields("KnowledgeConfig", body)
    mode = (body.get("process_rule") or {}).get("mode", "automatic")
    if mode not in _MODES:
        fields.refuse("process_rule.mode", "Input should be 'automatic', 'custom' or 'hierarchical'", "literal_error", mode)
    fields.done()
    kind, values = body.get("doc_type"), body.get("doc_metadata")
    if (kind is None) != (values is None):
        text = "Both doc_type and doc_metadata must be provided when adding metadata"
        raise ApiError(400, "invalid_metadata", text)
    if kind is not None and kind not in _OLD_TYPES:
        raise ApiError(400, "invalid_metadata", f"Invalid doc_type. Must be one of: {', '.join(_OLD_TYPES)}")


def _check_rules(rule: Any) -> None:
    if rule is None or rule.get("mode") == "automatic":
        return
    rules = rule.get("rules")
    if not rules:
        raise invalid("Process rule rules is required")
    if rules.get("pre_processing_rules") is None:
        raise invalid("Process rule pre_processing_rules is required")
    segmentation = rules.get("segmentation")
    if not segmentation:
        raise invalid("Process rule segmentation is required")
    # A missing separator is a line break; only an empty one is wrong.
    if not segmentation.get("separator", "\n"):
        raise invalid("Process rule segmentation separator is required")
    whole = rule["mode"] == "hierarchical" and rules.get("parent_mode") == "full-doc"
    if not whole and not segmentation.get("max_tokens"):
        raise invalid("Process rule segmentation max_tokens is required")
