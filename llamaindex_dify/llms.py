"""Dify apps as LlamaIndex LLMs. The endpoint is the class; the wire is always a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.bridge.pydantic import Field, PrivateAttr

from dify_integrations.bridge.form import FormField, form_of, prompt_variable

from ._base import ToolCalling, UserName
from ._methods import DifyLLM

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr

    from dify_integrations import AsyncDify, AsyncRun, Dify, Run
    from dify_integrations.bridge.clients import Clients
    from dify_integrations.bridge.conversation import ConversationMode
    from dify_integrations.settings import Timeouts

    from ._answers import Citations, OnReplace
    from ._calls import Request


class DifyChatLLM(DifyLLM):
    """A Dify chat, agent or chatflow app as an LLM.

    Safe to share between threads, event loops and end users: nothing of a conversation is kept on the object. What is
    known of an answer (ids, citations, files, steps of the app's own agent) is in `message.additional_kwargs["dify"]`,
    token counts are in `response.raw["usage"]`.

    Args:
        client: A shared `Dify`; settings given beside it change a copy that shares its connections.
        async_client: A shared `AsyncDify`.
        api_key: App key (`app-…`), or `DIFY_API_KEY`.
        base_url: Address with `/v1`, or `DIFY_BASE_URL`.
        user: Your identifier of the end user, a function that tells it at every call, or `DIFY_USER`; calls may name another
            with `user=…`.
        inputs: The app's variables, for every call.
        model: What to call the app in traces.
        conversation: `stateless` renders the whole history into every request; `auto` continues the Dify conversation of
            the last answer when that is safe; `stateful` refuses where `auto` would fall back.
        conversation_id: Conversation of histories without an answer of this app.
        auto_generate_name: Whether Dify spends a model call on the title of a new conversation.
        resume: Follow a chatflow's run by its id when its stream breaks (Dify ≥ 1.14).
        system_prompt_variable: App variable that takes system messages instead of the query.
        tool_calling: `prompt` asks the app for tool calls by words and reads them from its answer: an emulation, as
            good as the app's model. `off` is honest: Dify apps take no tools.
        tool_retries: How often a call that was demanded and did not come is asked for again.
        on_replace: What becomes of an answer that moderation replaces: `annotate` puts `message_replaced` next to the
            replacement, though streamed words cannot be unsaid; `raise` raises `DifyModerationError`; `buffer` streams
            nothing before the end.
        citations: `blocks` puts the passages an answer rests on into the message as `CitationBlock`s; other LLMs may not
            take such a history. They are in `additional_kwargs["dify"]["citations"]` in any case.
        split_thinking: Take `<think>` inside answers for thinking.
        context_window: Tokens. Dify does not tell; set that of your app's model.
        num_output: Tokens of an answer.
        timeout: Seconds without a sign of life, or `Timeouts` for every clock of its own, connecting included.
        max_retries: How often a call that surely did not start is sent again.
        kwargs: Fields of every LlamaIndex LLM, such as `callback_manager` and `system_prompt`; `on_fork`, what `auto` does
            with an edited or repeated turn (`stateless`: say the history in a new conversation, or `raise`); `verify_tip`,
            whether to ask Dify before continuing if the history is complete (by default when this process cannot tell);
            `trace_payloads`, what tracers see of the inputs and outputs of nodes and tools: `none`, their first 4096
            characters (`truncated`), or `full`.

    Examples:
        ```python
        llm = DifyChatLLM(api_key="app-…", base_url="http://localhost/v1", user="ada")
        for chunk in llm.stream_complete("What is a vector?"):
            print(chunk.delta, end="")
        ```
    """

    auto_generate_name: bool = Field(default=False, description="Let Dify title new conversations by a model call.")
    resume: bool = Field(default=False, description="Follow a chatflow's run by its id when its stream breaks (Dify ≥ 1.14).")

    _endpoint: ClassVar[str] = "chat-messages"

    def __init__(
        self,
        client: Dify | None = None,
        *,
        async_client: AsyncDify | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: UserName | None = None,
        inputs: dict[str, Any] | None = None,
        model: str = "chat",
        conversation: ConversationMode = "stateless",
        conversation_id: str | None = None,
        auto_generate_name: bool = False,
        resume: bool = False,
        system_prompt_variable: str | None = None,
        tool_calling: ToolCalling = "off",
        tool_retries: int = 1,
        on_replace: OnReplace = "annotate",
        citations: Citations = "kwargs",
        split_thinking: bool = True,
        context_window: int = 32_768,
        num_output: int = 1_024,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            client,
            async_client,
            api_key=api_key,
            base_url=base_url,
            user=user,
            inputs=inputs or {},
            model=model,
            conversation=conversation,
            conversation_id=conversation_id,
            auto_generate_name=auto_generate_name,
            resume=resume,
            system_prompt_variable=system_prompt_variable,
            tool_calling=tool_calling,
            tool_retries=tool_retries,
            on_replace=on_replace,
            citations=citations,
            split_thinking=split_thinking,
            context_window=context_window,
            num_output=num_output,
            timeout=timeout,
            max_retries=max_retries,
            **kwargs,
        )

    @classmethod
    def class_name(cls) -> str:
        """Stable id in serialised objects."""
        return "dify_chat_llm"

    def _arguments(self, request: Request) -> dict[str, Any]:
        return {
            "user": request.user,
            "inputs": request.inputs,
            "conversation_id": request.conversation_id,
            "files": request.files,
            "split_thinking": self.split_thinking,
            "auto_generate_name": self.auto_generate_name,
            "resume": self.resume,
            **request.passed_on,
        }

    def _run(self, clients: Clients, request: Request) -> Run:
        return clients.sync.chat.stream(request.query, **self._arguments(request))

    async def _arun(self, clients: Clients, request: Request) -> AsyncRun:
        return clients.asynchronous.chat.stream(request.query, **self._arguments(request))


class DifyCompletionLLM(DifyLLM):
    """A Dify completion (text generator) app as an LLM: the prompt goes into one of its variables.

    Args:
        client: A shared `Dify`.
        async_client: A shared `AsyncDify`.
        api_key, base_url, user, inputs, model, tool_calling, tool_retries, on_replace, citations, split_thinking,
            context_window, num_output, timeout, max_retries, kwargs: As for `DifyChatLLM`.
        prompt_variable: The variable that takes the prompt. Unless given, the first call looks the app's form up once:
            `query` if the form has it, else its first required text, else its first text, of those without a value in `inputs`.

    Examples:
        ```python
        llm = DifyCompletionLLM(api_key="app-…", base_url="http://localhost/v1", user="ada")
        print(llm.complete("Three names for a cat"))
        ```
    """

    prompt_variable: str | None = Field(default=None, description="App variable that takes the prompt.")

    _endpoint: ClassVar[str] = "completion-messages"
    _form: tuple[FormField, ...] | None = PrivateAttr(default=None)

    def __init__(
        self,
        client: Dify | None = None,
        *,
        async_client: AsyncDify | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: UserName | None = None,
        inputs: dict[str, Any] | None = None,
        model: str = "completion",
        prompt_variable: str | None = None,
        tool_calling: ToolCalling = "off",
        tool_retries: int = 1,
        on_replace: OnReplace = "annotate",
        citations: Citations = "kwargs",
        split_thinking: bool = True,
        context_window: int = 32_768,
        num_output: int = 1_024,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            client,
            async_client,
            api_key=api_key,
            base_url=base_url,
            user=user,
            inputs=inputs or {},
            model=model,
            prompt_variable=prompt_variable,
            tool_calling=tool_calling,
            tool_retries=tool_retries,
            on_replace=on_replace,
            citations=citations,
            split_thinking=split_thinking,
            context_window=context_window,
            num_output=num_output,
            timeout=timeout,
            max_retries=max_retries,
            **kwargs,
        )

    @classmethod
    def class_name(cls) -> str:
        """Stable id in serialised objects."""
        return "dify_completion_llm"

    @property
    def metadata(self) -> LLMMetadata:
        """As for every Dify LLM, but prompts come as text."""
        return super().metadata.model_copy(update={"is_chat_model": False})

    def _run(self, clients: Clients, request: Request) -> Run:
        if self.prompt_variable is None and self._form is None:
            self._form = form_of(clients.sync.app.parameters())
        return clients.sync.completion.stream(**self._arguments(request))

    async def _arun(self, clients: Clients, request: Request) -> AsyncRun:
        if self.prompt_variable is None and self._form is None:
            self._form = form_of(await clients.asynchronous.app.parameters())
        return clients.asynchronous.completion.stream(**self._arguments(request))

    def _arguments(self, request: Request) -> dict[str, Any]:
        variable = self.prompt_variable or prompt_variable(self._form or (), taken=request.inputs)
        trace_id = request.passed_on.get("trace_id")
        return {
            "inputs": {**request.inputs, variable: request.query},
            "user": request.user,
            "files": request.files,
            "split_thinking": self.split_thinking,
            **({"trace_id": trace_id} if trace_id else {}),
        }
