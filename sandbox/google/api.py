"""Events, method by method."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.calendars import owned_calendar
from sandbox.google.conference import with_conference
from sandbox.google.errors import GoogleError, not_found
from sandbox.google.events import LASTING, Home, Resource, changed_event, new_event, shown, span_of, stamped
from sandbox.google.free_busy import answer_free_busy
from sandbox.google.knobs import Knobs
from sandbox.google.listing import ATTENDEES_MOST, FAR, Listing
from sandbox.google.mail import Mail, letters
from sandbox.google.recurrence import check_recurrence, instance, instances, series_of
from sandbox.google.requests import Asked
from sandbox.google.store import Rows, Store
from sandbox.google.times import zone_named
from sandbox.part import SandboxContext


class EventsApi:
    """The methods.

    Args:
        store: calendars and events.
        mail: what is sent to guests.
        context: clock and zone.
        knobs: whether lists begin with an empty page.
    """

    def __init__(self, store: Store, mail: Mail, context: SandboxContext, knobs: Knobs) -> None:
        self._store = store
        self._mail = mail
        self._context = context
        self._knobs = knobs

    async def free_busy(self, asked: Asked) -> dict[str, Any]:
        """``freebusy.query``."""
        async with self._store.transaction() as rows:
            return await answer_free_busy(rows, asked, self._context.now())

    async def list_events(self, asked: Asked) -> dict[str, Any]:
        """``events.list``."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            listing = Listing(rows, calendar, asked, self._context.now())
            return await listing.events(begin_empty=self._knobs.empty_first_page)

    async def list_instances(self, asked: Asked) -> dict[str, Any]:
        """``events.instances``; of an instance, itself."""
        now = self._context.now()
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            zone = ZoneInfo(calendar["timeZone"])
            event = await _event(rows, calendar, asked.path["eventId"])
            found = [event] if "recurringEventId" in event else []
            if event.get("recurrence"):
                exceptions = await rows.exceptions(calendar["id"], event["id"])
                replaced = {exception["id"] for exception in exceptions}
                made = instances(event, zone, after=None, before=None, now=now)
                found = [*exceptions, *(one for one in made if one["id"] not in replaced)]
            return await Listing(rows, calendar, asked, now).instances(found)

    async def get(self, asked: Asked) -> dict[str, Any]:
        """``events.get``; a deleted event is still there, as cancelled."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            event = await _event(rows, calendar, asked.path["eventId"])
        return _shown(event, asked, calendar)

    async def insert(self, asked: Asked) -> dict[str, Any]:
        """``events.insert``; the id of a deleted event is not released."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            home = await self._home(rows, calendar, asked)
            event = with_conference(new_event(asked.body, home), asked)
            if await rows.event(calendar["id"], event["id"]) is not None:
                raise GoogleError(409, "duplicate", "The requested identifier already exists.")
            _check_series(event, asked.body, home)
            await _put(rows, event, home)
            await self._mail.send(rows, letters(None, event, asked, home))
        return _shown(event, asked, calendar)

    async def patch(self, asked: Asked) -> dict[str, Any]:
        """``events.patch``."""
        return await self._change(asked, keep=True)

    async def update(self, asked: Asked) -> dict[str, Any]:
        """``events.update``, which drops what is left out."""
        return await self._change(asked, keep=False)

    async def delete(self, asked: Asked) -> None:
        """``events.delete``; of an instance, that one alone."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            event = await _event(rows, calendar, asked.path["eventId"])
            if event["status"] == "cancelled":
                raise GoogleError(410, "deleted", "Resource has been deleted")
            _check_etag(asked, event)
            home = await self._home(rows, calendar, asked)
            gone = _cancelled(event, home)
            await _put(rows, gone, home)
            if event.get("recurrence"):
                for exception in await rows.exceptions(calendar["id"], event["id"]):
                    await _put(rows, _cancelled(exception, home), home)
            await self._mail.send(rows, letters(event, gone, asked, home))

    async def move(self, asked: Asked) -> dict[str, Any]:
        """``events.move`` to another calendar of the account."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            target = await rows.calendar(asked.query.get("destination", ""), owner=asked.account)
            event = await _event(rows, calendar, asked.path["eventId"])
            if target is None:
                raise not_found()
            _check_etag(asked, event)
            if await rows.event(target["id"], event["id"]) is not None:
                raise GoogleError(409, "duplicate", "The requested identifier already exists.")
            home = await self._home(rows, calendar, asked)
            await _put(rows, _cancelled(event, home), home)
            there = await self._home(rows, target, asked)
            moved = {**event, "organizer": {"email": target["id"], "self": True}}
            moved = stamped(moved, now=there.now, change=there.change)
            await _put(rows, moved, there)
        return _shown(moved, asked, target)

    async def _change(self, asked: Asked, *, keep: bool) -> dict[str, Any]:
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            event = await _event(rows, calendar, asked.path["eventId"])
            _check_etag(asked, event)
            home = await self._home(rows, calendar, asked)
            base = event if keep else {key: event[key] for key in LASTING if key in event}
            body = {k: v for k, v in asked.body.items() if k != "recurrence" or "recurringEventId" not in event}
            changed = with_conference(changed_event(base, body, home, before=event), asked)
            _check_series(changed, body, home)
            await _put(rows, changed, home)
            await _drop_lost_exceptions(rows, event, changed, home)
            await self._mail.send(rows, letters(event, changed, asked, home))
        return _shown(changed, asked, calendar)

    async def _home(self, rows: Rows, calendar: Mapping[str, Any], asked: Asked) -> Home:
        return Home(
            calendar=calendar["id"],
            account=asked.account,
            zone=ZoneInfo(calendar["timeZone"]),
            now=self._context.now(),
            change=await rows.next_change(),
        )


