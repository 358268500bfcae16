#!/usr/bin/env python3
"""Fast local fake of Dify's Service API (SSE) and of an OpenAI-compatible server.

One asyncio process, no framework, pre-encoded bytes. Loopback only.

    python server.py --port 0

Knobs may be given in three places (later ones win):
  1. a path prefix   /k/n=1000;size=12;mode=one/v1/chat-messages   (works for every client)
  2. the query       /v1/chat-messages?n=1000&mode=one
  3. the body        {"inputs": {"n": 1000, "mode": "one"}}

  n        token events in the stream                                     (default 100)
  size     bytes of text per token                                        (default 6)
  delay    milliseconds between token events; >0 puts a send timestamp
           (CLOCK_MONOTONIC ns, 19 digits) at the start of each token      (default 0)
  first    milliseconds before the first byte of the body                 (default 0)
  mode     how HTTP chunks and TCP writes are cut:
           burst  one HTTP chunk per event, many events per TCP write (default)
           one    one HTTP chunk per event, one TCP write per event
           pack   `per` events per HTTP chunk, one TCP write per HTTP chunk
           split  the byte stream cut every `cut` bytes, ignoring events and UTF-8
  per,cut  see above                                                      (default 16, 37)
  uni      1: non-ASCII tokens                                            (default 0)
  ping     a ping frame every K token events (0 = none)                   (default 1000)
  flow     1: /chat-messages behaves as a chatflow (workflow and node events too)
  edge     a scripted odd stream or HTTP error, see EDGES
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

CONV = "45701982-8118-4bc5-8e9b-64562b4555f2"
MSG = "9da23599-e713-473b-982c-4328d4f5c78a"
TASK = "c3800678-a077-43df-a102-53f23ed20b88"
RUN = "5ad498cc-1c3b-4a3b-8a3b-1b3b3b3b3b3b"
WF = "0fb8ba2f-6c0b-4f5e-9a54-9d4e2a1f2f10"
NODE = "1715923402394"
TS = 1705395332

KNOBS = {
    "n": 100,
    "size": 6,
    "delay": 0.0,
    "first": 0.0,
    "mode": "burst",
    "per": 16,
    "cut": 37,
    "uni": 0,
    "ping": 1000,
    "flow": 0,
    "edge": "",
}

USAGE = {
    "prompt_tokens": 1033,
    "prompt_unit_price": "0.001",
    "prompt_price_unit": "0.001",
    "prompt_price": "0.0010330",
    "completion_tokens": 128,
    "completion_unit_price": "0.002",
    "completion_price_unit": "0.001",
    "completion_price": "0.0002560",
    "total_tokens": 1161,
    "total_price": "0.0012890",
    "currency": "USD",
    "latency": 0.7682376249867957,
    "time_to_first_token": 0.31,
    "time_to_generate": 0.45,
}
RES = [
    {
        "position": i,
        "dataset_id": "101b4c97-fc2e-463c-90b1-5261a4cdcafb",
        "dataset_name": "iPhone",
        "document_id": "8dd1ad74-0b5f-4175-b735-7d98bbbb4e00",
        "document_name": "iPhone List",
        "segment_id": "ed599c7f-2766-4294-9d1d-e5235a61270a",
        "score": 0.98457545,
        "content": '"Model","Release Date","Display Size","Resolution"' * 4,
    }
    for i in (1, 2, 3)
]


def dumps(o) -> bytes:
    return json.dumps(o, ensure_ascii=False, separators=(",", ":")).encode()


def sse(o) -> bytes:
    return b"data: " + dumps(o) + b"\n\n"


PING = b"event: ping\n\n"
WORDS = [" the", " quick", " brown", " fox", "-jumps", " over", ", lazy", ' "dog"', "\n"]
UWORDS = [" 你好", " мир", " 🙂", " été", " the", " ありがとう"]


def word(i: int, size: int, uni: int) -> str:
    w = UWORDS if uni else WORDS
    s = w[i % len(w)]
    while len(s.encode()) < size:
        s += "x"
    return s


# ---- token events: a function from text to the event object -------------------------------------------------
def tok_chat(t):
    return {
        "event": "message",
        "conversation_id": CONV,
        "message_id": MSG,
        "created_at": TS,
        "task_id": TASK,
        "id": MSG,
        "answer": t,
        "from_variable_selector": None,
    }


def tok_flow(t):
    return {
        "event": "message",
        "conversation_id": CONV,
        "message_id": MSG,
        "created_at": TS,
        "task_id": TASK,
        "id": MSG,
        "answer": t,
        "from_variable_selector": ["llm", "text"],
    }


def tok_completion(t):
    return {
        "event": "message",
        "message_id": MSG,
        "created_at": TS,
        "task_id": TASK,
        "id": MSG,
        "answer": t,
        "from_variable_selector": None,
    }


def tok_workflow(t):
    return {
        "event": "text_chunk",
        "workflow_run_id": RUN,
        "task_id": TASK,
        "data": {"text": t, "from_variable_selector": [NODE, "text"]},
    }


def tok_openai(t):
    return {
        "id": "chatcmpl-123",
        "object": "chat.completion.chunk",
        "created": TS,
        "model": "gpt-4o-mini",
        "system_fingerprint": "fp_44709d6fcb",
        "service_tier": "default",
        "choices": [{"index": 0, "delta": {"content": t}, "logprobs": None, "finish_reason": None}],
        "obfuscation": "xY12",
    }


def node_ev(kind, i, extra):
    d = {
        "id": f"0f3c0a1e-0000-4000-8000-{i:012d}",
        "node_id": NODE,
        "node_type": "llm",
        "title": "LLM",
        "index": i,
        "predecessor_node_id": "1715923402000",
        "inputs": None,
        "inputs_truncated": False,
        "created_at": TS,
        "extras": {},
        "iteration_id": None,
        "loop_id": None,
    }
    d.update(extra)
    return {"event": kind, "workflow_run_id": RUN, "task_id": TASK, "data": d}


NODE_FIN = {
    "process_data": None,
    "process_data_truncated": False,
    "outputs": {"text": "x" * 200, "usage": USAGE},
    "outputs_truncated": False,
    "status": "succeeded",
    "error": None,
    "elapsed_time": 1.25,
    "execution_metadata": {"total_tokens": 1161, "total_price": "0.0012890", "currency": "USD"},
    "finished_at": TS + 1,
    "files": [],
}


def wf_head():
    out = [
        sse(
            {
                "event": "workflow_started",
                "workflow_run_id": RUN,
                "task_id": TASK,
                "data": {"id": RUN, "workflow_id": WF, "inputs": {"sys.query": "hi", "sys.user_id": "u"}, "created_at": TS},
            }
        )
    ]
    for i in (1, 2):
        out.append(sse(node_ev("node_started", i, {"agent_strategy": None})))
        if i == 1:
            out.append(sse(node_ev("node_finished", i, NODE_FIN)))
    return out


def wf_tail():
    return [
        sse(node_ev("node_finished", 2, NODE_FIN)),
        sse(
            {
                "event": "workflow_finished",
                "workflow_run_id": RUN,
                "task_id": TASK,
                "data": {
                    "id": RUN,
                    "workflow_id": WF,
                    "status": "succeeded",
                    "outputs": {"answer": "x" * 200},
                    "error": None,
                    "elapsed_time": 2.5,
                    "total_tokens": 1161,
                    "total_steps": 3,
                    "created_by": {"id": "u", "user": "u"},
                    "created_at": TS,
                    "finished_at": TS + 2,
                    "exceptions_count": 0,
                    "files": [],
                },
            }
        ),
    ]


END_CHAT = sse(
    {
        "event": "message_end",
        "conversation_id": CONV,
        "message_id": MSG,
        "created_at": TS,
        "task_id": TASK,
        "id": MSG,
        "metadata": {"annotation_reply": None, "retriever_resources": RES, "usage": USAGE},
        "files": None,
    }
)
END_COMP = sse(
    {
        "event": "message_end",
        "message_id": MSG,
        "created_at": TS,
        "task_id": TASK,
        "id": MSG,
        "metadata": {"retriever_resources": [], "usage": USAGE},
        "files": None,
    }
)
OPENAI_HEAD = [
    sse(
        {
            "id": "chatcmpl-123",
            "object": "chat.completion.chunk",
            "created": TS,
            "model": "gpt-4o-mini",
            "system_fingerprint": "fp_44709d6fcb",
            "service_tier": "default",
            "choices": [
                {
                    "index": 0,
                    "delta": {"role": "assistant", "content": "", "refusal": None},
                    "logprobs": None,
                    "finish_reason": None,
                }
            ],
        }
    )
]
OPENAI_TAIL = [
    sse(
        {
            "id": "chatcmpl-123",
            "object": "chat.completion.chunk",
            "created": TS,
            "model": "gpt-4o-mini",
            "system_fingerprint": "fp_44709d6fcb",
            "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}],
        }
    ),
    b"data: [DONE]\n\n",
]

KINDS = {
    "chat": ([], tok_chat, [END_CHAT]),
    "flow": (wf_head(), tok_flow, [END_CHAT] + wf_tail()),
    "completion": ([], tok_completion, [END_COMP]),
    "workflow": (wf_head(), tok_workflow, wf_tail()),
    "openai": (OPENAI_HEAD, tok_openai, OPENAI_TAIL),
}


def frame(b: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(b), b)


LAST = b"0\r\n\r\n"


@lru_cache(maxsize=256)
def events(kind: str, n: int, size: int, uni: int, ping: int) -> tuple[bytes, ...]:
    """SSE bytes of up to `n` token events (pings included), not framed."""
    tok = KINDS[kind][1]
    out = []
    for i in range(n):
        if ping and i and i % ping == 0 and kind != "openai":
            out.append(PING)
        out.append(sse(tok(word(i, size, uni))))
    return tuple(out)


BLOCK = 1000


@lru_cache(maxsize=256)
def plan(kind, n, size, mode, per, cut, uni, ping):
    """A list of (bytes, repeat) writes for an undelayed stream."""
    head, _, tail = KINDS[kind]
    if mode == "split":
        raw = b"".join([*head, *events(kind, n, size, uni, ping), *tail])
        return [(frame(raw[i : i + cut]), 1) for i in range(0, len(raw), cut)] + [(LAST, 1)]
    if mode == "pack":
        evs = [*head, *events(kind, n, size, uni, ping), *tail]
        return [(frame(b"".join(evs[i : i + per])), 1) for i in range(0, len(evs), per)] + [(LAST, 1)]
    full, rest = divmod(n, BLOCK)
    out: list[tuple[bytes, int]] = []
    if mode == "one":
        blk = [frame(e) for e in events(kind, min(n, BLOCK), size, uni, ping)]
        out += [(frame(e), 1) for e in head]
        for _ in range(full):
            out += [(b, 1) for b in blk]
            if ping and ping <= BLOCK and kind != "openai":
                out.append((frame(PING), 1))
        out += [(b, 1) for b in blk[:rest]]
        out += [(frame(e), 1) for e in tail] + [(LAST, 1)]
        return out
    # burst
    if head:
        out.append((b"".join(frame(e) for e in head), 1))
    if full:
        b = b"".join(frame(e) for e in events(kind, BLOCK, size, uni, ping))
        if ping and ping <= BLOCK and kind != "openai":
            b += frame(PING)
        out.append((b, full))
    last = b"".join(frame(e) for e in events(kind, rest, size, uni, ping)) if rest else b""
    out.append((last + b"".join(frame(e) for e in tail) + LAST, 1))
    return out


@lru_cache(maxsize=64)
def paced(kind, size, uni):
    """(before, after) bytes around a 19-digit timestamp + padding text."""
    mark = "@@MARK@@"
    raw = sse(KINDS[kind][1](mark + "x" * max(0, size - 19)))
    a, b = raw.split(mark.encode())
    total = len(a) + 19 + len(b)
    return b"%x\r\n" % total + a, b + b"\r\n"


# ---- blocking bodies ---------------------------------------------------------------------------------------
BLOCKING = {
    "chat": dumps(
        {
            "event": "message",
            "task_id": TASK,
            "id": MSG,
            "message_id": MSG,
            "conversation_id": CONV,
            "mode": "chat",
            "answer": "iPhone 13 Pro Max specs are listed here:..." * 8,
            "metadata": {"usage": USAGE, "retriever_resources": RES},
            "created_at": TS,
        }
    ),
    "completion": dumps(
        {
            "event": "message",
            "task_id": TASK,
            "id": MSG,
            "message_id": MSG,
            "mode": "completion",
            "answer": "Hello World!..." * 8,
            "metadata": {"usage": USAGE, "retriever_resources": []},
            "created_at": TS,
        }
    ),
    "workflow": dumps(
        {
            "workflow_run_id": RUN,
            "task_id": TASK,
            "data": {
                "id": RUN,
                "workflow_id": WF,
                "status": "succeeded",
                "outputs": {"text": "Nice to meet you." * 8},
                "error": None,
                "elapsed_time": 0.875,
                "total_tokens": 3562,
                "total_steps": 8,
                "created_at": TS,
                "finished_at": TS + 1,
            },
        }
    ),
    "retrieve": dumps(
        {
            "query": {"content": "test"},
            "records": [
                {
                    "segment": {
                        "id": f"7fa6f24f-8679-48b3-bc9d-bdf28d73f2{i:02d}",
                        "position": i,
                        "document_id": "a8c6c36f-9f5d-4d7a-8472-f5d7b75d71d2",
                        "content": "Operation guide " * 60,
                        "sign_content": "Operation guide " * 60,
                        "answer": None,
                        "word_count": 847,
                        "tokens": 280,
                        "keywords": ["install", "java", "base", "scripts", "jdk", "manual"],
                        "index_node_id": "39dd8443-d960-45a8-bb46-7275ad7fbc8e",
                        "index_node_hash": "0189157697b3c6a418ccf8264a09699f25858975578f3467c76d6bfc94df1d73",
                        "hit_count": 0,
                        "enabled": True,
                        "disabled_at": None,
                        "disabled_by": None,
                        "status": "completed",
                        "created_by": "dbcb1ab5-90c8-41a7-8b78-73b235eb6f6f",
                        "created_at": 1728734540,
                        "indexing_at": 1728734552,
                        "completed_at": 1728734584,
                        "error": None,
                        "stopped_at": None,
                        "document": {
                            "id": "a8c6c36f-9f5d-4d7a-8472-f5d7b75d71d2",
                            "data_source_type": "upload_file",
                            "name": "readme.txt",
                            "doc_type": None,
                            "doc_metadata": None,
                        },
                    },
                    "child_chunks": [],
                    "score": 3.730463140527718e-05,
                    "tsne_position": None,
                    "files": [],
                    "summary": None,
                }
                for i in range(10)
            ],
        }
    ),
    "openai": dumps(
        {
            "id": "chatcmpl-123",
            "object": "chat.completion",
            "created": TS,
            "model": "gpt-4o-mini",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hello there!" * 8, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
        }
    ),
}

SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\nX-Version: 1.12.1\r\nX-Env: PRODUCTION\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def json_resp(body: bytes, status="200 OK", ctype=b"application/json; charset=utf-8", extra=b"") -> bytes:
    return (
        b"HTTP/1.1 "
        + status.encode()
        + b"\r\nServer: gunicorn\r\nConnection: keep-alive\r\nContent-Type: "
        + ctype
        + b"\r\nContent-Length: %d\r\n" % len(body)
        + extra
        + b"\r\n"
        + body
    )


def err(status, code, message, reason="ERR", extra=b""):
    return json_resp(dumps({"code": code, "message": message, "status": status}), f"{status} {reason}", extra=extra)


# ---- scripted odd streams -----------------------------------------------------------------------------------
T = lambda s: sse(tok_chat(s))  # noqa: E731
ERR_EV = {
    "event": "error",
    "conversation_id": CONV,
    "message_id": MSG,
    "created_at": TS,
    "code": "completion_request_error",
    "status": 400,
    "message": "[openai] Rate Limit Error, quota exceeded",
}


def edge_script(name: str):
    """A list of raw SSE byte pieces (each its own HTTP chunk and TCP write), or None to drop the connection."""
    if name == "utf8split":
        b = T("héllo 🙂 你好")
        i = b.index("🙂".encode()) + 2
        return [b[:i], b[i:], T("|ok"), END_CHAT]
    if name == "bytewise":
        return [bytes([c]) for c in T("héllo 🙂") + T("|ok") + END_CHAT]
    if name == "nospace":
        return [T("a").replace(b"data: ", b"data:"), T("b").replace(b"data: ", b"data:"), END_CHAT.replace(b"data: ", b"data:", 1)]
    if name == "crlf":
        return [x.replace(b"\n\n", b"\r\n\r\n") for x in (T("a"), T("b"), END_CHAT)]
    if name == "crlfsplit":
        b = T("a").replace(b"\n\n", b"\r\n\r\n")
        return [b[:-3], b[-3:], T("b").replace(b"\n\n", b"\r\n\r\n"), END_CHAT]
    if name == "multiline":
        return [
            b'data: {"event":"message",\ndata: "conversation_id":"c","message_id":"m","created_at":1,"task_id":"t",\n'
            b'data: "id":"m","answer":"multi"}\n\n',
            END_CHAT,
        ]
    if name == "huge":
        return [T("H" * 1_000_000), T("|ok"), END_CHAT]
    if name == "hugesplit":
        b = T("H" * 1_000_000)
        return [b[i : i + 16384] for i in range(0, len(b), 16384)] + [T("|ok"), END_CHAT]
    if name == "error":
        return [T("a"), T("b"), sse(ERR_EV)]
    if name == "errorevent":
        return [T("a"), b"event: error\n" + sse(ERR_EV)]
    if name == "early":
        return [T("a"), T("b"), None]
    if name == "earlymid":
        return [T("a"), T("b"), T("c")[:40], None]
    if name == "earlyclean":
        return [T("a"), T("b")]
    if name == "noblank":
        return [T("a"), T("b"), END_CHAT[:-2]]
    if name == "unknown":
        return [T("a"), sse({"event": "brand_new_event", "task_id": TASK, "data": {"x": 1}}), T("b"), END_CHAT]
    if name == "nullfields":
        return [
            T("a"),
            sse(
                {
                    "event": "agent_thought",
                    "conversation_id": CONV,
                    "message_id": MSG,
                    "created_at": TS,
                    "task_id": TASK,
                    "id": MSG,
                    "position": 1,
                    "thought": None,
                    "observation": None,
                    "tool": None,
                    "tool_labels": {},
                    "tool_input": None,
                    "message_files": None,
                }
            ),
            T("b"),
            END_CHAT,
        ]
    if name == "ping":
        return [PING, T("a"), PING, T("b"), PING, END_CHAT]
    if name == "comment":
        return [b": keepalive\n\n", T("a"), b":\n\n", T("b"), END_CHAT]
    if name == "u2028":
        return [T("a\u2028b\u0085c\u2029d"), T("|ok"), END_CHAT]
    if name == "done":
        return [T("a"), b"data: [DONE]\n\n"]
    if name == "bom":
        return [b"\xef\xbb\xbf" + T("a"), T("b"), END_CHAT]
    if name == "badjson":
        return [T("a"), b'data: {"event": oops}\n\n', T("b"), END_CHAT]
    if name == "agent":
        return [T("a").replace(b'"message"', b'"agent_message"', 1), END_CHAT]
    raise KeyError(name)


STATS = {"requests": {}, "open": 0, "streams_started": 0, "streams_finished": 0, "streams_aborted": 0, "stops": 0}


class Conn(asyncio.Protocol):
    __slots__ = ("tr", "buf", "task", "can_write", "sock", "loop")

    def connection_made(self, tr):
        self.tr = tr
        self.loop = asyncio.get_running_loop()
        self.buf = b""
        self.task = None
        self.can_write = asyncio.Event()
        self.can_write.set()
        sock = tr.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tr.set_write_buffer_limits(high=512 * 1024, low=128 * 1024)
        STATS["open"] += 1

    def connection_lost(self, exc):
        STATS["open"] -= 1
        self.can_write.set()
        if self.task and not self.task.done():
            self.task.cancel()

    def pause_writing(self):
        self.can_write.clear()

    def resume_writing(self):
        self.can_write.set()

    def data_received(self, data):
        self.buf = self.buf + data if self.buf else data
        if self.task is None or self.task.done():
            self.next_request()

    def next_request(self):
        buf = self.buf
        i = buf.find(b"\r\n\r\n")
        if i < 0:
            return
        head = buf[:i]
        low = head.lower()
        j = low.find(b"content-length:")
        length = 0
        if j >= 0:
            k = low.find(b"\r\n", j)
            length = int(low[j + 15 : k if k >= 0 else len(low)])
        if low.find(b"transfer-encoding: chunked") >= 0:
            e = buf.find(b"0\r\n\r\n", i + 4)
            if e < 0:
                return
            rawb = buf[i + 4 : e]
            body = b""
            while rawb:
                h = rawb.find(b"\r\n")
                n = int(rawb[:h], 16)
                body += rawb[h + 2 : h + 2 + n]
                rawb = rawb[h + 2 + n + 2 :]
            self.buf = buf[e + 5 :]
        else:
            if len(buf) < i + 4 + length:
                if b"expect: 100-continue" in low:
                    self.tr.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = buf[i + 4 : i + 4 + length]
            self.buf = buf[i + 4 + length :]
        method, target, _ = head[: head.find(b"\r\n")].split(b" ", 2)
        self.handle(method, target.decode(), body)

    def handle(self, method, target, body):
        path, _, query = target.partition("?")
        k = dict(KNOBS)

        def setk(pairs):
            for a, b in pairs:
                if a in k:
                    d = KNOBS[a]
                    k[a] = type(d)(b)

        if path.startswith("/k/"):
            spec, _, path = path[3:].partition("/")
            path = "/" + path
            setk(p.partition("=")[::2] for p in unquote(spec).split(";") if p)
        if query:
            setk(parse_qsl(query))
        if path == "/stats":
            return self.send_now(json_resp(dumps(STATS)))
        if path == "/reset":
            STATS.update(requests={}, streams_started=0, streams_finished=0, streams_aborted=0, stops=0)
            return self.send_now(json_resp(b"{}"))
        STATS["requests"][path] = STATS["requests"].get(path, 0) + 1
        obj = {}
        if body and body[:1] == b"{":
            obj = json.loads(body)
            inp = obj.get("inputs")
            if isinstance(inp, dict) and inp:
                setk(inp.items())
        if path.endswith("/stop"):
            STATS["stops"] += 1
            return self.send_now(json_resp(b'{"result":"success"}'))
        stream = obj.get("response_mode") == "streaming" or obj.get("stream") is True
        if path == "/v1/chat-messages":
            kind = "flow" if k["flow"] else "chat"
        elif path == "/v1/completion-messages":
            kind = "completion"
        elif path.startswith("/v1/workflows/") and path.endswith("/run"):
            kind = "workflow"
        elif path.startswith("/v1/datasets/") and path.endswith("/retrieve"):
            kind, stream = "retrieve", False
        elif path == "/v1/chat/completions":
            kind = "openai"
        elif path == "/v1/parameters":
            return self.send_now(json_resp(dumps({"user_input_form": [], "opening_statement": ""})))
        else:
            return self.send_now(err(404, "not_found", "The requested URL was not found on the server."))
        e = k["edge"]
        if e:
            if e.startswith("http"):
                code = int(e[4:7])
                if e.endswith("html"):
                    return self.send_now(
                        json_resp(b"<html><body><h1>502 Bad Gateway</h1></body></html>", f"{code} Bad", b"text/html")
                    )
                return self.send_now(
                    err(
                        code,
                        {400: "invalid_param", 401: "unauthorized", 404: "not_found", 429: "too_many_requests"}.get(
                            code, "internal_server_error"
                        ),
                        "scripted error",
                        extra=b"Retry-After: 7\r\n" if code == 429 else b"",
                    )
                )
            if e == "drop":
                return self.tr.abort()
            if e == "hang":
                return None
        if not stream:
            if k["first"]:
                self.task = self.loop.create_task(self.later(k["first"] / 1000, json_resp(BLOCKING[kind.replace("flow", "chat")])))
                return None
            return self.send_now(json_resp(BLOCKING[kind.replace("flow", "chat")]))
        if not k["delay"] and not k["first"] and not e and k["mode"] == "burst" and k["n"] <= BLOCK:
            # small stream: one synchronous pass, no task
            STATS["streams_started"] += 1
            w = self.tr.write
            w(
                SSE_HEAD
                + b"".join(b * r for b, r in plan(kind, k["n"], k["size"], "burst", k["per"], k["cut"], k["uni"], k["ping"]))
            )
            STATS["streams_finished"] += 1
            return None
        self.task = self.loop.create_task(self.stream(kind, k))

    def send_now(self, b):
        self.tr.write(b)
        if self.buf:
            self.loop.call_soon(self.next_request)

    async def later(self, d, b):
        await asyncio.sleep(d)
        self.tr.write(b)

    async def stream(self, kind, k):
        STATS["streams_started"] += 1
        tr, ok = self.tr, self.can_write
        done = False
        try:
            tr.write(SSE_HEAD)
            if k["first"]:
                await asyncio.sleep(k["first"] / 1000)
            if k["edge"] and k["edge"] not in ("drop", "hang"):
                gap = k["delay"] / 1000 or 0.003
                for piece in edge_script(k["edge"]):
                    if piece is None:
                        await asyncio.sleep(0.02)
                        tr.close()
                        done = True
                        return
                    tr.write(frame(piece))
                    await asyncio.sleep(gap if k["edge"] != "bytewise" else 0)
                    if not ok.is_set():
                        await ok.wait()
                    if tr.is_closing():
                        return
                tr.write(LAST)
            elif k["delay"]:
                a, b = paced(kind, k["size"], k["uni"])
                d = k["delay"] / 1000
                head, _, tail = KINDS[kind]
                for e in head:
                    tr.write(frame(e))
                clock, write, time_ = time.monotonic_ns, tr.write, self.loop.time
                nxt = time_()
                for _ in range(k["n"]):
                    nxt += d
                    w = nxt - time_()
                    await asyncio.sleep(w if w > 0 else 0)
                    if tr.is_closing():
                        return
                    write(b"%b%019d%b" % (a, clock(), b))
                tr.write(b"".join(frame(e) for e in tail) + LAST)
            else:
                write = tr.write
                i = 0
                one = k["mode"] != "burst"
                for blk, rep in plan(kind, k["n"], k["size"], k["mode"], k["per"], k["cut"], k["uni"], k["ping"]):
                    for _ in range(rep):
                        write(blk)
                        if not ok.is_set():
                            await ok.wait()
                            if tr.is_closing():
                                return
                        elif one:
                            i += 1
                            if not i & 63:  # let other connections run
                                await asyncio.sleep(0)
                                if tr.is_closing():
                                    return
            done = True
            STATS["streams_finished"] += 1
        finally:
            if not done:
                STATS["streams_aborted"] += 1
            self.task = None
            if self.buf and done:
                self.loop.call_soon(self.next_request)


async def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https")
    ap.add_argument("--life", type=float, default=7200, help="seconds after which the server ends itself")
    a = ap.parse_args()
    loop = asyncio.get_running_loop()
    ctx = None
    if a.tls:
        import ssl

        ctx = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ctx.load_cert_chain(*a.tls)
    srv = await loop.create_server(Conn, "127.0.0.1", a.port, backlog=4096, ssl=ctx)
    print(f"listening on 127.0.0.1:{srv.sockets[0].getsockname()[1]}", flush=True)
    try:
        await asyncio.sleep(a.life)
    finally:
        srv.close()


if __name__ == "__main__":
    try:
        import resource

        s, h = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (h, h))
    except Exception:
        pass
    sys.exit(asyncio.run(main()))
