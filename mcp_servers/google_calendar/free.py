"""What is free: from events and live promises, by capacity. What could not be read is unknown, never free."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.client import EventPage
from mcp_servers.shared.errors import Unavailable
from mcp_servers.shared.ledger import Reservation
from mcp_servers.shared.ledger.reservations import most_at_once

STEP = timedelta(minutes=15)
MOST_OFFERED = 3

Seconds = tuple[float, float]


def taken_spans(page: EventPage, promises: Iterable[Reservation], *, but: str | None = None) -> list[Seconds]:
    """The spans that are taken: busy events, and promises whose event the page does not show yet.

    Args:
        page: what Google lists.
        promises: live reservations.
        but: an event id that does not count (one's own).

    Raises:
        Unavailable: the page is not the whole answer.
    """
    if not page.complete:
        raise Unavailable("Google lists more events than one page; what was not read is not known to be free")
    listed = {event.id for event in page.events}
    events = [event.span.seconds() for event in page.events if event.busy and event.id != but]
    promised = [
        (promise.starts_at, promise.ends_at)
        for promise in promises
        if promise.resource_id not in listed and promise.resource_id != but
    ]
    return events + promised


def is_free(span: Seconds, taken: Sequence[Seconds], capacity: int) -> bool:
    """Whether one more fits anywhere in the span."""
    return most_at_once(taken, span) < capacity


def conflicts(span: Seconds, taken: Sequence[Seconds], zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The taken spans that overlap a span, in order."""
    overlapping = sorted(t for t in taken if t[0] < span[1] and t[1] > span[0])
    return [(datetime.fromtimestamp(start, zone), datetime.fromtimestamp(end, zone)) for start, end in overlapping]


def free_slots(
    window: tuple[datetime, datetime],
    taken: Sequence[Seconds],
    *,
    minutes: int,
    near: datetime | None,
    capacity: int,
    most: int = MOST_OFFERED,
) -> list[tuple[datetime, datetime]]:
    """Free spans of a length within a window, at most a few, in order of time.

    Starts are on the quarter hour. They do not overlap one another; near a wished time, the nearest are chosen.

    Args:
        window: where to look, aware, in the calendar's zone.
        taken: what is taken.
        minutes: how long each must be.
        near: the wished time; the window's start when None.
        capacity: how many may overlap.
        most: how many to offer.
    """
    zone = window[0].tzinfo
    length = timedelta(minutes=minutes)
    wished = (near or window[0]).timestamp()
    starts = sorted(_starts(window, length), key=lambda start: (abs(start.timestamp() - wished), start))
    chosen: list[tuple[datetime, datetime]] = []
    for start in starts:
        span = (start.timestamp(), (start + length).timestamp())
        apart = all(abs(other.timestamp() - span[0]) >= length.total_seconds() for other, _ in chosen)
        if apart and is_free(span, taken, capacity):
            chosen.append((start.astimezone(zone), (start + length).astimezone(zone)))
        if len(chosen) == most:
            break
    return sorted(chosen)


def _starts(window: tuple[datetime, datetime], length: timedelta) -> Iterable[datetime]:
    # In UTC, so that a day on which the clocks change has no hour twice and none missing.
    start, end = window[0].astimezone(UTC), window[1].astimezone(UTC)
    past_quarter = timedelta(minutes=start.minute % 15, seconds=start.second, microseconds=start.microsecond)
    moment = start if not past_quarter else start - past_quarter + STEP
    while moment + length <= end:
        yield moment
        moment += STEP
