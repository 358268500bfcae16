"""Messages of a conversation, and what hangs on them: files, citations, the agent's steps, forms, a like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .base import Listed, Model, Page
from .forms import FormAction, FormInput


class MessageFile(Model):
    """A file of a turn.

    Attributes:
        id: Of this file in this message; not what `FileInput.uploaded` takes. `None` inside the agent's steps of 0.15,
            whose files have no values at all.
        filename: Its name.
        type: `image`, `document`, `audio`, `video` or `custom`.
        url: Signed address that expires, after 5 minutes unless the server is set otherwise.
        mime_type: Content type.
        size: Bytes.
        transfer_method: `local_file`, `remote_url`, or `tool_file` for what a tool made.
        belongs_to: `user` or `assistant`.
        upload_file_id: Id of the upload, for a `local_file`; missing on 0.15.
    """

    id: str | None = None
    filename: str | None = None
    type: str | None = None
    url: str | None = None
    mime_type: str | None = None
    size: int | None = None
    transfer_method: str | None = None
    belongs_to: str | None = None
    upload_file_id: str | None = None


class AgentThought(Model):
    """One step of an agent.

    Attributes:
        id: Its id.
        chain_id: `None` on all known servers.
        message_id: The turn.
        position: From 1.
        thought: What the agent thought.
        tool: Names of the tools it used, joined by `;`, or `""`.
        tool_labels: Their titles, by name and language.
        tool_input: JSON text: arguments by tool name.
        observation: JSON text: answers by tool name.
        files: Ids of files the step made; missing on 0.15.
        message_files: The same on 0.15, where nearly every value of them is null.
        created_at: Unix seconds.
    """

    id: str
    chain_id: str | None = None
    message_id: str | None = None
    position: int | None = None
    thought: str | None = None
    tool: str | None = None
    tool_labels: dict[str, Any] | None = None
    tool_input: str | None = None
    observation: str | None = None
    files: Listed[str]
    message_files: Listed[MessageFile]
    created_at: int | None = None


class RetrieverResource(Model):
    """A passage of a knowledge base that the answer rests on. Every value may be missing, by version and kind of app.

    Attributes:
        id, message_id, created_at: Of the record, only in a history; `created_at` is `None` after 0.15.
        position: Number of the citation, from 1.
        dataset_id, dataset_name: The knowledge base.
        document_id, document_name, data_source_type: The document.
        segment_id, segment_position, index_node_hash: The chunk.
        score: How well it fits.
        hit_count, word_count: Of the chunk.
        content: Its text.
        summary: Its summary.
    """

    id: str | None = None
    message_id: str | None = None
    position: int | None = None
    dataset_id: str | None = None
    dataset_name: str | None = None
    document_id: str | None = None
    document_name: str | None = None
    data_source_type: str | None = None
    segment_id: str | None = None
    segment_position: int | None = None
    index_node_hash: str | None = None
    score: float | None = None
    hit_count: int | None = None
    word_count: int | None = None
    content: str | None = None
    summary: str | None = None
    created_at: int | None = None


class MessageFeedback(Model):
    """What the user thought of an answer.

    Attributes:
        rating: `like` or `dislike`.
    """

    rating: str | None = None


class HumanInputDefinition(Model):
    """A form as a run asked for it.

    Attributes:
        form_id: Its id.
        node_id, node_title: The node that waits.
        form_content: Markdown with `{{#$output.name#}}` where an input belongs.
        inputs: Its fields.
        actions: Its buttons.
        display_in_ui: Whether the web app shows it.
        form_token: What `/form/human_input` takes; `None` once nobody may submit it any more.
        resolved_default_values: Prefilled values by variable.
        expiration_time: Unix seconds.
    """

    form_id: str | None = None
    node_id: str | None = None
    node_title: str | None = None
    form_content: str | None = None
    inputs: Listed[FormInput]
    actions: Listed[FormAction]
    display_in_ui: bool | None = None
    form_token: str | None = None
    resolved_default_values: dict[str, Any] | None = None
    expiration_time: int | None = None


class HumanInputSubmission(Model):
    """What somebody answered.

    Attributes:
        node_id, node_title: The node that waited.
        rendered_content: The form with the values filled in.
        action_id, action_text: The button pressed.
        submitted_data: The values by variable (servers after 1.14.2).
    """

    node_id: str | None = None
    node_title: str | None = None
    rendered_content: str | None = None
    action_id: str | None = None
    action_text: str | None = None
    submitted_data: dict[str, Any] | None = None


class HumanInputContent(Model):
    """A form in a turn, waiting or answered (Dify ≥ 1.13).

    Attributes:
        type: `human_input`.
        workflow_run_id: The run.
        submitted: Whether it is answered.
        form_definition: The form; `None` after the answer on servers up to 1.14.2.
        form_submission_data: The answer, `None` before it.
    """

    type: str | None = None
    workflow_run_id: str | None = None
    submitted: bool | None = None
    form_definition: HumanInputDefinition | None = None
    form_submission_data: HumanInputSubmission | None = None


class Message(Model):
    """One turn: the user's words and the app's answer.

    Attributes:
        id: Message id.
        conversation_id: Its conversation.
        parent_message_id: The turn before, the nil id for the first and on ≤ 1.12.
        query: The user's words.
        answer: The app's; `""` after an error.
        inputs: The app's variables in this turn; undeclared ones are missing, unset ones are null.
        status: `normal` or `error`; `None` on some servers. A run whose client left stays `normal` with no answer.
        error: Why it failed.
        message_files: The files of both sides.
        retriever_resources: What the answer rests on.
        agent_thoughts: The agent's steps.
        extra_contents: Forms of a chatflow (Dify ≥ 1.13).
        feedback: Of this `user`, or `None`.
        message_tokens, answer_tokens, total_tokens: Counts (servers after 1.14.2).
        provider_response_latency: Seconds the model took (servers after 1.14.2).
        total_price, currency: Decimal text, and its currency (servers after 1.14.2).
        created_at: Unix seconds.
    """

    id: str
    conversation_id: str
    parent_message_id: str | None = None
    query: str | None = None
    answer: str | None = None
    inputs: dict[str, Any] | None = None
    status: str | None = None
    error: str | None = None
    message_files: Listed[MessageFile]
    retriever_resources: Listed[RetrieverResource]
    agent_thoughts: Listed[AgentThought]
    extra_contents: Listed[HumanInputContent]
    feedback: MessageFeedback | None = None
    message_tokens: int | None = None
    answer_tokens: int | None = None
    total_tokens: int | None = None
    provider_response_latency: float | None = None
    total_price: Annotated[str | None, Field(coerce_numbers_to_str=True)] = None
    currency: str | None = None
    created_at: int | None = None


class MessagePage(Page[Message]):
    """One page of a conversation's history: turns, oldest first within it; the first page holds the newest."""


class SuggestedQuestions(Model):
    """What the user might ask next.

    Attributes:
        data: The questions, in the language of the conversation; usually three.
        result: `success`.
    """

    data: Listed[str]
    result: str | None = None
