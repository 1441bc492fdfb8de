"""Arithmetic on a series: where it is split, what is left of its count, what moves with it. No request is made here.

Google keeps a series as the times of its first event and ``recurrence`` lines (RFC 5545) that are local to the event's zone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from mcp_servers.shared.errors import BadRequest

INSTANCE = re.compile(r"^(?P<series>.+)_(?P<stamp>\d{8}(T\d{6}Z)?)$")
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_COUNTED = 100_000
MOST_LINES = 50

Moment = datetime | date


@dataclass(frozen=True)
class Instance:
    """One event of a series, by its original beginning."""

    series: str
    original: Moment


@dataclass(frozen=True)
class Split:
    """A series cut in two: the lines of both parts."""

    before: list[str]
    after: list[str]
    is_whole: bool
    """True when nothing of the series comes before the cut."""


def read_instance_id(event_id: str, zone: ZoneInfo) -> Instance | None:
    """The series and the original beginning that an instance's id names; None for any other id."""
    found = INSTANCE.match(event_id)
    if found is None:
        return None
    stamp = found["stamp"]
    try:
        if "T" not in stamp:
            return Instance(found["series"], date.fromisoformat(stamp))
        instant = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return Instance(found["series"], instant.astimezone(zone))
    except (ValueError, OverflowError):
        # Digits that are no time: somebody's own id.
        return None


def check_lines(lines: Sequence[str], start: Moment) -> None:
    """Refuse what Google would refuse, or read otherwise than meant.

    Raises:
        BadRequest: not exactly one RRULE, an unknown line, or a rule that makes no sense.
    """
    if len(lines) > MOST_LINES or sum(_name(line) == "RRULE" for line in lines) != 1:
        raise _wrong("give one RRULE line, and EXDATE or RDATE lines if needed")
    for line in lines:
        if _name(line) not in {"RRULE", "EXDATE", "RDATE"} or ":" not in line:
            raise _wrong("lines begin with RRULE:, EXDATE or RDATE")
    rule = _rule(lines)
    if "UNTIL" in rule and "COUNT" in rule:
        raise _wrong("a rule has UNTIL or COUNT, not both")
    if "UNTIL" in rule and ("T" in rule["UNTIL"]) == (not isinstance(start, datetime)):
        raise _wrong("UNTIL is a date for all-day events, else a UTC time such as 20261231T225959Z")
    try:
        next(iter(_occurrences(rule, start)), None)
    except (ValueError, TypeError):
        raise _wrong("the RRULE cannot be read, an example is RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=10") from None


def split(lines: Sequence[str], start: Moment, at: Moment, zone: ZoneInfo) -> Split:
    """Cut a series before one of its events.

    Args:
        lines: the recurrence.
        start: the beginning of the series.
        at: the original beginning of the first event of the second part.
        zone: the series's own, which its rule is local to.

    Raises:
        BadRequest: ``at`` is no event of the series, or its rule is too long to count.
    """
    rule = _rule(lines)
    passed = _count_before(rule, start, at, zone)
    before, after = dict(rule), dict(rule)
    before.pop("COUNT", None)
    before["UNTIL"] = _until_before(at)
    if "COUNT" in rule:
        after["COUNT"] = str(int(rule["COUNT"]) - passed)
    earlier, later = _divided(lines, at, zone)
    return Split([_line(before), *earlier], [_line(after), *later], is_whole=passed == 0 and not earlier)


def moved(lines: Sequence[str], old: Moment, new: Moment, zone: ZoneInfo) -> list[str]:
    """The lines of a series whose events all begin otherwise: excluded and added days, weekdays and the end move along.

    Args:
        lines: the recurrence.
        old: where an event began.
        new: where it begins now, of the same kind.
        zone: the series's own.

    Raises:
        BadRequest: the rule names days in a way that cannot be moved; the caller gives a new ``recurrence``.
    """
    rule = _rule(lines)
    days = (_day(new) - _day(old)).days
    shift = _wall(new, zone) - _wall(old, zone)
    if days:
        rule = _moved_days(rule, old, days)
    if "UNTIL" in rule:
        rule = {**rule, "UNTIL": _moved_stamp(rule["UNTIL"], shift, zone)}
    return [_line(rule), *(_moved_line(line, shift, zone) for line in lines if _name(line) != "RRULE")]


def shifted(moment: Moment, old: Moment, new: Moment, zone: ZoneInfo) -> Moment:
    """Where another event of the series goes when one goes from ``old`` to ``new``, by the clock on the wall."""
    if not isinstance(moment, datetime):
        return moment + (_day(new) - _day(old))
    wall = _wall(moment, zone) + (_wall(new, zone) - _wall(old, zone))
    return wall.replace(tzinfo=zone)


