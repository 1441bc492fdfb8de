"""From the arguments of a change or a cancellation to what is written: which event, which scope, which fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.booking import meet_request
from mcp_servers.google_calendar.changing import Plan, SplitPlan
from mcp_servers.google_calendar.desk import Desk
from mcp_servers.google_calendar.events import Event
from mcp_servers.google_calendar.models import UpdateEvent
from mcp_servers.google_calendar.reading import readable, shown_to
from mcp_servers.google_calendar.recurrence import (
    Instance,
    Moment,
    check_lines,
    moved,
    read_instance_id,
    shifted,
    split,
)
from mcp_servers.google_calendar.times import Span, parse_moment, parse_span
from mcp_servers.google_calendar.zones import Place
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import BadRequest, NotAllowed


@dataclass(frozen=True)
class Target:
    """What is to be changed or cancelled.

    Args:
        place: in which calendar.
        event: the event, the one of a series, or the series itself, by ``scope``.
        scope: None for an event that does not recur.
        whole: the series with every field, when it is to be split.
        instance: the event of the series that was named.
    """

    place: Place
    event: Event
    scope: str | None
    whole: Mapping[str, Any] | None = None
    instance: Instance | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone that the series's rule is local to."""
        return _zone_of(self.event)

    @property
    def named(self) -> Moment:
        """The original beginning of the event that was named."""
        return self.instance.original if self.instance else self.event.span.start

    @property
    def lines(self) -> list[str]:
        """The recurrence of the series."""
        return list(self.event.raw.get("recurrence", ()))


async def find_target(
    desk: Desk, place: Place, event_id: str, scope: str | None, code: str | None, call: Call
) -> Target:
    """Read what is meant: one request.

    Raises:
        NotFound: it is not there, or not this caller's.
        BadRequest: the scope is missing, or does not fit the id.
        NotAllowed: a caller means a series.
    """
    zone = await desk.zones.get(place, call)
    instance = read_instance_id(event_id, zone)
    if scope in {None, "this"} or (instance is None and scope == "all"):
        event = await readable(desk, place, event_id, code, call)
        return _checked(Target(place, event, scope if event.recurs else None), scope, call)
    series_id = instance.series if instance else event_id
    series, whole = await desk.whole_event(place, series_id, call)
    event = shown_to(desk, series, code, call)
    if not event.recurs:
        return Target(place, event, None)
    target = Target(place, event, scope, whole, read_instance_id(event_id, _zone_of(event)))
    if target.instance is not None and isinstance(target.instance.original, datetime) == event.span.all_day:
        raise BadRequest("event_id: no such event of the series", field="event_id")
    return _checked(target, scope, call)


def _zone_of(event: Event) -> ZoneInfo:
    """The zone that a series's rule is local to."""
    start = event.raw.get("start", {})
    return ZoneInfo(start["timeZone"]) if "timeZone" in start else event.span.zone


def _checked(target: Target, scope: str | None, call: Call) -> Target:
    event = target.event
    if event.recurs and not call.is_owner:
        raise NotAllowed(
            "event_id: an event that recurs is changed by the owner only",
            field="event_id",
            speech="That's a regular booking, which I can't change on this call.",
        )
    if event.recurs and scope is None:
        raise BadRequest(
            "scope: this event recurs; say this, this_and_following or all",
            field="scope",
            speech="That one repeats. Do you mean just that one, that one and all that follow, or all of them?",
        )
    if scope == "this" and "recurrence" in event.raw:
        raise BadRequest("event_id: names a whole series; give the id of one of its events", field="event_id")
    return target


def plan_change(target: Target, args: UpdateEvent, *, send_updates: str, promised: bool) -> Plan | SplitPlan:
    """What is to be written.

    Raises:
        BadRequest: a field is wrong, or there is nothing to change.
    """
    body = _fields(target.event, args)
    if args.start is None and args.end is None and args.recurrence is None and not body:
        raise BadRequest("arguments: nothing to change was given", field="summary")
    if target.scope == "this_and_following":
        return _split_plan(target, args, body, send_updates)
    if target.scope == "all":
        return _series_plan(target, args, body, send_updates)
    if args.recurrence is not None:
        if target.scope == "this":
            raise BadRequest("recurrence: one event of a series has none; use scope all", field="recurrence")
        check_lines(args.recurrence, target.event.span.start)
        body["recurrence"] = args.recurrence
    span = new_span(args, target.event.span)
    return Plan(target.place, target.event, body, span, send_updates, promised=promised and span is not None)


