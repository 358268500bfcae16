"""Which app answers: one key is one app, further apps have names, and an app can be asked what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr, SecretStr, field_validator
from typing_extensions import Self, override

from dify_integrations import AsyncDify, Dify, DifyError, InvalidArgument
from dify_integrations.bridge.clients import Clients, app_fingerprint

from ._base import require_mode
from ._entries import ScopedChatModel

if TYPE_CHECKING:
    from langchain_core.language_models.model_profile import ModelProfile

    from dify_integrations.models.apps import AppInfo, AppParameters

AGENT_MODES = ("agent-chat", "agent")
_NOT_CHAT = ("workflow", "completion")


class ChatApp(ScopedChatModel):
    """A chat model of one app, which knows others by name."""

    apps: dict[str, SecretStr | str] = Field(
        default_factory=dict,
        exclude=True,
        repr=False,
        description="Keys of further apps of this server, by the names that `model=` of a call may say.",
    )

    _mode: str | None = PrivateAttr(default=None)
    _named: dict[str, tuple[Any, Clients]] = PrivateAttr(default_factory=dict)

    @field_validator("apps", mode="before")
    @classmethod
    def _hide_apps(cls, apps: Any) -> Any:
        """Plain text is taken, and never kept as such."""
        if not isinstance(apps, Mapping):
            return apps
        return {name: SecretStr(key) if isinstance(key, str) else key for name, key in apps.items()}

    @classmethod
    def from_app(cls, client: Dify | None = None, **fields: Any) -> Self:
        """Ask the app its name and which files it looks at, once, for `model` and `profile`.

        Args:
            client: A shared client whose key is the app's; otherwise pass `api_key` and `base_url`, or set them in the
                environment.
            **fields: Further fields. A `model` or `profile` given here stays.

        Raises:
            InvalidArgument: It is a workflow or a completion app.
            APIError: The app cannot be asked.
        """
        model = cls(client=client, **fields)
        app = model.clients.sync.app
        return model._introduced(app.info(), app.parameters(), fields)

    @classmethod
    async def afrom_app(cls, async_client: AsyncDify | None = None, **fields: Any) -> Self:
        """As `from_app`, without blocking."""
        model = cls(async_client=async_client, **fields)
        app = model.clients.asynchronous.app
        try:
            return model._introduced(await app.info(), await app.parameters(), fields)
        except DifyError:
            if async_client is None:  # nobody else gets to see the connection
                await model.clients.asynchronous.aclose()
            raise

    def _introduced(self, info: AppInfo, parameters: AppParameters, fields: Mapping[str, Any]) -> Self:
        require_mode(info, lambda mode: mode not in _NOT_CHAT, self)
        self._mode = info.mode
        if info.name and "model" not in fields:
            self.model = info.name
        if fields.get("profile") is None:
            known: ModelProfile = {"name": info.name} if info.name else {}
            known.update(modalities(parameters, info.mode))
            self.profile = {**(self._resolve_model_profile() or {}), **known}
        return self

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        """What holds for every app; asks nobody. `from_app` knows more."""
        return {"text_inputs": True, "text_outputs": True, "temperature": False}

    def app_named(self, name: str | None) -> tuple[str, Clients]:
        """The app that a call's `model=` means: what it is called, and its clients.

        Raises:
            InvalidArgument: No app has the name.
        """
        if name is None or name == self.model:
            return self.model, self.clients
        if not isinstance(name, str) or name not in self.apps:
            known = ", ".join(map(repr, (self.model, *self.apps)))
            raise InvalidArgument(
                f"there is no app {name!r}, only {known}: a Dify key is one app, name others with apps={{name: key}}"
            )
        key, own = self.apps[name], self.clients
        made_of, clients = self._named.get(name, (None, own))
        if made_of != (key, own):  # shared with copies, whose keys may be others
            clients = Clients(own.sync.with_options(api_key=key), own.asynchronous.with_options(api_key=key))
            self._named[name] = ((key, own), clients)
        return name, clients

    @property
    def apps_fingerprint(self) -> str:
        """Tells the apps that are known by name from others, without telling a key; `""` without any."""
        known = [(name, app_fingerprint(self.app_named(name)[1].settings)) for name in sorted(self.apps)]
        return hashlib.sha256(repr(known).encode("utf-8", "surrogatepass")).hexdigest()[:16] if known else ""

    @property
    def lc_attributes(self) -> dict[str, Any]:
        # Part of a cache's key: models that know different apps never answer for each other. Under a name of its own,
        # because core lets a base class's attribute win.
        return {"apps_fingerprint": self.apps_fingerprint} if self.apps else {}

    def __getstate__(self) -> dict[Any, Any]:
        if self.apps:
            raise TypeError(
                f"a {type(self).__name__} that was given keys in apps={{…}} is not pickled; make it anew in each process"
            )
        state = super().__getstate__()
        return {**state, "__pydantic_private__": {**state["__pydantic_private__"], "_tips": None}}  # those are this process's


def modalities(parameters: AppParameters, mode: str | None) -> ModelProfile:
    """Which content the app looks at, from its settings; a New Agent's are not told of there, so it counts as taking none."""
    upload = parameters.file_upload
    pictures = upload.image
    types = set(upload.allowed_file_types) if upload.enabled else set()
    if pictures is not None and pictures.enabled:
        types.add("image")
    if mode == "agent":
        types = set()
    methods = upload.allowed_file_upload_methods or (pictures.transfer_methods if pictures is not None else [])
    extensions = {extension.lower().lstrip(".") for extension in upload.allowed_file_extensions}
    pdf = "document" in types or ("custom" in types and "pdf" in extensions)
    return {
        "image_inputs": "image" in types,
        "image_url_inputs": "image" in types and "remote_url" in methods,
        "pdf_inputs": pdf,
        "audio_inputs": "audio" in types,
        "video_inputs": "video" in types,
        "image_tool_message": "image" in types,
        "pdf_tool_message": pdf,
        "attachment": bool(types),
    }
