"""The parser of tool calls: the same calls however the answer arrives, and never a tag or half a call in the text."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.tool_calls import ParsedCall, ToolCallParser, render_calls

Output = list[str | ParsedCall]

TWO = '<tool_calls>\n{"name": "add", "arguments": {"a": 1}}\n{"name": "get_weather", "arguments": {"city": "東京"}}\n</tool_calls>'
TAG_INSIDE = '<tool_calls>\n{"name": "say", "arguments": {"text": "x</tool_calls>\\n<tool_calls>"}}\n</tool_calls>'

CORPUS = [
    "",
    " ",
    f"<think>I might\n{TWO}\n</think>\n{TWO}",
    f"Well <think>no {TWO}</thi</think> <think>{TWO}",
    f"{TWO}\n<thin <think> < </think>\n<tool_result",
    "Just text, 3 < 4 and <b>bold</b>.\n",
    "你好，世界 \n\n",
    "A tag begun: <tool_cal",
    "A tag begun: <tool_calls",
    "The tag `<tool_calls>` is only talked about, <tool_calls> too.",
    "A tag at the end <tool_calls> ",
    TWO,
    f"  Let me look. \n\n{TWO}\n",
    f"我看看　\n{TWO}\n\n完了 \n",
    TAG_INSIDE,
    f"{TWO}\n{TAG_INSIDE}",
    f"{TWO}\n<tool_result id=1>made up</tool_result>\nThe answer is 7. {TWO}",
    f"{TWO}\n< then <tool_res",
    '<tool_calls>{"name": "add", "arguments": {"t": "</tool_calls>"}}</tool_calls> done',
    '<tool_calls>\n{"name": "add", "arguments": {"a": 1}</tool_calls> done',
    '<tool_calls>\n{"name": "add", "arguments": {"a": 1',
    '<tool_calls>\n{"name": "add", "arguments": {"a": 1\n',
    '<tool_calls>\n{"name": "add", "arguments": {"city": "Pa',
    '<tool_calls>\n{"name": "add", "arguments": {"a": 1\n{"name": "add", "arguments": {"b": 2\n</tool_calls>',
    '<tool_calls>\n{"name": "add", "arguments": {"a": "1}}\n{"name": "add", "arguments": {"b": 2}}\n</tool_calls>after',
    '<tool_calls>\r\n```json\r\n{"name": "add", "arguments": {"a": 1,},}\r\n```\r\n</tool_calls>\r\n',
    '<tool_calls>\n[\n  {\n    "name": "add",\n    "arguments": {"l": [\n{"name": "Bo"}\n]}\n  },\n]\n</tool_calls>',
    "<tool_call>\n{'name': 'add', 'arguments': {'s': 'don\\'t say \"x\"', 'b': True, 'n': None}}\n</tool_call>\n",
    "<tool_calls>\nI had rather not.\n</tool_calls>\nSorry.",
    "<tool_calls>I had rather not.</tool_calls> Sorry.",
    "<tool_calls>\nnothing</tool_calls> Sorry.",
    "<tool_calls></tool_calls>",
    "<tool_calls>\n</tool_calls>",
    ' {"name": "add", "arguments": {"a": 1}} \n',
    '[{"name": "add", "arguments": {}}, {"name": "get_weather", "arguments": {}}]',
    '```json\n{"name": "add", "arguments": {}}\n```',
    '```json\n{"name": "add", "arguments": {}}\n``` and so on',
    '{"name": "unknown", "arguments": {}}',
    '{"name": "add"} ',
    '{"answer": 42}',
    '{"name": "add", "arguments": {}} \n' + TWO,
    "{",
    "``",
    "`x`",
    "```python\nprint(1)\n```\n",
    # White space of every kind around and inside a block.
    " \t\n\r\n \n",
    f"\u00a0\u3000\u2028 Let me look.\u3000\u00a0\n{TWO}\u2028\n",
    '<tool_calls>\t \n\n\n  {"name": "add", "arguments": {"a": 1}}\t\n\n</tool_calls>\u3000',
    '<tool_calls>\n{"name": "say", "arguments": {"text": "a\u2028b\u2029c\u0085d"}}\n</tool_calls>',
    # Other scripts, in names, arguments and words between blocks.
    '好的。<tool_calls>\n{"name": "天气", "arguments": {"城市": "東京都", "絵文字": "👩\u200d👩\u200d👧"}}\n</tool_calls>\n完了。',
    # Both tags whole inside strings, in keys, twice on a line, behind escapes, across lines, in a bare object.
    '<tool_calls>\n{"name": "say", "arguments": {"</tool_calls>": "<tool_calls>\\n</tool_calls>\\n"}}\n</tool_calls>\nDone.',
    '<tool_calls>{"name": "say", "arguments": {"t": "\\"</tool_calls>\\\\"}}{"name": "say", "arguments": {}}</tool_calls>',
    '<tool_calls>\n{\n"name": "say",\n"arguments": {"t":\n"<tool_calls> and </tool_calls>"\n}}\n</tool_calls>',
    '{"name": "add", "arguments": {"t": "<tool_calls>\\n{}\\n</tool_calls>"}}',
    "<tool_calls>\n{'name': 'say', 'arguments': {'t': '</tool_calls>'}}\n</tool_calls> after",
    # Cut off: in a name, a key, an escape, a literal, before the first line's end, inside the closing tag.
    '<tool_calls>\n{"name": "ad',
    '<tool_calls>\n{"name": "add", "argu',
    '<tool_calls>\n{"name": "add", "arguments": {"t": "\\u00',
    '<tool_calls>\n{"name": "add", "arguments": {"b": tru',
    '<tool_calls>\n{"name": "add", "arguments": {"a": 1}}\n</tool_ca',
    '<tool_calls>{"name": "add", "arguments": {"a": 1}}</to',
    f"{TWO[:-3]}",
    # Broken lines between good ones.
    '<tool_calls>\n{"name": "add" "arguments": {}}\n{"name": "add", "arguments": {"b": 2}}\nnonsense\n</tool_calls>\nEnd',
    '<tool_calls>\n"add"\n42\n{"name": "add", "arguments": [1]}\n{"name": "add", "arguments": {"b": 2}}\n</tool_calls>',
]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"parallel": False},
    {"names": ("add", "get_weather")},
    {"names": ("add",), "parallel": False},
]


def read(pieces: Iterable[str], *, names: Collection[str] = (), parallel: bool = True, ids: Iterable[str] | None = None) -> Output:
    """The whole output, with neighbouring texts joined."""
    numbers = iter(ids) if ids is not None else (f"call_{number}" for number in itertools.count())
    parser = ToolCallParser(names=names, parallel=parallel, new_id=lambda: next(numbers))
    out = [piece for text in pieces for piece in parser.feed(text)]
    out += parser.close()
    assert "" not in out
    joined: Output = []
    for piece in out:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def plain(output: Output) -> list[Any]:
    """Texts, and calls as name and arguments (a broken call: as its name alone)."""
    return [
        piece if isinstance(piece, str) else (piece.name,) if piece.error else (piece.name, piece.arguments) for piece in output
    ]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("answer", CORPUS)
def test_every_way_of_cutting_gives_the_same(answer: str, options: dict[str, Any]) -> None:
    """Check 13: two pieces, and a piece of one to three characters inside, at all positions; and all pieces of equal length."""
    whole = read([answer], **options)
    for size in range(1, 8):
        assert read([answer[at : at + size] for at in range(0, len(answer), size)], **options) == whole
    for cut, size in itertools.product(range(len(answer) + 1), range(4)):
        assert read([answer[:cut], answer[cut : cut + size], answer[cut + size :]], **options) == whole


_FRAGMENTS = st.sampled_from(
    [
        *(
            "<tool_calls>",
            "</tool_calls>",
            "<tool_call>",
            "<tool_result",
            "<think>",
            "</think>",
            "<",
            "\n",
            " ",
            "\r\n",
            "　",
            "```json",
            "```",
        ),
        *('{"name": "add", "arguments": {"a": 1}}', '{"name": "add",', '"arguments": {"t": "</tool_calls>"}}', "}", "[", "]", ","),
        *("'", '"', "\\", "1", "完了", "text"),
    ]
)


@settings(max_examples=150)
@given(st.lists(st.one_of(_FRAGMENTS, st.text(max_size=4)), max_size=14), st.data(), st.sampled_from(SETTINGS))
def test_no_answer_and_no_cutting_changes_the_output(parts: list[str], data: st.DataObject, options: dict[str, Any]) -> None:
    """Check 13: any mixture of fragments, cut anywhere."""
    answer = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    pieces = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)])]
    assert read(pieces, **options) == read([answer], **options)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.just("id"), st.sampled_from(["add", "x-1"]), st.dictionaries(st.text(), _VALUES)), max_size=4))
def test_rendered_calls_are_read_back(calls: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Whatever the arguments hold: tags, line separators, quotes, any script."""
    expected = [(name, arguments) for _, name, arguments in calls]
    assert plain(read([f"Well.\n{render_calls(calls)}"])) == ["Well." if calls else "Well.\n", *expected]