async def _put(rows: Rows, event: Resource, home: Home) -> None:
    start, end = (moment.timestamp() for moment in span_of(event, home.zone))
    await rows.put_event(home.calendar, event, (start, FAR if event.get("recurrence") else end), home.change)


async def _event(rows: Rows, calendar: Mapping[str, Any], event_id: str) -> Resource:
    """An event that is kept, or an instance as its series makes it."""
    event = await rows.event(calendar["id"], event_id)
    series_id = series_of(event_id)
    if event is None and series_id is not None:
        series = await rows.event(calendar["id"], series_id)
        event = instance(series, event_id, ZoneInfo(calendar["timeZone"])) if series else None
    if event is None:
        raise not_found()
    return event


def _cancelled(event: Resource, home: Home) -> Resource:
    return stamped({**event, "status": "cancelled"}, now=home.now, change=home.change)


def _check_series(event: Resource, body: Mapping[str, Any], home: Home) -> None:
    """Rules must be right, and their zone named: without it nobody knows what the clocks do to them."""
    if not event.get("recurrence"):
        return
    for name in ("start", "end"):
        if "dateTime" in (body.get(name) or {}) and not body[name].get("timeZone"):
            raise GoogleError(400, "required", f"Missing time zone definition for {name} time.", location=name)
    check_recurrence(event, home.zone)


async def _drop_lost_exceptions(rows: Rows, before: Resource, series: Resource, home: Home) -> None:
    """A series that changed its times forgets the exceptions that its rules no longer make."""
    changed = any(before.get(key) != series.get(key) for key in ("start", "end", "recurrence"))
    if not before.get("recurrence") or not changed:
        return
    for exception in await rows.exceptions(home.calendar, series["id"]):
        if instance(series, exception["id"], home.zone) is None:
            await rows.delete_event(home.calendar, exception["id"])


def _shown(event: Resource, asked: Asked, calendar: Mapping[str, Any]) -> Resource:
    zone = zone_named(asked.query.get("timeZone", str(calendar["timeZone"])))
    return shown(event, zone, attendees_most=asked.whole("maxAttendees", 0, most=ATTENDEES_MOST) or None)


def _check_etag(asked: Asked, event: Resource) -> None:
    if asked.if_match not in (None, "*", event["etag"]):
        raise GoogleError(412, "conditionNotMet", "Precondition Failed", location="If-Match", location_type="header")
