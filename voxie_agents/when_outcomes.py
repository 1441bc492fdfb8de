"""What words about a time come to, and what they are understood against."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from contracts.hours import OpeningHours
from voxie_agents.when_doubts import ASKS, Reason


@dataclass(frozen=True)
class Resolved:
    """One instant, aware, in the business's zone."""

    start: datetime


@dataclass(frozen=True)
class Span:
    """From ``start`` up to, not including, ``end``, aware, in the business's zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Partial:
    """Only a day, or only a time of day; the question asks for the rest."""

    question: str
    day: date | None = None
    clock: time | None = None


@dataclass(frozen=True)
class Ambiguous:
    """Several instants are meant by some; the question names them."""

    question: str
    choices: tuple[datetime, ...]


@dataclass(frozen=True)
class NotUnderstood:
    """No instant; the question asks again."""

    question: str
    reason: Reason


Outcome = Resolved | Partial | Ambiguous | NotUnderstood


@dataclass(frozen=True)
class Setting:
    """What words are understood against.

    Args:
        now: aware.
        zone: the business's.
        hours: choose between 7 in the morning and 7 in the evening; None when the business keeps none.
        duration: how long what is asked for takes; it must fit before closing for the hours to choose it.
        day: a day that was agreed before.
        clock: a time of day that was agreed before.
    """

    now: datetime
    zone: ZoneInfo
    hours: OpeningHours | None = None
    duration: timedelta = timedelta(0)
    day: date | None = None
    clock: time | None = None

    @property
    def local_now(self) -> datetime:
        """Wall-clock time at the business, naive."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)


def not_understood(reason: Reason) -> NotUnderstood:
    """No instant, with the question that the reason has."""
    return NotUnderstood(ASKS[reason], reason)
