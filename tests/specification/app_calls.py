"""Calls of an app's operations with every argument they have, and every choice of those with a list of them."""

from __future__ import annotations

from typing import get_args

from dify_integrations.files import FileInput
from dify_integrations.models.annotations import ReplyAction
from dify_integrations.models.conversations import SortBy
from dify_integrations.operations.inputs import ResponseMode
from tests.specification.full import ID, NOTE, OTHER_ID, USER, Full, full

MODES = get_args(ResponseMode)
FILES = [
    FileInput.from_url("https://example.com/cat.png"),
    *(FileInput.uploaded(OTHER_ID, type=kind) for kind in ("image", "document", "audio", "video", "custom")),
]
INPUTS = {"city": "Paris", "stay": {"nights": 2}, "photos": FILES}

RUNS: list[Full] = [
    *(
        full(
            "sendChatMessage",
            "What are the specs?",
            inputs=INPUTS,
            user=USER,
            conversation_id=ID,
            files=FILES,
            auto_generate_name=False,
            workflow_id=OTHER_ID,
            trace_id="trace-1",
            response_mode=mode,
        )
        for mode in MODES
    ),
    *(
        full("createCompletionMessage", INPUTS, query="Hello", user=USER, files=FILES, trace_id="trace-1", response_mode=mode)
        for mode in MODES
    ),
    *(full("executeWorkflow", INPUTS, user=USER, files=FILES, trace_id="trace-1", response_mode=mode) for mode in MODES),
    *(
        full("runWorkflowById", INPUTS, workflow_id=ID, user=USER, files=FILES, trace_id="trace-1", response_mode=mode)
        for mode in MODES
    ),
    full("stopChatMessageGeneration", ID, user=USER),
    full("stopGenerate", ID, user=USER),
    full("stopWorkflowTaskGeneration", ID, user=USER),
    full("streamWorkflowEvents", ID, user=USER, include_state_snapshot=True, continue_on_pause=True),
    full("getWorkflowRunDetail", ID),
    *(
        full(
            "getWorkflowLogs",
            keyword="cat",
            status=status,
            page=2,
            limit=10,
            created_at_before="2026-01-01T00:00:00Z",
            created_at_after="2025-01-01T00:00:00Z",
            created_by_end_user_session_id=USER,
            created_by_account="name@example.com",
        )
        for status in ("succeeded", "failed", "stopped")
    ),
    full("getChatflowHumanInputForm", "token"),
    full("submitChatflowHumanInputForm", "token", action="approve", inputs={"comment": "good"}, user=USER),
]

TALK: list[Full] = [
    *(full("getConversationsList", user=USER, last_id=ID, limit=10, sort_by=order) for order in get_args(SortBy)),
    full("renameConversation", ID, "Specs", user=USER),
    full("renameConversation", ID, auto_generate=True, user=USER),
    full("deleteConversation", ID, user=USER),
    full("getConversationVariables", ID, user=USER, last_id=OTHER_ID, limit=10, variable_name="taste"),
    full("updateChatConversationVariable", ID, OTHER_ID, "new value", user=USER),
    full("getConversationHistory", ID, user=USER, first_id=OTHER_ID, limit=10),
    full("getSuggestedQuestions", ID, user=USER),
    *(full("postChatMessageFeedback", ID, rating, content="Helpful", user=USER) for rating in ("like", "dislike", None)),
    full("getChatAppFeedbacks", page=2, limit=10),
]

REST: list[Full] = [
    full("uploadChatFile", NOTE, user=USER),
    full("previewChatFile", ID, user=USER, as_attachment=True),
    full("audioToText", FileInput.from_bytes(b"ID3", "voice.mp3"), user=USER),
    full("textToAudioChat", "Hello", voice="alloy", streaming=False, user=USER),
    full("textToAudioChat", message_id=ID, user=USER),
    full("getChatAppInfo"),
    full("getChatAppParameters"),
    full("getChatAppMeta"),
    full("getChatWebAppSettings"),
    full("getEndUserChat", ID),
    full("createAnnotation", "What is Dify?", "A platform."),
    full("getAnnotationList", keyword="Dify", page=2, limit=10),
    full("updateAnnotation", ID, "What is Dify?", "A platform."),
    full("deleteAnnotation", ID),
    *(
        full(
            "initialAnnotationReplySettings",
            action,
            embedding_provider_name="openai",
            embedding_model_name="text-embedding-3-small",
            score_threshold=0.9,
        )
        for action in get_args(ReplyAction)
    ),
    *(full("getInitialAnnotationReplySettingsStatus", action, ID) for action in get_args(ReplyAction)),
]
