"""Live is the default, and in live mode nothing starts half configured or with the sandbox."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_servers.google_calendar.client import read_zone
from mcp_servers.google_calendar.server import create
from mcp_servers.google_calendar.settings import PREFIX, GoogleCalendarSettings
from mcp_servers.shared.errors import Unavailable
from mcp_servers.shared.settings import SettingsError, load_settings


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> GoogleCalendarSettings:
    for field in GoogleCalendarSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(GoogleCalendarSettings, prefix=PREFIX, _env_file=None)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "GOOGLE_CALENDAR_TOKEN_PATH"),
        ({"GOOGLE_CALENDAR_TOKEN_PATH": "/nowhere/token.json"}, "GOOGLE_CALENDAR_TOKEN_PATH"),
        ({"GOOGLE_CALENDAR_ACCESS_TOKEN": "sandbox"}, "GOOGLE_CALENDAR_ACCESS_TOKEN"),
        (
            {"GOOGLE_CALENDAR_ACCESS_TOKEN": "t", "GOOGLE_CALENDAR_API_URL": "http://127.0.0.1:3010/calendar/v3/"},
            "GOOGLE_CALENDAR_API_URL",
        ),
        (
            {"GOOGLE_CALENDAR_ACCESS_TOKEN": "t", "GOOGLE_CALENDAR_API_URL": "https://evilgoogleapis.com/calendar/v3/"},
            "GOOGLE_CALENDAR_API_URL",
        ),
        (
            {"GOOGLE_CALENDAR_ACCESS_TOKEN": "t", "GOOGLE_CALENDAR_API_URL": "http://www.googleapis.com/calendar/v3/"},
            "GOOGLE_CALENDAR_API_URL",
        ),
        ({"GOOGLE_CALENDAR_ACCESS_TOKEN": "t", "GOOGLE_CALENDAR_CAPACITY": "0"}, "GOOGLE_CALENDAR_CAPACITY"),
        ({"GOOGLE_CALENDAR_ACCESS_TOKEN": "t", "GOOGLE_CALENDAR_TOKENPATH": "x"}, "GOOGLE_CALENDAR_TOKENPATH"),
        ({"GOOGLE_CALENDAR_ACCESS_TOKEN": "t", "VOXIE_MODE": "prod"}, "VOXIE_MODE"),
    ],
)
def test_the_start_stops_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(SettingsError) as stopped:
        load(monkeypatch, **variables)
    assert named in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_demo_mode_may_use_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        VOXIE_MODE="demo",
        GOOGLE_CALENDAR_ACCESS_TOKEN="sandbox",
        GOOGLE_CALENDAR_API_URL="http://127.0.0.1:3010/calendar/v3/",
    )
    assert settings.demo


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"refresh_token": 1}'])
def test_a_token_file_that_cannot_be_used_is_named_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "token.json"
    path.write_text(content)
    settings = load(monkeypatch, GOOGLE_CALENDAR_TOKEN_PATH=str(path), VOXIE_STATE=str(tmp_path))
    with pytest.raises(SettingsError, match=r"GOOGLE_CALENDAR_TOKEN_PATH.*voxie connect google"):
        create(settings)


def test_the_server_alone_stops_with_one_line_and_no_traceback(tmp_path: Path) -> None:
    finished = run_alone(tmp_path, GOOGLE_CALENDAR_TOKEN_PATH="nowhere.json")
    assert finished.returncode == 1
    assert finished.stderr.startswith("google-calendar: GOOGLE_CALENDAR_TOKEN_PATH")
    assert finished.stderr.count("\n") == 1


def run_alone(state: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    """``python -m mcp_servers.google_calendar`` in an environment of its own, until it stops by itself."""
    environment = {"PATH": os.defpath, "VOXIE_STATE": str(state), "PYTHONPATH": str(Path.cwd()), **variables}
    return subprocess.run(
        [sys.executable, "-m", "mcp_servers.google_calendar"],
        env=environment,
        cwd=state,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("answer", [{}, {"timeZone": "Europe"}, {"timeZone": "Mars/One"}, {"timeZone": ""}])
def test_a_calendar_whose_zone_is_none_is_not_guessed(answer: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        read_zone(answer)
