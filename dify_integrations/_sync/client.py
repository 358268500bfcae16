# Generated from dify_integrations/_async/client.py by .ci/twin.py; edit that file and run `make twin`.
"""The client people make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from .. import settings as settings_module
from ..core.retry import RetryPolicy
from ..settings import SecretLike, Settings, Timeouts
from .transport import Transport

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    import httpx
    from typing_extensions import Self

    from .resources.annotations import Annotations
    from .resources.app import App
    from .resources.audio import Audio
    from .resources.chat import Chat
    from .resources.completion import Completion
    from .resources.conversations import Conversations
    from .resources.datasets import Datasets
    from .resources.end_users import EndUsers
    from .resources.feedback import Feedback
    from .resources.files import Files
    from .resources.forms import Forms
    from .resources.messages import Messages
    from .resources.models import Models
    from .resources.workflows import Workflows


class Dify:
    """A client of Dify's Service API.

    Safe to share: one object serves several threads and users at once. Use it with `with`, or call
    `close`.
    """

    def __init__(
        self,
        api_key: str | SecretLike | None = None,
        *,
        dataset_api_key: str | SecretLike | None = None,
        base_url: str | None = None,
        user: str | None = None,
        timeout: Timeouts | float | None = Timeouts(),  # noqa: B008  # frozen
        max_retries: int = 2,
        retry: RetryPolicy | None = None,
        stop_on_close: bool = True,
        headers: Mapping[str, str] | None = None,
        max_connections: int = 1000,
        keepalive_expiry_s: float = 1.5,
        verify: bool | ssl.SSLContext = True,
        proxy: str | None = None,
        trust_env: bool = True,
        http_client: httpx.Client | None = None,
    ) -> None:
        """Make a client; nothing is sent.

        Args:
            api_key: App key (`app-…`), or `DIFY_API_KEY`. One key is one app.
            dataset_api_key: Knowledge key (`dataset-…`), or `DIFY_DATASET_API_KEY`.
            base_url: Address with `/v1`, or `DIFY_BASE_URL`; Dify Cloud unless given.
            user: Your identifier of the end user for calls that name none, or `DIFY_USER`.
            timeout: The clocks; a number sets the read and idle clocks in seconds, `None` switches all off.
            max_retries: How often a call that surely did not start, or may be repeated, is sent again.
            retry: Everything about retries; overrides `max_retries`.
            stop_on_close: Leaving a stream early asks Dify to stop the run.
            headers: Extra headers of every request.
            max_connections: Per event loop; every open stream holds one.
            keepalive_expiry_s: How long an idle connection is kept; Dify's own server closes after 2 s, nginx after 75.
            verify: TLS verification, or an `ssl.SSLContext`.
            proxy: Proxy address.
            trust_env: Obey proxy and certificate variables of the environment.
            http_client: An httpx client of your own, whose settings then rule; it is not closed.

        Raises:
            InvalidArgument: An address, key or header that cannot be used.
        """
        settings = settings_module.read(
            api_key=api_key,
            dataset_api_key=dataset_api_key,
            base_url=base_url,
            user=user,
            timeouts=settings_module.timeouts_of(timeout),
            retry=retry or RetryPolicy(max_retries=max_retries),
            stop_on_close=stop_on_close,
            headers=dict(headers or {}),
            max_connections=max_connections,
            keepalive_expiry_s=keepalive_expiry_s,
            verify=verify,
            proxy=proxy,
            trust_env=trust_env,
        )
        self._transport = Transport(settings, http_client=http_client)

    # Each area is imported when it is first used: models are the larger part of this package's import time.

    @cached_property
    def chat(self) -> Chat:
        """Chat, agent and chatflow apps."""
        from .resources.chat import Chat

        return Chat(self._transport)

    @cached_property
    def completion(self) -> Completion:
        """Text generator apps."""
        from .resources.completion import Completion

        return Completion(self._transport)

    @cached_property
    def workflows(self) -> Workflows:
        """Workflow apps and runs."""
        from .resources.workflows import Workflows

        return Workflows(self._transport)

    @cached_property
    def files(self) -> Files:
        """Uploads."""
        from .resources.files import Files

        return Files(self._transport)

    @cached_property
    def app(self) -> App:
        """The app behind the key."""
        from .resources.app import App

        return App(self._transport)

    @cached_property
    def messages(self) -> Messages:
        """Conversation history."""
        from .resources.messages import Messages

        return Messages(self._transport)

    @cached_property
    def datasets(self) -> Datasets:
        """Knowledge bases; needs the knowledge key."""
        from .resources.datasets import Datasets

        return Datasets(self._transport)

    @cached_property
    def conversations(self) -> Conversations:
        """Conversations and their variables."""
        from .resources.conversations import Conversations

        return Conversations(self._transport)

    @cached_property
    def feedback(self) -> Feedback:
        """Likes and dislikes."""
        from .resources.feedback import Feedback

        return Feedback(self._transport)

    @cached_property
    def annotations(self) -> Annotations:
        """Questions answered without a model."""
        from .resources.annotations import Annotations

        return Annotations(self._transport)

    @cached_property
    def audio(self) -> Audio:
        """Speech to text and text to speech."""
        from .resources.audio import Audio

        return Audio(self._transport)

    @cached_property
    def end_users(self) -> EndUsers:
        """Whom Dify knows by your `user` identifiers."""
        from .resources.end_users import EndUsers

        return EndUsers(self._transport)

    @cached_property
    def forms(self) -> Forms:
        """Forms of runs that wait for a person."""
        from .resources.forms import Forms

        return Forms(self._transport)

    @cached_property
    def models(self) -> Models:
        """The workspace's models; needs the knowledge key."""
        from .resources.models import Models

        return Models(self._transport)

    @property
    def settings(self) -> Settings:
        """What this client was told; keys do not show."""
        return self._transport.settings

    def with_options(
        self,
        *,
        api_key: str | SecretLike | None = None,
        dataset_api_key: str | SecretLike | None = None,
        user: str | None = None,
        timeout: Timeouts | float | None = None,
        max_retries: int | None = None,
        stop_on_close: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """A cheap copy with other settings that shares the connections.

        Args:
            api_key: Another app of the same server.
            dataset_api_key: Another knowledge key.
            user: Another end user.
            timeout: Other clocks; use `Timeouts` to switch one off.
            max_retries: Another number of retries.
            stop_on_close: Whether leaving early stops the run.
            headers: Extra headers instead of the present ones.

        Returns:
            The copy. Closing either closes the connections of both.
        """
        retry = None if max_retries is None else replace(self.settings.retry, max_retries=max_retries)
        settings = self.settings.with_changes(
            api_key=api_key,
            dataset_api_key=dataset_api_key,
            user=user,
            timeouts=None if timeout is None else settings_module.timeouts_of(timeout),
            retry=retry,
            stop_on_close=stop_on_close,
            headers=headers,
        )
        copy = object.__new__(type(self))
        copy._transport = self._transport.with_settings(settings)
        return copy

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of this process; the client cannot be used any more."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.settings.base_url!r}, user={self.settings.user!r})"

    def __copy__(self) -> Self:
        return self  # it does not change, and connections are shared

    def __deepcopy__(self, _: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is not pickled: make one in the other process, with the key from its environment")
