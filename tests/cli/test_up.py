"""``voxie up`` as a developer meets it: processes, ports, signals."""

import json
import os
import pty
import re
import signal
import stat
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psutil
import pytest

from tests.cli.copies import Copy, begin, begin_chat, free_offset, is_free, up, voxie
from tests.world import google_client

BOOKING = ("I'd like a table for four tomorrow at 7 pm", "Maria Garcia", "555 0100", "yes please")
WAIT_SECONDS = 40.0

pytestmark = pytest.mark.timeout(200)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Generator[list[Copy]]:
    """Two at once; in the end Ctrl-C stops all of both."""
    with up(tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")) as started:
        yield started
    for copy in started:
        assert copy.process.returncode == 0
        assert all(is_free(port + copy.offset) for port in (3001, 3002, 3010, 8000))


def events_of(copy: Copy) -> tuple[list[dict[str, Any]], ZoneInfo]:
    """This week's; what other tests book is years away."""
    until = datetime.now(UTC) + timedelta(days=7)
    with google_client(copy.url(3010)) as service:
        listed = service.events().list(calendarId="primary", timeMax=until.isoformat()).execute()
    return listed["items"], ZoneInfo(listed["timeZone"])


def deliveries_of(copy: Copy) -> list[dict[str, Any]]:
    answer = httpx.get(copy.url(3010) + "/_sandbox/zapier/deliveries", trust_env=False)
    return answer.json() if answer.status_code == 200 else []


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < until, "it did not come to pass"


@pytest.mark.needs_zapier
def test_two_copies_side_by_side_each_book_the_table_once_and_refuse_the_second_caller(copies: list[Copy]) -> None:
    for copy in copies:
        assert "booked" in copy.chat(*BOOKING).lower()
        events, zone = events_of(copy)
        (event,) = events
        start = datetime.fromisoformat(event["start"]["dateTime"]).astimezone(zone)
        assert start.date() == datetime.now(zone).date() + timedelta(days=1)
        assert (start.hour, start.minute) == (19, 0)
        assert "Maria Garcia" in event["summary"]
        assert "4" in event["summary"]
        (delivery,) = deliveries_of(copy)
        assert delivery["hook"] == "restaurant_reservation"
        assert {"name": "Maria Garcia", "party_size": 4}.items() <= delivery["body"].items()
    refused = copies[0].chat("a table for two tomorrow at 7 pm please")
    assert "taken" in refused
    assert re.search(r"\d+(:\d\d)? ?PM", refused.split("taken")[1]), "another time is offered"
    assert len(events_of(copies[0])[0]) == 1


def test_a_new_agent_with_a_zone_that_is_none_is_refused_by_the_options_name(copies: list[Copy]) -> None:
    refused = voxie("new", "dental", "--zone", "Europe/Madird", *copies[0].options)
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()
    assert line.endswith("--zone: not an IANA zone; write it like Europe/Madrid")


def test_it_prints_a_line_with_its_url_for_each_service_and_then_the_next_command(copies: list[Copy], tmp_path: Path) -> None:  # fmt: skip
    copy = copies[0]
    shown = "\n".join(copy.lines)
    for name, port in (("sandbox", 3010), ("google-calendar", 3002), ("backend", 8000)):
        assert re.search(rf"^  {name} +{re.escape(copy.url(port))}", shown, re.MULTILINE), shown
        assert httpx.get(copy.url(port) + "/healthz", trust_env=False).status_code == 200
    command = next(line for line in copy.lines if " chat restaurant" in line)
    assert f"--port-offset {copy.offset}" in command
    assert f"--state {copy.state}" in command
    secrets = copy.state / "secrets.json"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert not any(value in shown for value in secrets.read_text().split('"') if len(value) > 20)
    said = voxie("doctor", *copy.options)
    assert said.returncode == 0, said.stdout
    stranger = voxie("doctor", "--state", str(tmp_path), "--port-offset", str(copy.offset))
    assert stranger.returncode == 1
    assert "refuses this copy's token" in stranger.stdout
    refused = voxie("chat", "restaurant", "--state", str(tmp_path), "--port-offset", str(copy.offset))
    assert refused.stderr == "voxie: the backend refuses this copy's token; name its state folder with --state\n"


def test_ctrl_c_ends_a_conversation_at_a_terminal_without_another_key(copies: list[Copy]) -> None:
    keyboard, terminal = pty.openpty()
    # Two turns: what the first one loads must leave Ctrl-C alone.
    os.write(keyboard, b"tomorrow\n")
    with begin_chat(copies[1], terminal) as chat:
        try:
            said = b""
            while said.count(b"you: ") < 2:
                said += (more := os.read(chat.stdout.fileno(), 4096) if chat.stdout else b"")
                assert more, said
            chat.send_signal(signal.SIGINT)
            assert chat.wait(timeout=WAIT_SECONDS) == 130
        finally:
            chat.kill()
    os.close(keyboard)
    os.close(terminal)


@pytest.mark.needs_zapier
def test_an_agent_is_made_from_a_template(copies: list[Copy]) -> None:
    made = voxie("new", "dental", "--name", "Dr. Lopez", "--zone", "Europe/Madrid", *copies[0].options)
    assert made.returncode == 0, made.stderr
    assert re.search(r"Dr\. Lopez is ready\. Talk to it: voxie chat \S+ --state", made.stdout)
    for arguments, said in (
        (("dentl",), "there are: business, dental, medical, restaurant"),
        (("dental", "--zone", "Mars/One"), "zone"),
    ):
        refused = voxie("new", *arguments, *copies[0].options)
        assert refused.returncode == 1
        assert said in refused.stderr


def test_a_service_that_is_killed_is_started_again_and_nothing_booked_is_lost(copies: list[Copy]) -> None:
    copy, span = copies[1], {"start": "2035-05-07T19:00", "end": "2035-05-07T20:30"}
    booked = voxie(
        "call",
        "google-calendar",
        "calendar_create_event",
        "--args",
        json.dumps({"summary": "A table", **span}),
        *copy.options,
    )
    assert booked.returncode == 0, booked.stderr
    killed = {copy.child_of(module) for module in ("sandbox", "mcp_servers.google_calendar")}
    for number in killed:
        os.kill(number, signal.SIGKILL)
    wait_until(lambda: sum("ended (exit -9)" in line for line in copy.lines) == len(killed))
    ask = ("call", "google-calendar", "calendar_check_availability", "--args", json.dumps(span), *copy.options)
    # Until both are up again there is a failure; "available" would be the loss.
    answers: list[dict[str, Any]] = []
    wait_until(lambda: "available" in (answers.append(json.loads(voxie(*ask).stdout or "{}")) or answers[-1]))
    assert answers[-1]["available"] is False


def test_when_it_is_killed_nothing_of_it_goes_on(tmp_path: Path) -> None:
    copy = begin(tmp_path, free_offset())
    wait_until(lambda: len(copy.children()) >= 3)
    children = [psutil.Process(number) for number in copy.children()]
    copy.process.kill()
    _, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive
    copy.stop()


def test_ctrl_c_stops_it_while_it_still_starts(tmp_path: Path) -> None:
    copy = begin(tmp_path / "state", free_offset())
    wait_until(lambda: bool(copy.children()))
    children = [psutil.Process(number) for number in copy.children()]
    assert copy.stop() == 0
    assert not copy.ready.is_set() or "Stopped." in copy.lines
    _, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive


def test_live_with_a_missing_credential_starts_nothing_and_names_the_variable(tmp_path: Path) -> None:
    copy = begin(tmp_path / "state", free_offset(), "--live")
    assert copy.process.wait(timeout=WAIT_SECONDS) == 1
    copy.stop()
    shown = "\n".join(copy.lines)
    assert "GOOGLE_CALENDAR_TOKEN_PATH is missing" in shown
    assert "stopped at its start" in copy.lines[-1]
    assert "Traceback" not in shown
    assert all(is_free(port + copy.offset) for port in (3001, 3002, 3010, 8000))
