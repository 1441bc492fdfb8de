"""Times as Google takes and gives them."""

import functools
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from sandbox.google.errors import GoogleError, invalid, required

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})?")


def rfc3339(moment: datetime) -> str:
    """Milliseconds in UTC, as Google stamps."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_bound(text: str, name: str) -> datetime:
    """A query parameter such as ``timeMin``, whose offset is mandatory.

    Raises:
        GoogleError: 400.
    """
    moment = _parse_date_time(text)
    if moment is None or moment.tzinfo is None:
        raise GoogleError(400, "badRequest", "Bad Request", location=name)
    return moment


def _parse_date_time(text: str) -> datetime | None:
    """None for what is not RFC 3339; the offset may be absent."""
    if not _DATE_TIME.fullmatch(text):
        return None
    whole, dot, rest = text.upper().partition(".")
    # Python reads six digits of a second at most.
    digits = re.match(r"\d+", rest)
    fraction = f"{digits[0][:6]}{rest[digits.end() :]}" if digits else ""
    try:
        return datetime.fromisoformat(f"{whole}{dot}{fraction}")
    except ValueError:
        return None


@functools.cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_named(name: str) -> ZoneInfo:
    """A zone of a request.

    Raises:
        GoogleError: 400.
    """
    if name not in _zone_names():
        raise invalid(f"Invalid time zone definition: {name}", "timeZone")
    return ZoneInfo(name)


def read_time(value: Any, name: str, calendar_zone: ZoneInfo) -> tuple[datetime, dict[str, str]]:
    """An event's start or end: the instant it means, and the form in which Google keeps it.

    Raises:
        GoogleError: 400.
    """
    if not isinstance(value, Mapping):
        raise required(name)
    given = {key: str(text) for key, text in cast("Mapping[str, Any]", value).items() if text is not None}
    zone = zone_named(given["timeZone"]) if "timeZone" in given else calendar_zone
    if ("date" in given) == ("dateTime" in given):
        raise invalid(f"Invalid {name} time.", name) if "date" in given else required(name)
    if "dateTime" in given:
        return _read_date_time(given, name, zone, calendar_zone)
    try:
        if not _DATE.fullmatch(given["date"]):
            raise ValueError
        day = date.fromisoformat(given["date"])
    except ValueError:
        raise invalid("Invalid value for: Invalid format", f"{name}.date") from None
    return datetime.combine(day, time(), calendar_zone), {"date": day.isoformat()}


def _read_date_time(
    given: dict[str, str], name: str, zone: ZoneInfo, calendar_zone: ZoneInfo
) -> tuple[datetime, dict[str, str]]:
    moment = _parse_date_time(given["dateTime"])
    if moment is None:
        raise invalid("Invalid value for: Invalid format", f"{name}.dateTime")
    if moment.tzinfo is None:
        if "timeZone" not in given:
            raise GoogleError(400, "required", f"Missing time zone definition for {name} time.", location=name)
        moment = moment.replace(tzinfo=zone)
    return moment, {"dateTime": google_instant(moment, calendar_zone), "timeZone": zone.key}


def google_instant(moment: datetime, zone: ZoneInfo) -> str:
    """An instant in a zone with its offset, ``Z`` for none."""
    return moment.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown_in(value: dict[str, str], zone: ZoneInfo) -> dict[str, str]:
    """A start or end in the zone that the answer is to be shown in."""
    if "dateTime" not in value:
        return value
    return {**value, "dateTime": google_instant(datetime.fromisoformat(value["dateTime"]), zone)}
