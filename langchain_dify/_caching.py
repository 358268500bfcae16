"""LangChain's caches, with answers that are whole: one that was stopped or waits for a person answers no later question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.outputs import ChatGeneration
from typing_extensions import override

if TYPE_CHECKING:
    from langchain_core.outputs import Generation

_UNFINISHED = ("stopped", "paused")


class WholeAnswers(BaseCache):
    """Reads and writes another cache, and keeps unfinished answers out of it."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache

    @override
    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return self._cache.lookup(prompt, llm_string)

    @override
    async def alookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        return await self._cache.alookup(prompt, llm_string)

    @override
    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        if all(map(_is_whole, return_val)):
            self._cache.update(prompt, llm_string, return_val)

    @override
    async def aupdate(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        if all(map(_is_whole, return_val)):
            await self._cache.aupdate(prompt, llm_string, return_val)

    @override
    def clear(self, **kwargs: Any) -> None:
        self._cache.clear(**kwargs)


def whole_answers(cache: BaseCache | bool | None) -> WholeAnswers | None:
    """The cache a model with this field uses, `None` when it uses none."""
    found = cache if isinstance(cache, BaseCache) else get_llm_cache() if cache is not False else None
    return WholeAnswers(found) if found is not None and not isinstance(found, WholeAnswers) else found


def _is_whole(generation: Generation) -> bool:
    told = generation.message.response_metadata if isinstance(generation, ChatGeneration) else generation.generation_info
    return (told or {}).get("finish_reason") not in _UNFINISHED
