"""What an app says of itself and of its users."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import AsyncDify, EndpointNotAvailable, InvalidArgument, NotFound, PermissionDenied
from dify_integrations.models.apps import AppInfo, AppMeta, AppParameters, ToolIcon
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def parameters(cassette: str) -> list[AppParameters]:
    return [AppParameters.model_validate(value_of(answer)) for answer in recorded(cassette, r"GET /parameters(\?.*)?")]


@pytest.mark.parametrize("cassette", ["0.15.3/app-parameters", "main-2026-06-12/app_info_all"])
def test_features(cassette: str) -> None:
    """Every app of every server tells its features, which are on or off; nothing of them is lost."""
    told = parameters(cassette)
    for app in told:
        assert isinstance(app.speech_to_text.enabled, bool)
        assert isinstance(app.text_to_speech.enabled, bool)
        assert isinstance(app.suggested_questions_after_answer.enabled, bool)
        assert app.sensitive_word_avoidance.enabled is False
        assert app.system_parameters.image_file_size_limit
        assert app.system_parameters.workflow_file_upload_limit
    assert any(app.text_to_speech.enabled and app.text_to_speech.autoPlay for app in told)
    assert any(app.file_upload.enabled and "image" in app.file_upload.allowed_file_types for app in told)
    assert any(app.file_upload.image is not None and app.file_upload.image.number_limits for app in told)
    assert any(app.file_upload.fileUploadConfig is not None for app in told)


def test_an_annotation_reply_that_is_on() -> None:
    [told] = [app.annotation_reply for app in parameters("1.14.2/annotations") if app.annotation_reply.enabled]
    assert told.score_threshold == 0.8
    assert told.embedding_model == {"embedding_provider_name": "lab/echo/echo", "embedding_model_name": "echo-embedding"}


@pytest.mark.parametrize("sent", [{}, dict.fromkeys(AppParameters.model_fields)], ids=["nothing", "nulls"])
def test_what_is_not_told_is_off(sent: dict[str, Any]) -> None:
    """Nobody has to ask whether a feature is there before asking whether it is on."""
    app = AppParameters.model_validate(sent)
    assert not app.speech_to_text.enabled
    assert not app.file_upload.enabled
    assert (app.file_upload.allowed_file_types, app.user_input_form, app.suggested_questions) == ([], [], [])
    assert app.system_parameters.file_size_limit is None


def test_tags_may_be_null() -> None:
    assert AppInfo.model_validate({"name": "x", "tags": None}).tags == []


def test_icons(side: Side) -> None:
    """An address, or a drawn icon."""
    answers = recorded("main-2026-06-12/app_info_all", r"GET /meta\?.*")
    answer = next(answer for answer in answers if value_of(answer)["tool_icons"])
    with FaultServer(script(answer)) as server:
        meta = side.run(lambda dify: dify.app.meta(), server.url)
    assert asked(server) == [Asked("GET", "/meta", {}, None)]
    assert meta.model_dump() == value_of(answer)
    drawn = AppMeta.model_validate({"tool_icons": {"api": {"background": "#252525", "content": "😁"}}})
    assert drawn.tool_icons == {"api": ToolIcon(background="#252525", content="😁")}
    assert AppMeta.model_validate({"tool_icons": None}).tool_icons == {}


def test_web_page(side: Side) -> None:
    answer = recorded("main-2026-06-12/app_info_all", r"GET /site\?.*")[0]
    with FaultServer(script(answer)) as server:
        site = side.run(lambda dify: dify.app.site(), server.url)
    assert asked(server) == [Asked("GET", "/site", {}, None)]
    assert (site.title, site.icon, site.default_language, site.show_workflow_steps) == ("Lab Chat", "🤖", "en-US", True)
    assert site.model_dump(exclude_unset=True) == value_of(answer)


def test_no_web_page(side: Side) -> None:
    with FaultServer(refusal(403, "forbidden", "no site"), absent()) as server:

        async def body(dify: AsyncDify) -> None:
            with pytest.raises(PermissionDenied):
                await dify.app.site()
            with pytest.raises(EndpointNotAvailable, match=r"1\.4\.0"):
                await dify.app.site()

        side.run(body, server.url)


def test_an_end_user(side: Side) -> None:
    """Times are UTC text without a zone."""
    answer = recorded("main-2026-06-12/end_users", "GET /end-users/.*")[0]
    with FaultServer(script(answer)) as server:
        found = side.run(lambda dify: dify.end_users.get("844ea0d1"), server.url)
    assert asked(server) == [Asked("GET", "/end-users/844ea0d1", {}, None)]
    assert found.model_dump() == value_of(answer)
    assert (found.external_user_id, found.is_anonymous, found.created_at) == ("user-end-users", False, "2026-11-20T10:26:23")


def test_no_such_end_user(side: Side) -> None:
    unknown = recorded("main-2026-06-12/end_users", "GET /end-users/.*", 404)[0]
    with FaultServer(script(unknown), absent()) as server:

        async def body(dify: AsyncDify) -> None:
            with pytest.raises(NotFound) as caught:
                await dify.end_users.get("x")
            assert caught.value.code == "end_user_not_found"
            with pytest.raises(EndpointNotAvailable, match=r"1\.13\.0"):
                await dify.end_users.get("x")
            with pytest.raises(InvalidArgument):
                await dify.end_users.get("")

        side.run(body, server.url)
