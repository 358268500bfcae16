"""The recordings of 0.15.3."""

from __future__ import annotations

from tests.local import lab, old_lab
from tests.local.scenarios.rows import row, same

FIVE_APPS = (old_lab.chat, old_lab.agent, old_lab.chatflow, old_lab.workflow, old_lab.completion)
OF_FIVE = {1: "lab-agent", 2: "lab-chatflow", 3: "lab-workflow", 4: "lab-completion"}
ELSEWHERE = "the files of a script are where it says"
EARLIER = "the lab had conversations and runs before"
SAME_SECOND = "real servers lose messages of one second between pages; LocalDify keeps them, so that tests can page"
PROBED = {26: "lab-workflow", 27: "lab-workflow", 31: "lab-workflow", 33: "lab-workflow", 34: "lab-completion"}
BRANCHES = "the recorded iteration is inside a parallel branch, which LocalDify has not"


OLD = [
    *same(
        old_lab.chat,
        """
        o:chat-auto-generate-name-false o:chat-bad-body o:chat-bad-conversation-id o:chat-blocking o:chat-connection-drop
        o:chat-empty-answer o:chat-empty-conversation-id o:chat-error-blocking o:chat-image-local-upload
        o:chat-image-remote-url o:chat-multi-turn o:chat-streaming o:chat-think o:chat-reasoning-content o:chat-unicode
        o:chat-unknown-conversation o:chat-provider-auth-error o:chat-provider-bad-request o:chat-provider-rate-limit
        o:chat-foreign-conversation o:chat-long-500-tokens o:conversations o:feedbacks o:auth-missing o:index-root
        o:app-endpoints-absent o:files-upload
        """,
    ),
    *row("o", "auth-bad-scheme", old_lab.chat, left_out={0: "the recording hides the scheme"}),
    *row("o", "auth-app-key-on-datasets", old_lab.chat),
    *row("o", "auth-wrong-key", old_lab.chat, keys={0: "app-WRONG", 1: "app-WRONG"}),
    *row("o", "chat-client-disconnect", old_lab.chat, cut={0: "the client left"}),
    *row("o", "chat-file-errors", old_lab.chat, left_out={1: "LocalDify fetches no remote files"}),
    *row("o", "chat-missing-params", old_lab.chat, left_out={6: "LocalDify refuses a number as query on every server"}),
    *row("o", "chat-moderation-output-replace", lambda: old_lab.chat(lab.moderated_script)),
    *row("o", "chat-ping-slow", old_lab.chat, options=lab.PINGS),
    *row("o", "chat-provider-not-initialized", old_lab.chat, left_out=dict.fromkeys((0, 1), "LocalDify's model needs no provider")),
    *row("o", "chat-rag-retriever-resources", lambda: old_lab.chat(datasets=[lab.CATS])),
    *row("o", "chat-required-inputs", old_lab.strict),
    *row("o", "chat-stop-wrong-user", old_lab.chat, during={1: (0, "message")}),
    *row(
        "o",
        "chat-too-many-requests",
        lambda: old_lab.chat(lab.busy_script, max_active_requests=1),
        during={1: (0, "message"), 2: (0, "message")},
        releases={2: lab.RELEASED},
    ),
    *row("o", "chat-tts-autoplay", lambda: old_lab.chat(speech="auto"), unordered={0: "a voice speaks when it is ready"}),
    *row("o", "audio-to-text", old_lab.chat, old_lab.agent, app_of={3: "lab-agent"}),
    *row("o", "app-info", *FIVE_APPS, app_of=OF_FIVE),
    *row("o", "app-meta", *FIVE_APPS, app_of=OF_FIVE),
    *row(
        "o",
        "app-parameters",
        *FIVE_APPS,
        old_lab.strict,
        app_of={**OF_FIVE, 5: "lab-strict"},
        tolerated={"text_to_speech.autoPlay": "it is missing where nobody opened that setting"},
    ),
    *row(
        "o",
        "suggested",
        old_lab.chat,
        old_lab.chatflow,
        old_lab.strict,
        old_lab.workflow,
        app_of={4: "lab-chatflow", 5: "lab-chatflow", 6: "lab-strict", 7: "lab-strict", 8: "lab-workflow"},
    ),
    *row("o", "http-not-found-and-method", old_lab.chat, left_out={3: "no client asks for options"}),
    *row("o", "messages-same-second", old_lab.chat, tolerated={"4 has_more": SAME_SECOND, "5 data": SAME_SECOND}),
    *row(
        "o",
        "documented-endpoints-probe-app",
        *FIVE_APPS,
        app_of={**PROBED, 35: "lab-completion"},
        tolerated={"8 data": EARLIER, "8 has_more": EARLIER, "27 total": EARLIER, "27 data": EARLIER},
    ),
    *row(
        "o",
        "files-download-signed-url",
        old_lab.agent,
        old_lab.chat,
        app_of=dict.fromkeys((3, 4, 5), "lab-chat"),
        left_out={1: ELSEWHERE, 2: ELSEWHERE},
    ),
    *row(
        "o",
        "wrong-app-mode",
        *FIVE_APPS,
        app_of={0: "lab-completion", 3: "lab-workflow", 4: "lab-workflow", 5: "lab-completion", 6: "lab-completion"},
    ),
    *same(
        old_lab.completion,
        "o:completion-blocking o:completion-errors o:completion-feedback o:completion-streaming o:completion-top-level-query",
    ),
    *row("o", "completion-stop", old_lab.completion, during={1: (0, "message")}),
    *same(
        old_lab.agent,
        """
        o:agent-blocking-error o:agent-error-midstream o:agent-image-remote-url o:agent-streaming
        o:agent-streaming-message-file o:agent-streaming-tool o:agent-tool-error
        """,
    ),
    *row("o", "agent-ping-slow", old_lab.agent, options=lab.PINGS),
    *row("o", "agent-react-streaming-tool", old_lab.agent, unordered={0: "ReAct sends no last thought"}),
    *row("o", "agent-stop", old_lab.agent, during={1: (0, "agent_message")}),
    *same(
        old_lab.chatflow,
        """
        o:advanced-chat-blocking o:advanced-chat-error o:advanced-chat-files o:advanced-chat-rate-limit
        o:advanced-chat-long-500-tokens o:advanced-chat-streaming o:advanced-chat-think
        """,
    ),
    *row("o", "advanced-chat-multi-turn", old_lab.chatflow, tolerated={"3 data": EARLIER, "3 has_more": EARLIER}),
    *row("o", "advanced-chat-ping-slow", old_lab.chatflow, options=lab.PINGS),
    *row("o", "advanced-chat-rich-blocking", lambda: old_lab.chatflow(datasets=[lab.CATS])),
    *row("o", "advanced-chat-stop", old_lab.chatflow, during={1: (0, "message")}),
    *same(
        old_lab.workflow,
        "o:workflow-blocking o:workflow-default-mode o:workflow-files o:workflow-long-500-tokens o:workflow-missing-params o:workflow-streaming",
    ),
    *same(old_lab.failing, "o:workflow-fail-blocking o:workflow-fail-llm o:workflow-fail-streaming"),
    *row("o", "workflow-iteration-streaming", old_lab.workflow, left_out={0: BRANCHES}),
    *row(
        "o",
        "workflow-logs",
        old_lab.workflow,
        tolerated={f"{number} {path}": EARLIER for number in (0, 1, 2, 5) for path in ("data", "total", "has_more")},
    ),
    *row("o", "workflow-detail", old_lab.workflow, old_lab.failing, app_of={4: "lab-failing", 5: "lab-failing"}),
    *row("o", "workflow-ping-slow", old_lab.workflow, options=lab.PINGS),
]
