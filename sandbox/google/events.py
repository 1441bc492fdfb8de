"""The events of one calendar: checked as Google checks them, shown as Google shows them."""

import base64
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sandbox.google.errors import GoogleError, invalid
from sandbox.google.times import read_time, rfc3339, shown_in

ID_FORM = re.compile(r"[a-v0-9]{5,1024}")
E_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
WRITABLE = {
    "anyoneCanAddSelf", "attendees", "colorId", "description", "end", "extendedProperties", "guestsCanInviteOthers",
    "guestsCanModify", "guestsCanSeeOtherGuests", "location", "recurrence", "reminders", "source", "start", "status",
    "summary", "transparency", "visibility",
}  # fmt: skip
LASTING = (
    "kind", "id", "status", "htmlLink", "created", "creator", "organizer", "iCalUID", "sequence", "eventType",
    "recurringEventId", "originalStartTime", "conferenceData", "hangoutLink",
)  # fmt: skip
"""What ``update`` keeps although it is left out."""
DEFAULTS: Mapping[str, Any] = {"reminders": {"useDefault": True}}
REMINDERS_MOST, REMINDER_MINUTES_MOST = 5, 40320

Resource = dict[str, Any]


@dataclass(frozen=True)
class Home:
    """Where an event lives, and when it is written."""

    calendar: str
    account: str
    zone: ZoneInfo
    now: datetime
    change: int
    """The number of this change."""


def new_event(body: Mapping[str, Any], home: Home) -> Resource:
    """A new event from an insert's body.

    Raises:
        GoogleError: 400.
    """
    event_id = str(body.get("id") or uuid.uuid4().hex[:26])
    if not ID_FORM.fullmatch(event_id):
        raise invalid("Invalid resource id value.")
    organizer = {"email": home.calendar, "self": True}
    event: Resource = {
        "kind": "calendar#event",
        "id": event_id,
        "status": "confirmed",
        "htmlLink": html_link(event_id, home.calendar),
        "created": rfc3339(home.now),
        "creator": {"email": home.account, **({"self": True} if home.account == home.calendar else {})},
        "organizer": organizer,
        "iCalUID": str(body.get("iCalUID") or f"{event_id}@google.com"),
        "sequence": 0,
        "eventType": str(body.get("eventType") or "default"),
    }
    return changed_event(event, body, home)


def html_link(event_id: str, calendar: str) -> str:
    """Where a person would open it."""
    eid = base64.urlsafe_b64encode(f"{event_id} {calendar}".encode()).decode().rstrip("=")
    return f"https://www.google.com/calendar/event?eid={eid}"


def changed_event(event: Resource, body: Mapping[str, Any], home: Home, *, before: Resource | None = None) -> Resource:
    """An event with a patch's fields: objects are merged, arrays replaced whole, null removes.

    Args:
        event: what is kept of it.
        body: the fields.
        home: where and when.
        before: the event as it was, where not all of it is kept.

    Raises:
        GoogleError: 400.
    """
    kept = merged({**DEFAULTS, **event}, {key: value for key, value in body.items() if key in WRITABLE})
    changed: Resource = {**DEFAULTS, "status": "confirmed", **kept}
    _check_kept_type(event, body)
    start, changed["start"] = read_time(changed.get("start"), "start", home.zone)
    end, changed["end"] = read_time(changed.get("end"), "end", home.zone)
    if ("date" in changed["start"]) != ("date" in changed["end"]):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    if end < start:
        raise GoogleError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    _check_reminders(cast("Resource", changed["reminders"]))
    guests = [_attendee(guest, home) for guest in cast("list[Resource]", changed.pop("attendees", ()))]
    if guests:
        changed["attendees"] = guests
    if not changed.get("recurrence"):
        changed.pop("recurrence", None)
    if _moved(before or event, changed):
        changed["sequence"] = int(changed["sequence"]) + 1
    return stamped(changed, now=home.now, change=home.change)


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Resource:
    """Google's patch semantics."""
    result = dict(base)
    for key, value in patch.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(cast("Resource", old) if isinstance(old, dict) else {}, cast("Resource", value))
        else:
            result[key] = value
    return result


