"""A tool call that was demanded and did not come is asked for once more, inside the same call.

Words that were said instead are held back until it is sure that they stay: what was streamed cannot be unsaid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatResponse, ThinkingBlock, ToolCallBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._calls import Call

_ADDED = ("prompt_tokens", "completion_tokens", "total_tokens")


class Demand:
    """What is asked in one call, turn by turn.

    Args:
        call: The call; it is made the next turn's.
        retries: How often a demanded call is asked for again.
    """

    def __init__(self, call: Call, retries: int) -> None:
        self.call = call
        self._left = retries if call.demanding else 0
        self._held: ChatResponse | None = None
        self._repeat = False
        self._before: list[dict[str, Any]] = []

    @property
    def waits(self) -> bool:
        """Whether the next turn's words are held back."""
        return self._left > 0

    def again(self, response: ChatResponse) -> bool:
        """Whether the turn that is over must be repeated."""
        about = response.message.additional_kwargs["dify"]
        ended = not about.get("status") and not about.get("text_replaced")
        if not self.waits or not ended or _calls(response):
            return False
        self._left -= 1
        self._before.append({"message_id": about.get("message_id", ""), "usage": (response.raw or {}).get("usage") or {}})
        self.call.complain(response)
        return True

    def joined(self, response: ChatResponse) -> ChatResponse:
        """The last turn's response, which tells of the turns before it: their tokens are added, their ids are in `repairs`."""
        if self._before and response.raw is not None:
            response.message.additional_kwargs["dify"]["repairs"] = self._before
            usage = response.raw.setdefault("usage", {})
            for name in _ADDED:
                told = [turn["usage"][name] for turn in self._before if name in turn["usage"]]
                if told:
                    usage[name] = response.additional_kwargs[name] = sum(told) + usage.get(name, 0)
        return response

    def shown(self, chunk: ChatResponse) -> Sequence[ChatResponse]:
        """What may be streamed now; after the turn's last chunk `unmet` tells whether another turn is needed."""
        last = "dify" in chunk.message.additional_kwargs
        if self.waits:
            self._held = chunk if self._held is None else _merged(self._held, chunk)
            if _calls(chunk):
                self._left = 0  # what was demanded is there
            elif not last:
                return ()
            elif self.again(chunk):
                self._held, self._repeat = None, True
                return ()
            chunk, self._held = self._held, None
        return (self.joined(chunk) if last else chunk,)

    def unmet(self) -> bool:
        """Whether the turn that was streamed must be repeated."""
        repeat, self._repeat = self._repeat, False
        return repeat


def _calls(response: ChatResponse) -> bool:
    return any(isinstance(block, ToolCallBlock) for block in response.message.blocks)


def _merged(held: ChatResponse, chunk: ChatResponse) -> ChatResponse:
    """Two chunks as one: a held chunk for every token would keep every state of the text.

    Nothing of the turn was streamed yet: new is all that stands now, without what moderation has withdrawn meanwhile.
    """
    thinking = "".join(block.content or "" for block in chunk.message.blocks if isinstance(block, ThinkingBlock))
    extra = {**held.additional_kwargs, **chunk.additional_kwargs, **({"thinking_delta": thinking} if thinking else {})}
    return ChatResponse(message=chunk.message, delta=chunk.message.content or "", raw=chunk.raw, additional_kwargs=extra)
