"""Chatflows and workflows on the 1.x servers."""

from __future__ import annotations

from dify_integrations.local import App
from tests.local import lab
from tests.local.scenarios.rows import row, same


def _chatflow() -> App:
    return lab.chatflow(datasets=[lab.DOCS])


def _prompt() -> App:
    return lab.workflow(lab.prompt_script, [lab.field("paragraph", "prompt")])


def _boom() -> App:
    return lab.workflow(lab.boom_script, [lab.field("text-input", "boom"), lab.field("text-input", "text")])


def _partial() -> App:
    return lab.workflow(lab.partial_script, [lab.field("text-input", "boom")])


def _items() -> App:
    return lab.workflow(lab.items_script, [lab.field("text-input", "items")])


def _picture() -> App:
    return lab.workflow(lab.picture_script, [lab.field("text-input", "topic")])


EARLIER = "the lab had runs before"
BRANCHES = "the recorded graph runs its branches at the same time"
NO_VOICE = "a chatflow behind the relay is not read aloud here: its voice is lost in the middle there"
INPUT_MODERATION = "a script cannot say that the question was refused before the graph"
OUTPUT_MODERATION = "a script says a replacement after its node; here the moderation cut the node off"
STOPPED_LATE = "there the graph heard of the stop at its end only, here at the next token"
SOONER = "the run goes on without its client, and here it is over at once"
WORKFLOW_IDS = {
    "a": "4b093ce6-98f4-4705-9f9c-93a7fcf78705",
    "b": "880ea45d-ce4d-428d-9928-7c9c792a2e99",
    "c": "71127790-a658-4a83-b896-7f7678faa526",
}

STILL_4XX = {
    1: "Lab Chat",
    **dict.fromkeys((4, 5, 7, 8), "Lab Chatflow Plain"),
    6: "Unpublished",
}


def _unpublished() -> App:
    return lab.workflow(name="Unpublished", published=False)


FLOWS = [
    *same(
        _chatflow,
        """
        abc:chatflow_bad_inputs ac:chatflow_blocking ab:chatflow_image abc:chatflow_llm_error_blocking
        abc:chatflow_llm_error_streaming abc:chatflow_node_error_blocking abc:chatflow_node_error_streaming
        abc:chatflow_rate_limit_blocking abc:chatflow_rate_limit_streaming
        bc:chatflow_run_detail_and_logs a:chatflow_streaming bc:chatflow_suggested_and_feedback bc:chatflow_think
        bc:relay_chatflow_bad_file b:relay_chatflow_conversation_of_other_user c:relay_chatflow_empty_query
        """,
    ),
    *row("abc", "chatflow_multi_turn", _chatflow),
    *row("ac", "chatflow_slow_pings", _chatflow, options=lab.PINGS),
    *row("abc", "chatflow_stop", _chatflow, during={1: (0, "message")}),
    *row("ac", "chatflow_close_mid_stream", _chatflow, cut={0: "the client left"}),
    *row("ac", "chatflow_moderation", lab.plain_chatflow, left_out={0: INPUT_MODERATION, 1: OUTPUT_MODERATION}),
    *same(
        lab.plain_chatflow,
        """
        bc:chatflow_moderation_output_replace bc:chatflow_plain_2000_tokens b:chatflow_plain_auto_name bc:chatflow_plain_error_mid_stream
        b:chatflow_plain_multi_turn c:chatflow_plain_streaming c:chatflow_annotation_hit
        """,
    ),
    *same(
        lab.plain_chatflow,
        "b:chatflow_plain_pings_between_tokens bc:chatflow_plain_slow_pings",
        options=lab.PINGS,
    ),
    *row("bc", "chatflow_plain_slow_stop", lab.plain_chatflow, during={1: (0, "node_started")}),
    *row("bc", "chatflow_plain_stop", lab.plain_chatflow, during={1: (0, "message")}),
    *row("bc", "chatflow_plain_stop_other_user", lab.plain_chatflow, during={1: (0, "message")}, unordered={0: STOPPED_LATE}),
    *row("bc", "chatflow_tts_autoplay", lambda: lab.plain_chatflow(speech="auto")),
    *row(
        "b",
        "chatflow_workflow_id",
        _chatflow,
        ids={"d72a3d27-bc0b-448d-b70f-f0678020b429": lambda server: server.app("Lab Chatflow").workflow_id},
    ),
    *same(
        lab.workflow,
        """
        abc:workflow_blocking abc:workflow_file_errors abc:workflow_file_inputs
        ac:workflow_input_errors ab:workflow_streaming bc:relay_workflow_missing_input
        """,
    ),
    *[
        scenario
        for letter, recorded in WORKFLOW_IDS.items()
        for scenario in row(
            letter, "workflow_by_id", lab.workflow, ids={recorded: lambda server: server.app("Lab Workflow").workflow_id}
        )
    ],
    *row("abc", "workflow_run_detail", lab.workflow, lambda: lab.workflow(name="Other"), app_of={4: "Other"}),
    *same(
        _prompt,
        "ac:workflow_default_response_mode ab:workflow_llm_error abc:workflow_llm_streaming abc:workflow_2000_tokens abc:workflow_rate_limit abc:workflow_think bc:workflow_concurrent_streams",
    ),
    *row("ab", "workflow_slow_pings", _prompt, options=lab.PINGS),
    *row("abc", "workflow_stop", _prompt, during={1: (0, "text_chunk")}),
    *row(
        "c",
        "workflow_close_mid_stream",
        _prompt,
        cut={0: "the client left"},
        tolerated={"1 status": SOONER, "1 finished_at": SOONER},
    ),
    *same(_boom, "bc:workflow_fail_blocking ac:workflow_fail_streaming b:workflow_logs"),
    *same(_partial, "ab:workflow_partial_streaming"),
    *row("ab", "workflow_partial_blocking", _partial, tolerated={"2 has_more": EARLIER, "2 total": EARLIER}),
    *same(_items, "abc:workflow_iteration_blocking"),
    *same(_items, "ab:workflow_iteration_item_error abc:workflow_iteration_streaming", unordered={0: BRANCHES}),
    *row("ac", "workflow_image_output", _picture),
    *row("ab", "workflow_streaming_other_branch", lab.workflow),
    *row("c", "relay_still_4xx", lab.workflow, lab.chat, lab.plain_chatflow, _unpublished, app_of=STILL_4XX),
    *row("bc", "chatflow_tts_long", lambda: lab.plain_chatflow(speech="auto"), unordered={0: NO_VOICE}),
    *row("c", "chatflow_moderation_input", lab.plain_chatflow, left_out={0: INPUT_MODERATION, 1: INPUT_MODERATION}),
    *row("c", "workflow_unpublished", _unpublished),
]
