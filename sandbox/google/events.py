"""The events of one calendar: checked as Google checks them, shown as Google shows them."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.errors import GoogleError, invalid
from sandbox.google.times import read_time, rfc3339, shown_in

ID_FORM = re.compile(r"[a-v0-9]{5,1024}")
WRITABLE = {
    "attendees", "anyoneCanAddSelf", "colorId", "description", "end", "extendedProperties", "guestsCanInviteOthers",
    "guestsCanModify", "guestsCanSeeOtherGuests", "location", "reminders", "start", "status", "summary", "transparency",
    "visibility", "source", "recurrence", "iCalUID",
}  # fmt: skip
STATUSES = {"confirmed", "tentative", "cancelled"}
TRANSPARENCIES = {"opaque", "transparent"}
VISIBILITIES = {"default", "public", "private", "confidential"}
RESPONSES = {"needsAction", "declined", "tentative", "accepted"}


def new_event(
    body: Mapping[str, Any], *, account: str, zone: ZoneInfo, now: datetime, change: int
) -> tuple[dict[str, Any], tuple[float, float]]:
    """A new event from an insert's body, and the span that it covers.

    Raises:
        GoogleError: 400.
    """
    event_id = str(body.get("id") or uuid.uuid4().hex[:26])
    if not ID_FORM.fullmatch(event_id):
        raise invalid("Invalid resource id value.")
    stamp = rfc3339(now)
    event: dict[str, Any] = {
        "kind": "calendar#event",
        "id": event_id,
        "status": "confirmed",
        "htmlLink": f"https://www.google.com/calendar/event?eid={event_id}",
        "created": stamp,
        "creator": {"email": account, "self": True},
        "organizer": {"email": account, "self": True},
        "iCalUID": str(body.get("iCalUID") or f"{event_id}@google.com"),
        "sequence": 0,
        "reminders": {"useDefault": True},
        "eventType": "default",
    }
    return changed_event(event, body, zone=zone, now=now, change=change)


def changed_event(
    event: Mapping[str, Any], body: Mapping[str, Any], *, zone: ZoneInfo, now: datetime, change: int
) -> tuple[dict[str, Any], tuple[float, float]]:
    """An event with a patch's fields, and the span that it then covers. Arrays are replaced whole.

    Raises:
        GoogleError: 400.
    """
    changed = {**event, **{key: value for key, value in body.items() if key in WRITABLE and value is not None}}
    for key in [key for key, value in body.items() if key in WRITABLE and value is None]:
        changed.pop(key, None)
    start, changed["start"] = read_time(changed.get("start"), "start", zone)
    end, changed["end"] = read_time(changed.get("end"), "end", zone)
    if ("date" in changed["start"]) != ("date" in changed["end"]):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    if end < start:
        raise GoogleError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    _check_enums(changed)
    changed["attendees"] = [_attendee(guest) for guest in changed.get("attendees", ())]
    if not changed["attendees"]:
        del changed["attendees"]
    if event.get("start") not in (None, changed["start"]) or event.get("end") not in (None, changed["end"]):
        changed["sequence"] = int(changed["sequence"]) + 1
    return stamped(changed, now=now, change=change), (start.timestamp(), end.timestamp())


def stamped(event: Mapping[str, Any], *, now: datetime, change: int) -> dict[str, Any]:
    """With a new etag and time of change."""
    digest = hashlib.sha256(f"{event['id']}|{change}".encode()).hexdigest()
    return {**event, "updated": rfc3339(now), "etag": f'"{int(digest[:15], 16)}"'}


def shown(event: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """As an answer shows it: instants in a zone."""
    times = {name: shown_in(event[name], zone) for name in ("start", "end") if name in event}
    return {**event, **times}


def _check_enums(event: Mapping[str, Any]) -> None:
    for name, allowed in (("status", STATUSES), ("transparency", TRANSPARENCIES), ("visibility", VISIBILITIES)):
        if name in event and event[name] not in allowed:
            raise invalid(f"Invalid value for: {event[name]} is not a valid value", name)


def _attendee(guest: Any) -> dict[str, Any]:
    email = str(guest.get("email", "")) if isinstance(guest, Mapping) else ""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise invalid("Invalid attendee email.", "attendees")
    response = str(guest.get("responseStatus", "needsAction"))
    if response not in RESPONSES:
        raise invalid(f"Invalid value for: {response} is not a valid value", "attendees")
    return {**guest, "email": email, "responseStatus": response}


def matches_properties(event: Mapping[str, Any], wanted: list[str], kind: str) -> bool:
    """Whether an event has all of the ``key=value`` pairs among its extended properties."""
    properties: Mapping[str, str] = event.get("extendedProperties", {}).get(kind, {})
    pairs = (pair.split("=", 1) for pair in wanted)
    return all(len(pair) == 2 and properties.get(pair[0]) == pair[1] for pair in pairs)


def matches_text(event: Mapping[str, Any], text: str) -> bool:
    """Whether every word of a search occurs in what Google searches."""
    people = [guest.get("email", "") + " " + guest.get("displayName", "") for guest in event.get("attendees", ())]
    searched = " ".join([str(event.get(key, "")) for key in ("summary", "description", "location")] + people).casefold()
    return all(word in searched for word in text.casefold().split())