@settings(max_examples=150)
@given(st.text(alphabet="ab <>{}[]`\"'\n,tol_cs/", max_size=40))
def test_text_without_a_block_is_untouched(text: str) -> None:
    answer = text.replace("<tool_call", "")
    assert "".join(str(piece) for piece in read([answer])) == answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TWO, [("add", {"a": 1}), ("get_weather", {"city": "東京"})]),
        *[(TWO[:-size], [("add", {"a": 1}), ("get_weather", {"city": "東京"})]) for size in range(1, 13)],
        ('<tool_calls>{"name": "add", "arguments": {"a": 1}}</to', [("add", {"a": 1})]),
        ('<tool_calls>\n{"name": "add", "arguments": {"a": "</to', [("add",)]),
        (f"Let me look.\n\n{TWO}\n", ["Let me look.", ("add", {"a": 1}), ("get_weather", {"city": "東京"})]),
        (TAG_INSIDE, [("say", {"text": "x</tool_calls>\n<tool_calls>"})]),
        ('<tool_calls>{"name": "a", "arguments": {"t": "</tool_calls>"}}</tool_calls> ok', [("a", {"t": "</tool_calls>"}), " ok"]),
        ('<tool_calls>\n{"name": "a", "arguments": {"b": 1</tool_calls> ok', [("a", {"b": 1}), " ok"]),
        ('<tool_calls>\n{"name": "a", "arguments": {"b": 1}\n', [("a", {"b": 1})]),
        ('<tool_calls>\n{"name": "a", "arguments": {"b": "c"', [("a", {"b": "c"})]),
        ('<tool_calls>\n{"name": "a", "arguments": {"b": 1', [("a",)]),
        ('<tool_calls>\n{"name": "a", "arguments": {"b": "c', [("a",)]),
        ('<tool_calls>\n{"name": "a", "arg', [("a",)]),
        ('<tool_calls>\n{"name": "a", "arguments": {"b": 1,', [("a",)]),
        ('<tool_calls>\n{"na', [("",)]),
        (
            '<tool_calls>\n{"name": "a", "arguments": {"x": 1\n{"name": "b", "arguments": {"y": 2}}\n</tool_calls>',
            [("a", {"x": 1}), ("b", {"y": 2})],
        ),
        (
            '<tool_calls>\n{"name": "a", "arguments": {"x": 1\n{"name": "b", "arguments": {"y": 2\n</tool_calls>',
            [("a", {"x": 1}), ("b", {"y": 2})],
        ),
        ('<tool_calls>\nno\n{"name": "b", "arguments": {}}\n</tool_calls>', [("",), ("b", {})]),
        ('<tool_calls>\n{"name": "a" "arguments": {}}\n{"name": "b", "arguments": {}}\n</tool_calls>', [("a",), ("b", {})]),
        ('<tool_calls>\n{"name": "a",\n "arguments":\n {"b": "c"}}\n</tool_calls>', [("a", {"b": "c"})]),
        (
            '<tool_calls>\n{"name": "run", "arguments": {"code": "x = 1\n\tprint(x)"}}\n</tool_calls>',
            [("run", {"code": "x = 1\n\tprint(x)"})],
        ),
        (
            '<tool_calls>\n{"name": "run", "arguments": {"code": "if (x) {\n}}}\n"}}\n{"name": "b", "arguments": {}}\n</tool_calls>',
            [("run", {"code": "if (x) {\n}}}\n"}), ("b", {})],
        ),
        ('<tool_calls>\n{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}},\n</tool_calls>', [("a", {}), ("b", {})]),
        ("use `<tool_calls>`, or <tool_calls> so", ["use `<tool_calls>`, or <tool_calls> so"]),
        (f"{TWO}\n\nI will wait. \n", [("add", {"a": 1}), ("get_weather", {"city": "東京"}), "\n\nI will wait."]),
        ("<tool_calls>\nno.</tool_calls> Sorry.", [("",), " Sorry."]),
        ("<tool_calls>\n</tool_calls>", []),
    ],
)
def test_what_is_read(answer: str, expected: list[Any]) -> None:
    assert plain(read([answer])) == expected