def _moved(before: Resource, after: Resource) -> bool:
    return any(before.get(key) not in (None, after.get(key)) for key in ("start", "end", "recurrence"))


def stamped(event: Resource, *, now: datetime, change: int) -> Resource:
    """With a new etag and time of change."""
    return {**event, "updated": rfc3339(now), "etag": etag_of(event["id"], change)}


def etag_of(event_id: str, change: int) -> str:
    """An etag that no other state of any event has."""
    digest = hashlib.sha256(f"{event_id}|{change}".encode()).hexdigest()
    return f'"{int(digest[:15], 16)}"'


def shown(event: Resource, zone: ZoneInfo, *, attendees_most: int | None = None) -> Resource:
    """As an answer shows it: instants in a zone, at most so many attendees."""
    times = {name: shown_in(event[name], zone) for name in ("start", "end", "originalStartTime") if name in event}
    guests = cast("list[Resource]", event.get("attendees", []))
    if attendees_most is not None and len(guests) > attendees_most:
        times |= {"attendees": [guest for guest in guests if guest.get("self")], "attendeesOmitted": True}
    return {**event, **times}


def span_of(event: Resource, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants between which an event lies.

    Args:
        event: the resource.
        zone: its calendar's, for all-day events.
    """
    return read_time(event["start"], "start", zone)[0], read_time(event["end"], "end", zone)[0]


def _check_kept_type(event: Resource, body: Mapping[str, Any]) -> None:
    if body.get("eventType") not in (None, event["eventType"]):
        message = "Event type cannot be changed."
        raise GoogleError(400, "eventTypeRestriction", message, domain="calendar")


def _check_reminders(reminders: Mapping[str, Any]) -> None:
    overrides = cast("list[Resource]", reminders.get("overrides", []))
    if overrides and reminders.get("useDefault"):
        message = "Cannot specify both default reminders and overrides at the same time."
        raise GoogleError(400, "cannotUseDefaultRemindersAndSpecifyOverride", message, domain="calendar")
    if len(overrides) > REMINDERS_MOST:
        raise invalid("Too many override reminders.", "reminders.overrides")
    for reminder in overrides:
        if "method" not in reminder or "minutes" not in reminder:
            raise GoogleError(400, "required", "Missing override reminder method.", location="reminders.overrides")
        if not 0 <= int(reminder["minutes"]) <= REMINDER_MINUTES_MOST:
            raise invalid("Invalid reminder minutes.", "reminders.overrides")


def _attendee(guest: Resource, home: Home) -> Resource:
    email = str(guest.get("email", ""))
    if not E_MAIL.fullmatch(email):
        raise invalid("Invalid attendee email.", "attendees")
    kept = {key: value for key, value in guest.items() if key not in {"self", "organizer"} and value is not None}
    own = {"self": True, "organizer": True} if email.casefold() == home.calendar.casefold() else {}
    return {"responseStatus": "needsAction", **kept, "email": email, **own}


def matches_properties(event: Resource, wanted: list[str], kind: str) -> bool:
    """Whether an event has all of the ``key=value`` pairs among its extended properties."""
    properties: Mapping[str, str] = event.get("extendedProperties", {}).get(kind, {})
    pairs = (pair.split("=", 1) for pair in wanted)
    return all(len(pair) == 2 and properties.get(pair[0]) == pair[1] for pair in pairs)


def matches_text(event: Resource, text: str) -> bool:
    """Whether every word of a search occurs in what Google searches."""
    people = [*event.get("attendees", ()), event.get("organizer", {})]
    names = [f"{person.get('email', '')} {person.get('displayName', '')}" for person in people]
    searched = " ".join([str(event.get(key, "")) for key in ("summary", "description", "location")] + names).casefold()
    return all(word in searched for word in text.casefold().split())
