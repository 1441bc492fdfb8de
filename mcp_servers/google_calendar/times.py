"""Instants and dates as other clients of this server may send them: ISO 8601, where naive means the calendar's zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from contracts.spoken import spoken_date, spoken_instant
from mcp_servers.shared.errors import BadRequest

LONGEST = timedelta(days=366, hours=1)
"""A leap year by the clock on the wall, whichever way the clocks went."""


@dataclass(frozen=True)
class Span:
    """From ``start`` up to, not including, ``end``: two aware instants in the calendar's zone, or two dates."""

    start: datetime | date
    end: datetime | date
    zone: ZoneInfo

    @property
    def all_day(self) -> bool:
        """Whether it is made of dates, which stay dates."""
        return not isinstance(self.start, datetime)

    def instants(self) -> tuple[datetime, datetime]:
        """Start and end as instants; a date begins at midnight in the zone."""
        return as_instant(self.start, self.zone), as_instant(self.end, self.zone)

    def seconds(self) -> tuple[float, float]:
        """Start and end as seconds since 1970."""
        start, end = self.instants()
        return start.timestamp(), end.timestamp()

    def spoken(self) -> str:
        """Its beginning, as people say it."""
        return spoken_instant(self.start) if isinstance(self.start, datetime) else spoken_date(self.start)


def as_instant(moment: datetime | date, zone: ZoneInfo) -> datetime:
    """An instant in a zone; a date becomes its midnight there."""
    if isinstance(moment, datetime):
        return moment.astimezone(zone)
    return datetime.combine(moment, time(), zone)


def parse_moment(text: str, zone: ZoneInfo, field: str) -> datetime | date:
    """Read one argument.

    Args:
        text: an ISO 8601 date or date-time.
        zone: what naive times mean.
        field: the argument's name, for the error.

    Raises:
        BadRequest: it is neither, or the local time does not exist or exists twice on that day.
    """
    try:
        if len(text) == len("2026-11-27"):
            return date.fromisoformat(text)
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{field}: not an ISO 8601 date or date-time such as 2026-11-27T19:00", field=field) from None
    if not 1970 <= parsed.year <= 9000:
        raise BadRequest(f"{field}: the year is out of range", field=field)
    if parsed.tzinfo is not None:
        return parsed.astimezone(zone)
    return _local(parsed, zone, field)


def _local(naive: datetime, zone: ZoneInfo, field: str) -> datetime:
    first, second = naive.replace(tzinfo=zone, fold=0), naive.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        raise BadRequest(
            f"{field}: that local time does not exist in {zone.key}, where the clocks go forward; give an offset",
            field=field,
            speech="The clocks go forward that night, so that time doesn't exist. Would an hour later do?",
        )
    raise BadRequest(
        f"{field}: that local time comes twice in {zone.key}, where the clocks go back; give an offset",
        field=field,
        speech="The clocks go back that night, so that time comes twice. Do you mean the first or the second?",
    )


def parse_span(start: str, end: str, zone: ZoneInfo, *, fields: tuple[str, str] = ("start", "end")) -> Span:
    """Read a start and an end, both dates or both times.

    Raises:
        BadRequest: one is wrong, they are of different kinds, or the end is not after the start.
    """
    first, last = parse_moment(start, zone, fields[0]), parse_moment(end, zone, fields[1])
    if isinstance(first, datetime) != isinstance(last, datetime):
        raise BadRequest(
            f"{fields[1]}: give {fields[0]} and {fields[1]} both as dates or both as times", field=fields[1]
        )
    span = Span(first, last, zone)
    # Seconds: by the clock on the wall an hour that ends in the hour that comes twice has no length, or ends before it began.
    begins, ends = span.seconds()
    if ends <= begins:
        raise BadRequest(f"{fields[1]}: must be after {fields[0]}", field=fields[1])
    if ends - begins > LONGEST.total_seconds():
        raise BadRequest(f"{fields[1]}: more than a year after {fields[0]}", field=fields[1])
    return span