def test_results_the_model_made_up_are_dropped_with_all_that_follows() -> None:
    made_up = f'{TWO}\n<tool_result id="1" name="add" status="ok">7</tool_result>\nIt is 7.\n{TWO}'
    assert plain(read([made_up])) == [("add", {"a": 1}), ("get_weather", {"city": "東京"})]


def test_calls_that_are_only_thought_of_stay_text() -> None:
    """The text has `<think>` in it where nobody took it out; what is said behind it counts."""
    thought = f"<think>Shall I?\n{TWO}\nNo.</think>"
    assert plain(read([thought])) == [thought]
    assert plain(read([f"{thought}\n{TWO}"])) == [thought, ("add", {"a": 1}), ("get_weather", {"city": "東京"})]
    assert plain(read([f"<think>{TWO}"])) == [f"<think>{TWO}"]


def test_a_result_tag_before_any_call_is_text() -> None:
    assert read(["as in <tool_result id=1>"]) == ["as in <tool_result id=1>"]


def test_a_call_comes_out_with_its_line_and_text_before_it_at_once() -> None:
    """Streaming: nothing waits for the end of the answer that need not."""
    parser = ToolCallParser()
    assert parser.feed("Let me ") == ["Let me"]
    assert parser.feed("see.\n<tool_") == [" see."]
    assert parser.feed('calls>\n{"name": "a", "arg') == []
    assert [call.name for call in parser.feed('uments": {}}\n{') if isinstance(call, ParsedCall)] == ["a"]
    assert parser.feed('"name": "b", "arguments": {}}') == []
    assert [call.name for call in parser.close() if isinstance(call, ParsedCall)] == ["b"]
    assert parser.close() == []


