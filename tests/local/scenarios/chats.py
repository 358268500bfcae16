"""Chats, completions and agents on the 1.x servers."""

from __future__ import annotations

from dify_integrations.local import App
from tests.local import lab
from tests.local.scenarios.rows import row, same

SAME_SECOND = "real servers lose entries of one second between pages; LocalDify keeps them, so that tests can page"
REACT = "LocalDify's agents call tools as models with function calling do; ReAct sends no last thought"


def _unpublished() -> App:
    return lab.workflow(name="Unpublished", published=False)


def _by_four(*names: str) -> dict[int, str]:
    """Four exchanges for every app."""
    return {4 * place + step: name for place, name in enumerate(names) for step in range(4)}


NAMES = ("Lab Chat", "Lab Chat Plain", "Lab Agent", "Lab Completion", "Lab Chatflow", "Lab Workflow", "Unpublished")
OF_LAB = _by_four(*NAMES)
OF_LAB_AND_MORE = _by_four(*NAMES, "Lab Workflow", "Lab Chatflow Plain", "Lab New Agent")
WRONG = {
    **dict.fromkeys((2, 3, 9, 10, 15, 17), "Lab Completion"),
    **dict.fromkeys((4, 5, 6, 7), "Lab Workflow"),
    8: "Lab Chatflow",
}
LAB = (lab.chat, lab.plain, lab.agent, lab.completion, lab.chatflow, lab.workflow, _unpublished)

CHATS = [
    *same(
        lab.chat,
        """
        abc:chat_auto_generate_name_false abc:chat_bad_conversation_id abc:chat_bad_inputs abc:chat_bad_response_mode
        ac:chat_blocking ac:chat_2000_tokens bc:chat_2000_tokens_blocking abc:chat_conversation_of_other_user c:chat_default_response_mode abc:chat_document_local_upload
        abc:chat_empty_conversation_id bc:chat_empty_query abc:chat_error_blocking abc:chat_error_kinds_blocking
        abc:chat_error_kinds_streaming abc:chat_error_mid_stream bc:chat_image_local_upload
        abc:chat_image_remote_url abc:chat_image_second_turn abc:chat_message_after_error abc:chat_missing_inputs
        bc:chat_missing_query bc:chat_missing_user abc:chat_multi_turn abc:chat_rate_limit_before_stream
        ab:chat_rate_limit_blocking abc:chat_rate_limit_mid_stream abc:chat_streaming ab:chat_suggested_questions
        abc:chat_think_blocking ac:chat_think_streaming b:chat_truncated_model_stream
        ac:chat_unknown_conversation_blocking bc:chat_unknown_conversation_streaming ab:bad_json_body abc:feedbacks
        bc:messages_pagination abc:http_errors b:trace_ids ab:files_upload
        """,
    ),
    *same(lab.plain, "abc:chat_plain_streaming abc:annotations"),
    *same(lab.chat, "abc:chat_slow_pings", options=lab.PINGS),
    *same(lab.chat, "abc:chat_pings_between_tokens", options={"ping_interval_s": 0.3}),
    *row("bc", "trace_session_ids", lab.chat, lab.plain_chatflow, app_of={4: "Lab Chatflow Plain"}),
    *row("a", "conversations", lab.chat),
    *row("bc", "conversations", lab.chat, tolerated={"8 has_more": SAME_SECOND, "9 has_more": SAME_SECOND}),
    *row("a", "messages_pagination_same_second", lab.chat, tolerated={"6 data": SAME_SECOND}),
    *row("b", "messages_pagination_same_second", lab.chat),
    *row("abc", "chat_file_errors", lab.chat, left_out={4: "LocalDify fetches no remote files"}),
    *row("abc", "chat_suggested_disabled", lambda: lab.chat(suggested_questions=None)),
    *row("abc", "api_disabled_403", lambda: lab.chat(api_enabled=False)),
    *row("abc", "chat_moderation", lambda: lab.chat(lab.moderated_script)),
    *row("abc", "chat_stop", lab.chat, during={1: (0, "message")}),
    *row("abc", "chat_stop_other_user", lab.chat, during={1: (0, "message")}),
    *row("abc", "chat_close_mid_stream", lab.chat, cut={0: "the client left"}),
    *row(
        "ab",
        "chat_concurrency_429",
        lambda: lab.chat(lab.busy_script, max_active_requests=1),
        during={1: (0, "message"), 2: (0, "message")},
        releases={2: lab.RELEASED},
    ),
    *row("abc", "chat_rag_streaming", lambda: lab.chat(datasets=[lab.DOCS])),
    *row("a", "chat_rag_blocking", lambda: lab.chat(datasets=[lab.DOCS])),
    *row("ac", "chat_tts_autoplay", lambda: lab.chat(speech="auto")),
    *row("abc", "audio_to_text", lab.chat, lab.plain, app_of={7: "Lab Chat Plain"}),
    *row("ac", "text_to_audio", lab.chat, lab.plain, app_of={9: "Lab Chat Plain", 10: "Lab Chat Plain"}),
    *row("ac", "files_upload_too_large", lab.chat, left_out={0: "the recording does not hold the large body"}),
    *row("c", "end_users", lab.chat, lab.plain, app_of={4: "Lab Chat Plain"}),
    *same(
        lab.completion,
        """
        abc:completion_blocking bc:completion_error_mid_stream b:completion_feedback_and_audio ab:completion_image
        abc:completion_missing_query abc:completion_query_top_level bc:completion_rate_limit bc:completion_streaming
        """,
    ),
    *row("abc", "completion_stop", lab.completion, during={1: (0, "message")}),
    *same(
        lab.agent,
        """
        abc:agent_blocking bc:agent_dataset_tool abc:agent_error_mid_stream b:agent_image ab:agent_image_file abc:agent_multi_turn
        ac:agent_rate_limit_mid_stream ab:agent_streaming_no_tool a:agent_streaming_tool
        abc:agent_streaming_two_tools bc:agent_think bc:agent_tool_error ab:agent_tts_file
        b:agent_workflow_tool_file_error
        """,
    ),
    *row("a", "agent_workflow_tool_file_error", lambda: lab.agent(lab.agent_without_files)),
    *row("c", "agent_tts_file", lambda: lab.agent(lab.agent_with_files)),
    *same(
        lab.new_agent,
        """
        c:agent_new_blocking c:agent_new_default_mode c:agent_new_json_output c:agent_new_misc c:agent_new_multi_turn
        c:agent_new_streaming c:agent_new_think c:agent_new_errors
        """,
    ),
    *row("c", "agent_new_slow_pings", lab.new_agent, options=lab.PINGS),
    *row("c", "agent_new_stop", lab.new_agent, options=lab.PINGS),
    *row("c", "agent_new_unpublished", lambda: lab.new_agent(published=False), left_out={1: "the settings of an app without any"}),
    *row("a", "app_info_all", *LAB, app_of=OF_LAB),
    *row("c", "app_info_all", *LAB, lab.plain_chatflow, lab.new_agent, app_of=OF_LAB_AND_MORE),
    *row("abc", "auth_errors", lab.chat),
    *row("b", "wrong_app_mode", *LAB, app_of=WRONG),
    *row("ac", "agent_react_streaming", lab.agent, unordered={0: REACT}),
    *row("abc", "agent_slow_pings", lab.agent, options=lab.PINGS),
    *row("abc", "agent_stop", lab.agent, during={1: (0, "agent_message")}),
]