def _count_before(rule: dict[str, str], start: Moment, at: Moment, zone: ZoneInfo) -> int:
    wanted = _wall(at, zone)
    for passed, occurrence in enumerate(_occurrences(rule, start, zone)):
        if occurrence == wanted:
            return passed
        if occurrence > wanted or passed > MOST_COUNTED:
            break
    raise BadRequest("event_id: that is no event of the series's rule; give one that is listed", field="event_id")


def _occurrences(rule: dict[str, str], start: Moment, zone: ZoneInfo | None = None) -> Iterable[datetime]:
    """Beginnings by the clock on the wall. EXDATE is not looked at: an excluded event still counts for COUNT."""
    bounded = {key: value for key, value in rule.items() if key != "UNTIL"}
    first = _wall(start, zone) if zone else _wall(start, ZoneInfo("UTC"))
    return rrulestr(_line(bounded), dtstart=first)


def _divided(lines: Sequence[str], at: Moment, zone: ZoneInfo) -> tuple[list[str], list[str]]:
    """EXDATE and RDATE lines before a moment, and from it on."""
    earlier: list[str] = []
    later: list[str] = []
    for line in lines:
        if _name(line) == "RRULE":
            continue
        head, _, values = line.partition(":")
        stamps = values.split(",")
        for part, kept in (
            (earlier, [s for s in stamps if _read_stamp(s, zone) < _wall(at, zone)]),
            (later, [s for s in stamps if _read_stamp(s, zone) >= _wall(at, zone)]),
        ):
            if kept:
                part.append(f"{head}:{','.join(kept)}")
    return earlier, later


def _moved_days(rule: dict[str, str], old: Moment, days: int) -> dict[str, str]:
    if "BYMONTH" in rule or "BYSETPOS" in rule or "BYYEARDAY" in rule or "BYWEEKNO" in rule:
        raise _unmovable()
    if "BYMONTHDAY" in rule:
        day = _day(old) + timedelta(days=days)
        if rule["BYMONTHDAY"] != str(_day(old).day) or day.month != _day(old).month:
            raise _unmovable()
        return {**rule, "BYMONTHDAY": str(day.day)}
    if "BYDAY" not in rule:
        return rule
    names = rule["BYDAY"].split(",")
    if any(name not in DAYS for name in names):
        raise _unmovable()
    return {**rule, "BYDAY": ",".join(DAYS[(DAYS.index(name) + days) % 7] for name in names)}


def _moved_line(line: str, shift: timedelta, zone: ZoneInfo) -> str:
    head, _, values = line.partition(":")
    return f"{head}:{','.join(_moved_stamp(stamp, shift, zone) for stamp in values.split(','))}"


def _moved_stamp(stamp: str, shift: timedelta, zone: ZoneInfo) -> str:
    wall = _read_stamp(stamp, zone) + shift
    if "T" not in stamp:
        return f"{wall:%Y%m%d}"
    if stamp.endswith("Z"):
        return f"{wall.replace(tzinfo=zone).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{wall:%Y%m%dT%H%M%S}"


def _read_stamp(stamp: str, zone: ZoneInfo) -> datetime:
    """A stamp by the clock on the wall."""
    if "T" not in stamp:
        return datetime.strptime(stamp, "%Y%m%d")  # noqa: DTZ007 - a wall clock's time, on purpose
    if stamp.endswith("Z"):
        instant = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return instant.astimezone(zone).replace(tzinfo=None)
    return datetime.strptime(stamp, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - the same


def _until_before(at: Moment) -> str:
    """The last moment that does not reach ``at``, in the form that fits the series."""
    if not isinstance(at, datetime):
        return f"{at - timedelta(days=1):%Y%m%d}"
    return f"{at.astimezone(UTC) - timedelta(seconds=1):%Y%m%dT%H%M%SZ}"


def _wall(moment: Moment, zone: ZoneInfo) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(zone).replace(tzinfo=None)
    return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - a wall clock's time, on purpose


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _name(line: str) -> str:
    return re.split(r"[:;]", line, maxsplit=1)[0].upper()


def _rule(lines: Sequence[str]) -> dict[str, str]:
    rules = [line for line in lines if _name(line) == "RRULE"]
    if len(rules) != 1 or any(_name(line) == "EXRULE" for line in lines):
        raise BadRequest(
            "recurrence: this series has several rules; give the whole new recurrence with scope all",
            field="recurrence",
        )
    pairs = (part.partition("=") for part in rules[0].partition(":")[2].split(";") if part)
    return {name.strip().upper(): value.strip().upper() for name, _, value in pairs}


def _line(rule: dict[str, str]) -> str:
    return "RRULE:" + ";".join(f"{name}={value}" for name, value in rule.items())


def _wrong(fix: str) -> BadRequest:
    return BadRequest(f"recurrence: {fix}", field="recurrence")


def _unmovable() -> BadRequest:
    return BadRequest(
        "recurrence: the rule names its days in a way that does not move along; give the new recurrence",
        field="recurrence",
    )