def test_only_the_first_readable_call_is_kept_when_one_is_allowed() -> None:
    broken = '<tool_calls>\n?\n{"name": "a", "arguments": {}}\n?\n{"name": "b", "arguments": {}}\n</tool_calls> end'
    assert plain(read([broken], parallel=False)) == [("",), ("a", {}), " end"]


def test_ids_are_new_for_each_call_whatever_the_model_writes() -> None:
    answer = '<tool_calls>\n{"id": "1", "name": "a", "arguments": {}}\n{"id": "1", "name": "a", "arguments": {}}\n</tool_calls>'
    parser = ToolCallParser()
    ids = [call.id for call in (*parser.feed(answer), *parser.close()) if isinstance(call, ParsedCall)]
    assert len(set(ids)) == 2
    assert all(call_id.startswith("call_") and len(call_id) == 37 for call_id in ids)


def test_a_broken_call_keeps_its_text_its_tool_and_the_reason() -> None:
    line = '{"name": "send", "arguments": {"to": "bob", "body": "half'
    assert read([f"<tool_calls>\n{line}"], ids=["call_x"]) == [ParsedCall("call_x", "send", None, line, "cut off before its end")]


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        ('{"name": "add", "arguments": {"a": 1}}', [("add", {"a": 1})]),
        ('\n{"function": {"name": "add", "arguments": "{\\"a\\": 1}"}}\n', [("add", {"a": 1})]),
        ('```json\n{"name": "add", "parameters": {"a": 1}}\n```', [("add", {"a": 1})]),
        ('```\n[{"name": "add", "arguments": {}}, {"name": "mul", "arguments": {}}]\n```\n', [("add", {}), ("mul", {})]),
    ],
)
def test_an_answer_that_is_nothing_but_a_call_counts(answer: str, calls: list[Any]) -> None:
    """Models that know another grammar answer so; without offered tools it is an ordinary answer."""
    assert plain(read(answer, names=["add", "mul"])) == calls
    assert plain(read(answer)) == [answer]


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "other", "arguments": {}}',
        '{"name": "add"}',
        '{"name": "add", "arguments": [1]}',
        '{"name": "add", "arguments": {"a": 1',
        'Here: {"name": "add", "arguments": {}}',
        '{"name": "add", "arguments": {}} is how to call it',
        '[{"name": "add", "arguments": {}}, {"name": "other", "arguments": {}}]',
        '{"type": "report", "rows": []}',
        "[]",
        "",
    ],
)
def test_an_answer_that_is_not_surely_a_call_stays_text(answer: str) -> None:
    assert read([answer], names=["add"]) == ([answer] if answer else [])


def test_other_json_and_code_stream_although_tools_are_offered() -> None:
    """Only an answer that still can be a call is held back."""
    for start in ('{"answer', "```python\nx", "[1, ", "Hello"):
        parser = ToolCallParser(names=["add"])
        assert "".join(str(piece) for piece in (*parser.feed(start), *parser.feed('": 1')))


def test_long_calls_are_read_in_linear_time() -> None:
    """Escaped quotes in small pieces, the same cut off, and an object over thousands of lines: no test waits for minutes."""
    line = json.dumps({"name": "a", "arguments": {"text": 'say "b"\n' * 30_000}})
    answer = f"<tool_calls>\n{line}\n"
    whole = read(answer[at : at + 4] for at in range(0, len(answer), 4))
    assert isinstance(whole[0], ParsedCall) and whole[0].error is None
    cut = read([answer[:-8]])
    assert isinstance(cut[0], ParsedCall) and cut[0].error == "cut off before its end"
    rows = [{"x": number, "y": "}"} for number in range(4_000)]
    pretty = json.dumps({"name": "a", "arguments": {"rows": rows}}, indent=2)
    assert plain(read([f"<tool_calls>\n{pretty}\n</tool_calls>"])) == [("a", {"rows": rows})]
