"""Times as Google takes and gives them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.google.errors import GoogleError, invalid, required


def rfc3339(moment: datetime) -> str:
    """Milliseconds in UTC, as Google stamps."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_bound(text: str, name: str) -> datetime:
    """A query parameter such as ``timeMin``, whose offset is mandatory.

    Raises:
        GoogleError: 400.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise GoogleError(400, "badRequest", "Bad Request", location=name) from None
    if parsed.tzinfo is None:
        raise GoogleError(400, "badRequest", "Bad Request", location=name)
    return parsed


def zone_named(name: str) -> ZoneInfo:
    """A zone of a request.

    Raises:
        GoogleError: 400.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid(f"Invalid time zone definition: {name}", "timeZone") from None


def read_time(value: Any, name: str, calendar_zone: ZoneInfo) -> tuple[datetime, dict[str, str]]:
    """An event's start or end: the instant it means, and the form in which Google keeps it.

    Raises:
        GoogleError: 400.
    """
    if not isinstance(value, Mapping):
        raise required(name)
    given: dict[str, str] = {str(k): str(v) for k, v in value.items() if v is not None}
    zone = zone_named(given["timeZone"]) if "timeZone" in given else calendar_zone
    if "date" in given and "dateTime" not in given:
        try:
            day = date.fromisoformat(given["date"])
        except ValueError:
            raise invalid("Invalid value for: Invalid format", f"{name}.date") from None
        return datetime.combine(day, time(), zone), {"date": day.isoformat()}
    if "dateTime" not in given:
        raise required(name)
    return _read_date_time(given, name, zone, calendar_zone)


def _read_date_time(
    given: dict[str, str], name: str, zone: ZoneInfo, calendar_zone: ZoneInfo
) -> tuple[datetime, dict[str, str]]:
    try:
        moment = datetime.fromisoformat(given["dateTime"])
    except ValueError:
        raise invalid("Invalid value for: Invalid format", f"{name}.dateTime") from None
    if moment.tzinfo is None:
        if "timeZone" not in given:
            raise GoogleError(400, "required", "Missing time zone definition for start time.", location=name)
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
