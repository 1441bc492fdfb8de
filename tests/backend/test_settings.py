"""What stops the backend's start, by name."""

from pathlib import Path

import pytest

from backend.settings import BackendSettings, SettingsError, load_settings
from backend.vault.keys import new_key

GOOD = {
    "VOXIE_MODE": "live",
    "BACKEND_SERVICE_TOKEN": "a-service-token-for-tests",
    "MCP_SERVER_TOKEN": "a-static-bearer-for-tests",
    "BACKEND_VAULT_KEYS": new_key(),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The variables of a live backend and nothing else of this machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("VOXIE_MODE", "VOXIE_STATE", "DATABASE_URL", "BACKEND_PORT", "LIVEKIT_URL", "MCP_CALENDAR_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_live_is_the_default_mode(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("VOXIE_MODE")
    assert not load_settings().demo


@pytest.mark.parametrize("name", ["BACKEND_SERVICE_TOKEN", "MCP_SERVER_TOKEN"])
def test_a_missing_credential_stops_the_start_and_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    assert f"{name} is missing" in refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND_SERVICE_TOKEN", "short"),
        ("BACKEND_PORT", "none"),
        ("BACKEND_PORT", "70000"),
        ("VOXIE_MODE", "both"),
        ("BACKEND_PROT", "8000"),
    ],
)
def test_a_wrong_or_unknown_variable_is_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    message = refusal()
    assert message.startswith(name)
    assert "\n" not in message


def test_an_unknown_name_in_the_file_is_refused_too(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BACKEND_TOKEN=x\n")
    assert refusal().startswith("BACKEND_TOKEN is not a setting")


def test_a_refusal_never_shows_the_value(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BACKEND_SERVICE_TOKEN", "s3cr3t")
    assert "s3cr3t" not in refusal()


@pytest.mark.parametrize("url", ["http://127.0.0.1:3010/mcp", "http://sandbox:3010", "http://localhost:3010/"])
def test_live_mode_refuses_the_sandbox_as_a_server(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("MCP_CALENDAR_URL", url)
    message = refusal()
    assert message.startswith("MCP_CALENDAR_URL")
    assert "sandbox" in message


def test_live_mode_refuses_the_sandboxs_bearer(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("MCP_SERVER_TOKEN", "sandbox")
    assert refusal().startswith("MCP_SERVER_TOKEN holds the sandbox's bearer")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_plain_postgresql_url_works(scheme: str) -> None:
    settings = BackendSettings(_env_file=None, **GOOD, DATABASE_URL=f"{scheme}://u:p@db/voxie")
    assert settings.database == "postgresql+asyncpg://u:p@db/voxie"
    assert "u:p" not in repr(settings)
