"""The page at / for people who watch the agent work."""

from pathlib import Path

import httpx
import pytest

from tests.sandbox.google import Google, at

WEEK = "/_sandbox/google/week"
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
LIVE = Path(__file__).parents[2] / "sandbox" / "assets" / "static" / "live.js"


async def test_the_page_runs_no_script_but_its_own(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.text.count("<script") == 1
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for asset in ("/_sandbox/static/live.js", "/_sandbox/static/sandbox.css"):
        assert (await http.get(asset)).status_code == 200


async def test_the_week_shows_events_instances_and_days(google: Google, http: httpx.AsyncClient) -> None:
    await google.insert(summary="Maria Garcia", recurrence=["RRULE:FREQ=DAILY;COUNT=2"])
    await google.insert(summary="Holiday", start={"date": "2026-11-27"}, end={"date": "2026-11-29"})
    gone = await google.insert(summary="Gone")
    await google("events.delete", eventId=gone["id"])
    page = (await http.get(WEEK)).text
    assert page.count("Maria Garcia") == 2
    assert page.count("Holiday") == 2
    assert "19:00 – 20:30" in page
    assert "Gone" not in page
    assert "Maria Garcia" not in (await http.get(WEEK, params={"day": "2026-12-02"})).text


async def test_what_people_write_is_shown_as_text(google: Google, http: httpx.AsyncClient) -> None:
    await google("calendars.insert", {"summary": EVIL})
    await google.insert(summary=EVIL, start=at("2026-11-24", "12:00"), attendees=[{"email": "<b>@evil.example"}])
    page = (await http.get(WEEK)).text
    assert page.count("&lt;img src=x onerror") == 2
    assert not any(tag in page for tag in ("<img", "<script", "<b>"))


def test_deliveries_become_text_and_never_markup() -> None:
    script = LIVE.read_text()
    (line,) = [line for line in script.splitlines() if "innerHTML" in line]
    assert "shown.week = page" in line
    assert not any(door in script for door in ("insertAdjacentHTML", "outerHTML", "document.write", "eval("))


@pytest.mark.parametrize("day", ["soon", "0001-01-01", "9999-12-31"])
async def test_a_week_that_cannot_be_is_refused(http: httpx.AsyncClient, day: str) -> None:
    assert (await http.get(WEEK, params={"day": day})).status_code == 400


async def test_another_host_sees_no_calendar(http: httpx.AsyncClient) -> None:
    assert (await http.get(WEEK, headers={"host": "evil.example"})).status_code == 403
