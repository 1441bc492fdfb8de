"""Settings: read once, strict, and a stop that names the variable and the fix."""

import os
from pathlib import Path
from typing import Any

import pytest

from contracts.modes import Mode
from mcp_servers._template.settings import PREFIX, TemplateSettings
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from mcp_servers.shared.settings import ServerSettings, SettingsError, load_settings

OURS = ("MCP_", "VOXIE_", "TEMPLATE_", "GOOGLE_CALENDAR_", "ZAPIER_")


@pytest.fixture(autouse=True)
def _an_empty_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours and no ``.env``."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:  # noqa: TID251 - to empty it
        if name.upper().startswith(OURS):
            monkeypatch.delenv(name)


def template(**values: Any) -> TemplateSettings:
    return load_settings(TemplateSettings, prefix=PREFIX, **{"TEMPLATE_API_KEY": "a-real-key", **values})


def problem(settings_type: type[ServerSettings] = TemplateSettings, prefix: str = PREFIX, **values: Any) -> str:
    with pytest.raises(SettingsError) as stopped:
        load_settings(settings_type, prefix=prefix, **values)
    text = str(stopped.value)
    assert "\n" not in text
    return text


def test_live_is_the_default_and_loopback_the_only_door() -> None:
    settings = template()
    assert (settings.mode, settings.host, settings.auth) == (Mode.LIVE, "127.0.0.1", "static")


def test_an_unknown_name_with_the_servers_prefix_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATE_API_KYE", "x")
    text = problem()
    assert text.startswith("TEMPLATE_API_KYE ")
    assert "TEMPLATE_API_KEY" in text


@pytest.mark.parametrize(
    "line", ["TEMPLATE_API_KYE=x", "export TEMPLATE_API_KYE=x", "  TEMPLATE_API_KYE = x", "template_api_kye=x"]
)
def test_an_unknown_name_with_the_servers_prefix_in_the_file_is_refused(line: str) -> None:
    Path(".env").write_text(f"# TEMPLATE_NOTHING=1\nTEMPLATE_API_KEY=good\n{line}\n")
    assert problem().startswith("TEMPLATE_API_KYE ")


def test_another_servers_names_are_not_this_servers_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAPIER_ANYTHING", "x")
    Path(".env").write_text("BACKEND_PORT=1\nTEMPLATE_API_KEY=from-the-file\n")
    settings = load_settings(TemplateSettings, prefix=PREFIX)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "from-the-file"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODE", "demo"),
        ("PORT", "1"),
        ("HOST", "0.0.0.0"),
        ("STATE", "/"),
        ("AUTH", "jwks"),
        ("API_KEY", "x"),
        ("API_URL", "x"),
    ],
)
def test_somebody_elses_variable_of_a_common_name_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    before = template()
    monkeypatch.setenv(name, value)
    assert template() == before


def test_a_missing_credential_stops_a_live_start_and_names_the_variable() -> None:
    assert problem().startswith("TEMPLATE_API_KEY is missing")
    assert problem(GoogleCalendarSettings, "GOOGLE_CALENDAR_").startswith("GOOGLE_CALENDAR_TOKEN_PATH is missing")


def test_a_token_file_that_is_not_there_is_named_with_the_fix() -> None:
    text = problem(GoogleCalendarSettings, "GOOGLE_CALENDAR_", GOOGLE_CALENDAR_TOKEN_PATH="nowhere.json")
    assert text.startswith("GOOGLE_CALENDAR_TOKEN_PATH")
    assert "voxie connect google" in text


@pytest.mark.parametrize("name", ["TEMPLATE_API_KEY", "MCP_SERVICE_TOKEN"])
def test_live_refuses_the_sandboxs_bearer(name: str) -> None:
    assert problem(**{"TEMPLATE_API_KEY": "good", name: "sandbox"}).startswith(f"{name} holds the sandbox's bearer")


