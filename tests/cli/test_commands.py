"""The commands at their edges: each is one line that names the fix, never a traceback."""

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from cli.checks import alone
from cli.errors import Stop
from cli.main import hoisted
from cli.state import State
from tests.cli.copies import free_offset, told, voxie


def one_line(text: str) -> str:
    """The only line that a refused command wrote."""
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    return lines[0]


def test_a_port_in_use_is_named_with_who_uses_it_and_the_way_out(tmp_path: Path) -> None:
    offset = free_offset()
    with socket.create_server(("127.0.0.1", 3002 + offset)):
        refused = voxie("up", "--state", str(tmp_path), "--port-offset", str(offset))
    assert refused.returncode == 1
    line = one_line(refused.stderr)
    assert f"port {3002 + offset} (google-calendar) is in use by" in line
    assert f"(pid {os.getpid()})" in line
    assert "--port-offset" in line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("up", "--state", "/dev/null/x"), "--state"),
        (("up", "--state", "/dev/null"), "--state"),
        (("up", "--port-offset", "70000"), "--port-offset 70000"),
        (("up", "--port-offset", "-9000"), "--port-offset -9000"),
        (("serve", "gogle"), "google-calendar"),
        (("tools", "gogle"), "google-calendar"),
        (("call", "google-calendar", "calendar_list_events", "--args", "{"), "--args is not JSON"),
        (("call", "google-calendar", "calendar_list_events", "--args", "[]"), "--args must be a JSON object"),
        (("chat", "a b/../c"), "'a b/../c' is no agent's id"),
        (("chat", "restaurant", "--caller", "5550100"), "tel:+15550100"),
    ],
)
def test_a_silly_argument_is_answered_with_one_line_that_names_it(
    tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    refused = told(*arguments, cwd=tmp_path)
    assert refused.returncode == 1
    assert named in one_line(refused.stderr)


@pytest.mark.parametrize(
    ("run", "command"),
    [
        # A conversation keeps its process's logs quiet, so it has one of its own.
        (voxie, ("chat", "restaurant")),
        (told, ("tools",)),
        (told, ("call", "google-calendar", "calendar_list_events")),
    ],
)
def test_without_a_running_copy_each_command_says_how_to_start_it(
    tmp_path: Path, run: Callable[..., CompletedProcess[str]], command: tuple[str, ...]
) -> None:
    offset = free_offset()
    refused = run(*command, "--state", str(tmp_path), "--port-offset", str(offset), cwd=tmp_path)
    assert refused.returncode == 1
    assert f"voxie up --state {tmp_path} --port-offset {offset}" in one_line(refused.stderr)


def test_doctor_without_a_running_copy_names_each_service_and_fails(tmp_path: Path) -> None:
    copy = ("--state", str(tmp_path), "--port-offset", str(free_offset()))
    looked = told("doctor", "--json", "--live", *copy, cwd=tmp_path)
    assert looked.returncode == 1
    found = {finding["subject"]: finding for finding in json.loads(looked.stdout)}
    for name in ("google-calendar", "backend"):
        assert found[name]["status"] == "broken"
        assert "voxie up --live" in found[name]["fix"]
        assert f"voxie serve {name}" in found[name]["fix"]
    assert found["model"]["status"] == "warn"


def test_the_mode_must_be_demo_or_live(tmp_path: Path) -> None:
    refused = told("serve", "backend", "--state", str(tmp_path), cwd=tmp_path, VOXIE_MODE="production")
    assert "VOXIE_MODE is 'production'; it must be demo or live" in one_line(refused.stderr)


@pytest.mark.parametrize(
    ("service", "variable"),
    [
        ("google-calendar", "GOOGLE_CALENDAR_"),
        pytest.param("zapier", "ZAPIER_", marks=pytest.mark.needs_zapier),
    ],
)
def test_live_is_the_default_and_a_missing_credential_stops_the_start_and_is_named(
    tmp_path: Path, service: str, variable: str
) -> None:
    refused = voxie("serve", service, "--state", str(tmp_path), "--port-offset", str(free_offset()), cwd=tmp_path)
    assert refused.returncode == 1
    assert variable in one_line(refused.stderr)


@pytest.mark.parametrize(
    ("service", "variables", "named"),
    [
        (
            "google-calendar",
            {"GOOGLE_CALENDAR_ACCESS_TOKEN": "t" * 30, "GOOGLE_CALENDAR_API_URL": "http://127.0.0.1:3010/calendar/v3/"},
            "GOOGLE_CALENDAR_API_URL",
        ),
        ("google-calendar", {"GOOGLE_CALENDAR_ACCESS_TOKEN": "sandbox"}, "GOOGLE_CALENDAR_ACCESS_TOKEN"),
        pytest.param(
            "zapier",
            {"ZAPIER_WEBHOOK_URL": "http://127.0.0.1:3010/hooks/catch/1/x/"},
            "ZAPIER_WEBHOOK_URL",
            marks=pytest.mark.needs_zapier,
        ),
        pytest.param("zapier", {"ZAPIER_API_KEY": "sandbox"}, "ZAPIER_API_KEY", marks=pytest.mark.needs_zapier),
    ],
)
def test_in_live_mode_no_service_accepts_the_sandbox(
    tmp_path: Path, service: str, variables: dict[str, str], named: str
) -> None:
    offset = free_offset()
    refused = voxie("serve", service, "--state", str(tmp_path), "--port-offset", str(offset), cwd=tmp_path, **variables)
    assert refused.returncode == 1
    assert named in one_line(refused.stderr)


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    state = State(tmp_path / "new" / "state")
    made = state.secrets
    assert State(state.folder).secrets == made
    assert stat.S_IMODE((state.folder / "secrets.json").stat().st_mode) == 0o600
    assert len(set(made.values())) == len(made)
    assert (state.folder / ".gitignore").read_text() == "*\n"


def test_a_folder_that_was_there_before_gets_no_gitignore(tmp_path: Path) -> None:
    assert State(tmp_path).secrets
    assert not (tmp_path / ".gitignore").exists()


def test_two_copies_do_not_run_with_one_state_folder(tmp_path: Path) -> None:
    with alone(State(tmp_path)), pytest.raises(Stop, match=f"{tmp_path}; name another with --state"), alone(State(tmp_path)):  # fmt: skip
        pass
    with alone(State(tmp_path)):
        pass


def test_a_damaged_secrets_file_is_said_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    refused = voxie("up", "--state", str(tmp_path))
    assert "delete it, and a new one is made" in one_line(refused.stderr)


def test_this_copys_options_may_stand_anywhere() -> None:
    assert hoisted(["chat", "restaurant", "--port-offset", "5", "--state=x"]) == [
        "--port-offset", "5", "--state=x", "chat", "restaurant",
    ]  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.needs_zapier
def test_the_demo_plays_one_call_and_shows_the_event_and_the_delivery(tmp_path: Path) -> None:
    played = voxie("demo", "--state", str(tmp_path))
    assert played.returncode == 0, played.stdout + played.stderr
    assert "In the calendar: Maria Garcia, party of 4" in played.stdout
    assert "At Zapier: hook restaurant_reservation: Maria Garcia, 4 people" in played.stdout
    assert list(tmp_path.glob("demo-*")) == [], "it leaves nothing behind"
