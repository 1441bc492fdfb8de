"""Series and their instances, expanded by recurring-ical-events in the event's own zone."""

import functools
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from sandbox.google.errors import GoogleError, invalid
from sandbox.google.events import Resource, html_link, span_of
from sandbox.google.times import google_instant

LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)((?:;[A-Za-z]+=[A-Za-z0-9_+/\-]+)*):([A-Za-z0-9,;=+/:\-]+)")
FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
INSTANCE_ID = re.compile(r"(?P<series>[a-v0-9]{5,1024})_(?P<original>\d{8}(T\d{6}Z)?)")
HORIZON = timedelta(days=730)
"""How far a series without an end is expanded when nobody names one."""


def check_recurrence(event: Resource, zone: ZoneInfo) -> None:
    """Refuse rules that cannot be expanded.

    Raises:
        GoogleError: 400.
    """
    lines = event.get("recurrence", ())
    for line in lines:
        _check_line(str(line))
    if not lines:
        return
    try:
        end = span_of(event, zone)[1] + timedelta(days=400)
        found = _starts(*_first(event), tuple(lines), end.year)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _bad_rule() from None
    if not found:
        raise _bad_rule()


def _check_line(line: str) -> None:
    match = LINE.fullmatch(line)
    if match is None:
        raise _bad_rule()
    if not match[1].endswith("RULE"):
        return
    parts = match[3].rstrip(";").split(";")
    rule = {part.partition("=")[0]: part.partition("=")[2] for part in parts}
    whole = all(rule.get(name, "1").isdecimal() and int(rule.get(name, "1")) > 0 for name in ("INTERVAL", "COUNT"))
    both = "COUNT" in rule and "UNTIL" in rule
    if rule.get("FREQ") not in FREQUENCIES or not whole or both or len(rule) != len(parts):
        raise _bad_rule()


def _bad_rule() -> GoogleError:
    return invalid("Invalid recurrence rule.", "recurrence")


def instances(
    series: Resource, zone: ZoneInfo, *, after: datetime | None, before: datetime | None, now: datetime
) -> Iterator[Resource]:
    """The instances of a series, as its rules make them, that overlap a span.

    Args:
        series: the recurring event.
        zone: its calendar's.
        after: they end after it; None for no bound.
        before: they start before it; None for two years from now, or from the beginning of a series in the future.
        now: the present.
    """
    until = before or max(now, span_of(series, zone)[0]) + HORIZON
    for original in _starts(*_first(series), tuple(series["recurrence"]), until.year + 1):
        one = _instance(series, original, zone)
        start, end = span_of(one, zone)
        if start >= until:
            return
        if after is None or end > after:
            yield one


def instance(series: Resource, event_id: str, zone: ZoneInfo) -> Resource | None:
    """One instance by its id, as the rules make it; None when they do not."""
    match = INSTANCE_ID.fullmatch(event_id)
    if match is None or not series.get("recurrence"):
        return None
    year = int(match["original"][:4])
    for original in _starts(*_first(series), tuple(series["recurrence"]), year + 1):
        one = _instance(series, original, zone)
        if one["id"] == event_id:
            return one
    return None


def series_of(event_id: str) -> str | None:
    """The id of the series that an instance's id names."""
    match = INSTANCE_ID.fullmatch(event_id)
    return match["series"] if match else None


def _first(event: Resource) -> tuple[str, str | None]:
    """A series' start in the form of a calendar file, and its zone; None for a day."""
    start = event["start"]
    if "date" in start:
        return start["date"].replace("-", ""), None
    local = datetime.fromisoformat(start["dateTime"]).astimezone(ZoneInfo(start["timeZone"]))
    return f"{local:%Y%m%dT%H%M%S}", start["timeZone"]


@functools.lru_cache(maxsize=512)
def _starts(first: str, zone: str | None, lines: tuple[str, ...], year: int) -> tuple[datetime | date, ...]:
    """Every start until the end of a year, in order."""
    parameters = ";VALUE=DATE" if zone is None else f";TZID={zone}"
    text = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "BEGIN:VEVENT",
            "UID:series",
            "DTSTAMP:20000101T000000Z",
            f"DTSTART{parameters}:{first}",
            f"DTEND{parameters}:{first}",
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )
    calendar: Any = icalendar.Calendar.from_ical(text)
    begin = datetime.strptime(first[:8], "%Y%m%d").replace(tzinfo=UTC) - timedelta(days=2)
    end = datetime(min(year, 9998) + 1, 1, 1, tzinfo=UTC)
    found: list[Any] = recurring_ical_events.of(calendar).between(begin, end) if end > begin else []
    return tuple(sorted(occurrence["DTSTART"].dt for occurrence in found))


def _instance(series: Resource, original: datetime | date, zone: ZoneInfo) -> Resource:
    begin, finish = span_of(series, zone)
    if isinstance(original, datetime):
        # By way of UTC: where the clocks skip the hour, the instance is an hour later, not absent.
        start = original.astimezone(UTC)
        suffix = f"{start:%Y%m%dT%H%M%SZ}"
        times = {
            "start": {**series["start"], "dateTime": google_instant(start, zone)},
            "end": {**series["end"], "dateTime": google_instant(start + (finish - begin), zone)},
        }
    else:
        suffix = f"{original:%Y%m%d}"
        days = date.fromisoformat(series["end"]["date"]) - date.fromisoformat(series["start"]["date"])
        times = {"start": {"date": original.isoformat()}, "end": {"date": (original + days).isoformat()}}
    event_id = f"{series['id']}_{suffix}"
    kept = {key: value for key, value in series.items() if key != "recurrence"}
    return {
        **kept,
        **times,
        "id": event_id,
        "etag": _etag(series["etag"], suffix),
        "htmlLink": html_link(event_id, series["organizer"]["email"]),
        "recurringEventId": series["id"],
        "originalStartTime": times["start"],
    }


def _etag(series: str, suffix: str) -> str:
    return f'"{int(hashlib.sha256(f"{series}{suffix}".encode()).hexdigest()[:15], 16)}"'