@pytest.mark.parametrize("url", ["http://127.0.0.1:3010/template/", "https://sandbox/template/", "http://evil.example"])
def test_live_refuses_a_url_that_is_not_the_vendors(url: str) -> None:
    assert problem(TEMPLATE_API_KEY="good", TEMPLATE_API_URL=url).startswith("TEMPLATE_API_URL is not at https://")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3010/calendar/v3/", "http://www.googleapis.com/", "https://googleapis.com.evil.example/"]
)
def test_live_talks_to_google_alone(url: str) -> None:
    values = {"GOOGLE_CALENDAR_ACCESS_TOKEN": "good", "GOOGLE_CALENDAR_API_URL": url}
    assert problem(GoogleCalendarSettings, "GOOGLE_CALENDAR_", **values).startswith("GOOGLE_CALENDAR_API_URL")


@pytest.mark.needs_zapier
@pytest.mark.parametrize(
    ("values", "starts"),
    [
        ({}, "ZAPIER_WEBHOOK_URL is missing"),
        ({"ZAPIER_WEBHOOK_URL": "http://127.0.0.1:3010/hooks/catch/1/x/"}, "ZAPIER_WEBHOOK_URL"),
        ({"ZAPIER_WEBHOOK_URL": "https://hooks.zapier.com.evil.example/x"}, "ZAPIER_WEBHOOK_URL"),
        ({"ZAPIER_API_KEY": "k", "ZAPIER_API_URL": "http://127.0.0.1:3010"}, "ZAPIER_API_URL"),
        ({"ZAPIER_HOOKS": "{not json"}, "ZAPIER_HOOKS"),
        ({"ZAPIER_HOOKS": '{"a": {"url": "ftp://x"}}'}, "ZAPIER_HOOKS"),
        ({"ZAPIER_API_KEY": "sandbox"}, "ZAPIER_API_KEY holds the sandbox's bearer"),
    ],
)
def test_live_zapier_needs_a_credential_and_talks_to_zapier_alone(values: dict[str, str], starts: str) -> None:
    from mcp_servers.zapier.settings import ZapierSettings

    assert problem(ZapierSettings, "ZAPIER_", **values).startswith(starts)


@pytest.mark.parametrize(
    ("values", "starts"),
    [
        ({"MCP_SERVER_PORT": "0"}, "MCP_SERVER_PORT"),
        ({"MCP_SERVER_PORT": "many"}, "MCP_SERVER_PORT"),
        ({"MCP_SERVER_TOKEN": "short"}, "MCP_SERVER_TOKEN"),
        ({"MCP_AUTH": "none"}, "MCP_AUTH"),
        ({"MCP_AUTH": "jwks"}, "MCP_ISSUER_URL is missing"),
        (
            {"MCP_AUTH": "jwks", "MCP_ISSUER_URL": "https://b", "MCP_SERVER_TOKEN": "x" * 16},
            "MCP_SERVER_TOKEN is set beside",
        ),
        ({"VOXIE_MODE": "test"}, "VOXIE_MODE"),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_line_that_names_the_variable(
    values: dict[str, str], starts: str
) -> None:
    assert problem(TEMPLATE_API_KEY="good", **values).startswith(starts)


@pytest.mark.needs_zapier
def test_a_refused_setting_is_not_repeated_in_the_message() -> None:
    from mcp_servers.zapier.settings import ZapierSettings

    for values in (
        {"ZAPIER_HOOKS": '{"a": {"url": "ftp://canary"}}'},
        {"ZAPIER_WEBHOOK_URL": "https://e.example/canary"},
    ):
        assert "canary" not in problem(ZapierSettings, "ZAPIER_", **values)


def test_settings_show_no_secret_when_they_are_printed() -> None:
    settings = template(
        MCP_SERVER_TOKEN="canary-0123456789",
        MCP_SERVICE_TOKEN="canary-service",
        VOXIE_LEDGER_URL="canary",
        VOXIE_LEDGER_SECRET="canary" * 6,
    )
    assert "canary" not in f"{settings!r}{settings}"


def test_a_name_that_another_room_reads_is_no_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATE_OAUTH_CLIENT_ID", "of the backend")
    with pytest.raises(SettingsError, match="TEMPLATE_OAUTH_CLIENT_ID is not a setting of this server"):
        load_settings(TemplateSettings, prefix=PREFIX, TEMPLATE_API_KEY="a-real-key")
    load_settings(TemplateSettings, prefix=PREFIX, others=("TEMPLATE_OAUTH_CLIENT_ID",), TEMPLATE_API_KEY="a-real-key")