def new_span(args: UpdateEvent, old: Span) -> Span | None:
    """The new time: the length stays when only the beginning is given. None when nothing is.

    Raises:
        BadRequest: it is wrong.
    """
    if args.start is None and args.end is None:
        return None
    if args.start is not None and args.end is not None:
        return parse_span(args.start, args.end, old.zone)
    if args.start is None:
        return parse_span(old.start.isoformat(), cast("str", args.end), old.zone)
    start = parse_moment(args.start, old.zone, "start")
    if isinstance(start, datetime) == old.all_day:
        raise BadRequest("end: give it too when an event becomes all-day or stops being so", field="end")
    return Span(start, _ends(start, old), old.zone)


def _ends(start: Moment, old: Span) -> Moment:
    if isinstance(start, datetime):
        first, last = old.instants()
        # Seconds, not the wall clock: an hour stays an hour when the clocks change within it.
        return datetime.fromtimestamp(start.timestamp() + (last - first).total_seconds(), old.zone)
    return start + (cast("date", old.end) - cast("date", old.start))


def _series_plan(target: Target, args: UpdateEvent, body: dict[str, Any], send_updates: str) -> Plan:
    """All of a series: what happens to the event that was named happens to each."""
    event, zone = target.event, target.zone
    said = _named_span(target)
    wanted = new_span(args, said)
    lines = target.lines
    span: Span | None = None
    if wanted is not None:
        start = shifted(event.span.start, said.start, wanted.start, zone)
        span = Span(start, _ends(start, wanted), zone)
        lines = moved(lines, said.start, wanted.start, zone)
    if args.recurrence is not None:
        check_lines(args.recurrence, span.start if span else event.span.start)
        lines = args.recurrence
    if lines != target.lines:
        body["recurrence"] = lines
    return Plan(target.place, event, body, span, send_updates, said=wanted or said)


def _split_plan(target: Target, args: UpdateEvent, body: dict[str, Any], send_updates: str) -> Plan | SplitPlan:
    zone, said = target.zone, _named_span(target)
    cut = split(target.lines, target.event.span.start, target.named, zone)
    if cut.is_whole:
        return _series_plan(target, args, body, send_updates)
    wanted = new_span(args, said) or said
    lines = moved(cut.after, said.start, wanted.start, zone)
    if args.recurrence is not None:
        check_lines(args.recurrence, wanted.start)
        lines = args.recurrence
    times = {"start": _in_zone(wanted.start, zone), "end": _in_zone(wanted.end, zone)}
    assert target.whole is not None, "a series that is split was read whole"
    return SplitPlan(
        target.place, target.event, target.whole, cut.before, {**body, **times, "recurrence": lines}, send_updates
    )


def _named_span(target: Target) -> Span:
    """Where the event that was named lies by the rule."""
    old, start = target.event.span, target.named
    if isinstance(start, datetime):
        start = start.astimezone(old.zone)
    return Span(start, _ends(start, old), old.zone)


def _in_zone(moment: Moment, zone: ZoneInfo) -> dict[str, str]:
    if isinstance(moment, datetime):
        return {"dateTime": moment.astimezone(zone).isoformat(), "timeZone": zone.key}
    return {"date": moment.isoformat()}


def _fields(event: Event, args: UpdateEvent) -> dict[str, Any]:
    named = {
        "summary": args.summary,
        "description": args.description,
        "location": args.location,
        "colorId": args.color,
        "visibility": args.visibility,
        "reminders": reminders(args.reminders),
        "attendees": _attendees(event, args),
    }
    body: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if args.meet:
        body["conferenceData"] = meet_request(event.id)
    elif args.meet is False:
        body["conferenceData"] = None
    return body


def reminders(minutes: list[int] | None) -> dict[str, Any] | None:
    """Pop-ups so many minutes before, in Google's form."""
    if minutes is None:
        return None
    return {"useDefault": False, "overrides": [{"method": "popup", "minutes": each} for each in minutes]}


def _attendees(event: Event, args: UpdateEvent) -> list[dict[str, Any]] | None:
    """The whole new list, with what Google knows of those who stay, such as their answers."""
    if args.add_attendees is None and args.remove_attendees is None:
        return None
    if event.raw.get("attendeesOmitted"):
        raise BadRequest("add_attendees: Google holds back a part of this guest list", field="add_attendees")
    leaving = {email.casefold() for email in args.remove_attendees or ()}
    guests = [dict(guest) for guest in event.raw.get("attendees", ())]
    present = {str(guest.get("email", "")).casefold() for guest in guests}
    if leaving - present:
        raise BadRequest("remove_attendees: not all of them are guests of this event", field="remove_attendees")
    staying = [guest for guest in guests if str(guest.get("email", "")).casefold() not in leaving]
    coming = {email.casefold(): email for email in args.add_attendees or ()}
    return staying + [{"email": email} for folded, email in coming.items() if folded not in present - leaving]
