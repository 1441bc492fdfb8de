"""Events as Google sends them, and as we mark ours."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.times import Span, as_instant
from mcp_servers.shared.calls import Call

OPERATION = "voxieOperation"
PERSON = "voxiePerson"
CALL = "voxieCall"
CODE = "voxieCode"
CHANGE = "voxieChange"
"""The operation that changed the event last, so that a change whose answer was lost is known by reading."""
CODE_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Letters and digits that are not mistaken for one another when spoken."""
CODE_LENGTH = 6


@dataclass(frozen=True)
class Event:
    """One event, or one instance of a recurring one."""

    id: str
    etag: str
    cancelled: bool
    span: Span
    summary: str
    private: Mapping[str, str]
    busy: bool
    link: str
    raw: Mapping[str, Any]

    @property
    def recurs(self) -> bool:
        """Whether it is a series, or one event of a series."""
        return "recurrence" in self.raw or "recurringEventId" in self.raw


def read_event(raw: Mapping[str, Any], zone: ZoneInfo) -> Event:
    """Read one item of Google's answer.

    Args:
        raw: the JSON object. A tombstone without times is read as an empty span at the epoch.
        zone: the calendar's zone, which instants are shown in.
    """
    return Event(
        id=str(raw["id"]),
        etag=str(raw.get("etag", "")),
        cancelled=raw.get("status") == "cancelled",
        span=Span(_moment(raw.get("start"), zone), _moment(raw.get("end"), zone), zone),
        summary=str(raw.get("summary", "")),
        private=dict(raw.get("extendedProperties", {}).get("private", {})),
        busy=raw.get("transparency", "opaque") != "transparent" and not _declined(raw),
        link=str(raw.get("htmlLink", "")),
        raw=raw,
    )


def _moment(value: Mapping[str, str] | None, zone: ZoneInfo) -> datetime | date:
    if value and "date" in value:
        return date.fromisoformat(value["date"])
    if value and "dateTime" in value:
        return as_instant(datetime.fromisoformat(value["dateTime"]), zone)
    return datetime.fromtimestamp(0, zone)


def _declined(raw: Mapping[str, Any]) -> bool:
    return any(guest.get("self") and guest.get("responseStatus") == "declined" for guest in raw.get("attendees", ()))


def google_time(moment: datetime | date, zone: ZoneInfo) -> dict[str, str]:
    """A start or an end as Google takes it: dates stay dates, instants carry their zone."""
    if isinstance(moment, datetime):
        return {"dateTime": moment.isoformat(), "timeZone": zone.key}
    return {"date": moment.isoformat()}


class Marks:
    """The private properties that say whose an event is. They hold digests, never a name or a number.

    Args:
        secret: the ledger's.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def event_id(self, operation_id: str) -> str:
        """The event's id: derived from the operation, in the alphabet that Google allows (a to v and digits)."""
        return f"vo{operation_id}"

    def person(self, call: Call) -> str:
        """The digest of whoever is calling."""
        return self._digest("person", call.workspace, call.person)

    def call(self, call: Call) -> str:
        """The digest of the call session; empty without one."""
        return self._digest("call", call.workspace, call.call) if call.call else ""

    def code(self, event_id: str) -> str:
        """The short code that the caller is told, and can cancel with later."""
        digest = hmac.new(self._secret, f"code|{event_id}".encode(), hashlib.sha256).digest()
        return "".join(CODE_ALPHABET[byte % len(CODE_ALPHABET)] for byte in digest[:CODE_LENGTH])

    def code_digest(self, code: str) -> str:
        """What the event carries of the code, so that it can be found by it."""
        return self._digest("code", "".join(letter for letter in code.upper() if letter.isalnum()))

    def of(self, call: Call, operation_id: str) -> dict[str, str]:
        """All marks of a new event."""
        marks = {
            OPERATION: operation_id,
            PERSON: self.person(call),
            CALL: self.call(call),
            CODE: self.code_digest(self.code(self.event_id(operation_id))),
        }
        return {key: value for key, value in marks.items() if value}

    def may_read(self, event: Event, call: Call, code: str | None) -> bool:
        """Whether this call may see the event: the owner, the caller it names, or whoever has its code."""
        return call.is_owner or event.private.get(PERSON) == self.person(call) or self._has_code(event, code)

    def may_change(self, event: Event, call: Call, code: str | None) -> bool:
        """Whether this call may move or cancel it. A number can be forged, so a number alone is not enough."""
        if call.is_owner or self._has_code(event, code):
            return True
        if event.private.get(PERSON) != self.person(call):
            return False
        same_call = bool(call.call) and event.private.get(CALL) == self.call(call)
        return same_call or (call.caller or "").startswith("user:")

    def _has_code(self, event: Event, code: str | None) -> bool:
        return bool(code) and event.private.get(CODE) == self.code_digest(code or "")

    def _digest(self, *parts: str | None) -> str:
        text = "|".join(part or "" for part in parts)
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:40]
