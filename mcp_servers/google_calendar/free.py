"""What is free: from events and live promises, by capacity. What could not be read is unknown, never free."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mcp_servers.google_calendar.client import EventPage
from mcp_servers.google_calendar.rules import Rules, Window
from mcp_servers.shared.errors import Unavailable
from mcp_servers.shared.ledger import Reservation
from mcp_servers.shared.ledger.reservations import most_at_once

STEP = timedelta(minutes=15)
MOST_OFFERED = 3

Seconds = tuple[float, float]


def promised_span(span: Seconds, rules: Rules) -> Seconds:
    """What a promise covers: the free time after it, too, so that the ledger alone keeps two promises apart."""
    return span[0], span[1] + rules.buffer.total_seconds()


def taken_spans(
    page: EventPage, promises: Iterable[Reservation], rules: Rules, *, but: Iterable[str] = ()
) -> list[Seconds]:
    """The spans that are taken: busy events, and promises whose event the page does not show yet.

    Args:
        page: what Google lists.
        promises: live reservations, each with its free time.
        rules: of the connection.
        but: ids that do not count (one's own).

    Raises:
        Unavailable: the page is not the whole answer.
    """
    if not page.complete:
        raise Unavailable("Google lists more events than one page; what was not read is not known to be free")
    own = set(but)
    listed = {event.id for event in page.events} | own
    events = [event.span.seconds() for event in page.events if event.busy and event.id not in own]
    buffer = rules.buffer.total_seconds()
    return events + [(p.starts_at, p.ends_at - buffer) for p in promises if p.resource_id not in listed]


def widened(window: Window, buffer: timedelta) -> Window:
    """What must be looked at to judge a window: an event that ended shortly before it still needs its free time."""
    # In UTC: sums by the clock on the wall forget which of two equal times is meant when the clocks go back.
    return window[0].astimezone(UTC) - buffer, window[1].astimezone(UTC) + buffer


def is_free(span: Seconds, taken: Sequence[Seconds], rules: Rules) -> bool:
    """Whether one more fits anywhere in the span, each with the free time after it."""
    buffer = rules.buffer.total_seconds()
    lengthened = [(start, end + buffer) for start, end in taken]
    return most_at_once(lengthened, (span[0], span[1] + buffer)) < rules.capacity


def conflicts(span: Seconds, taken: Sequence[Seconds], zone: ZoneInfo) -> list[Window]:
    """The taken spans that overlap a span, in order."""
    overlapping = sorted(t for t in taken if t[0] < span[1] and t[1] > span[0])
    return [(datetime.fromtimestamp(start, zone), datetime.fromtimestamp(end, zone)) for start, end in overlapping]


def free_slots(
    window: Window,
    taken: Sequence[Seconds],
    *,
    minutes: int,
    near: datetime | None,
    rules: Rules,
    zone: ZoneInfo,
    most: int = MOST_OFFERED,
) -> list[Window]:
    """Free spans of a length within a window and the opening hours, at most a few, in order of time.

    Starts are on the quarter hour. They do not overlap one another; near a wished time, the nearest are chosen.

    Args:
        window: where to look, in UTC.
        taken: what is taken.
        minutes: how long each must be.
        near: the wished time; the window's start when None.
        rules: of the connection.
        zone: the calendar's, in which the answers are.
        most: how many to offer.
    """
    length = timedelta(minutes=minutes)
    wished = (near or window[0]).timestamp()
    open_windows = [(max(a, window[0]), min(b, window[1])) for a, b in rules.open_within(window, zone)]
    starts = {start for within in open_windows for start in _starts(within, length)}
    chosen: list[datetime] = []
    for start in sorted(starts, key=lambda start: (abs(start.timestamp() - wished), start)):
        span = (start.timestamp(), (start + length).timestamp())
        apart = all(abs(other.timestamp() - span[0]) >= length.total_seconds() for other in chosen)
        if apart and is_free(span, taken, rules):
            chosen.append(start)
        if len(chosen) == most:
            break
    # In order of time, which the clock on the wall does not show in the hour that comes twice.
    return [(start.astimezone(zone), (start + length).astimezone(zone)) for start in sorted(chosen)]


def _starts(window: Window, length: timedelta) -> Iterable[datetime]:
    # In UTC, so that a day on which the clocks change has no hour twice and none missing.
    start, end = window[0].astimezone(UTC), window[1].astimezone(UTC)
    past_quarter = timedelta(minutes=start.minute % 15, seconds=start.second, microseconds=start.microsecond)
    moment = start if not past_quarter else start - past_quarter + STEP
    while moment + length <= end:
        yield moment
        moment += STEP
