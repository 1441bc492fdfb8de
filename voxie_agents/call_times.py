"""What was said about times during one call: words become instants, and only instants that came from here pass as such."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.hours import OpeningHours
from contracts.results import ErrorKind, ToolFailure
from voxie_agents.when import is_open, resolve, spoken
from voxie_agents.when_doubts import Reason
from voxie_agents.when_outcomes import Ambiguous, NotUnderstood, Outcome, Partial, Resolved, Setting, Span
from voxie_agents.when_ranges import resolve_range
from voxie_agents.when_words import looks_like_iso

ZONE_UNKNOWN = "I can't reach the booking system at the moment, so I can't look at times now."


class TimeQuestion(Exception):
    """Words that need a question first.

    Args:
        failure: with the question as its speech.
        choices: the instants it names, if any.
    """

    def __init__(self, failure: ToolFailure, choices: tuple[datetime, ...] = ()) -> None:
        super().__init__(failure.error)
        self.failure = failure
        self.choices = choices


class CallTimes:
    """One call's times.

    Args:
        now: the current instant, aware.
        hours: when the business is open.
        duration: how long a booking takes.
        zone: the business's; None until an integration tells it.
    """

    def __init__(
        self, *, now: Callable[[], datetime], hours: OpeningHours | None, duration: timedelta, zone: ZoneInfo | None
    ) -> None:
        self._now = now
        self._hours = hours
        self._duration = duration
        self.zone = zone
        self._day: date | None = None
        self._clock: time | None = None
        self._produced: set[datetime] = set()

    def learn_zone(self, name: object) -> None:
        """Take the zone that an integration's answer names, unless the business has its own."""
        if self.zone is not None or not isinstance(name, str):
            return
        try:
            self.zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return

    def span(self, words: str) -> Span:
        """The span of a booking that begins when a caller's words say.

        Args:
            words: the caller's, or an instant that was produced in this call.

        Raises:
            TimeQuestion: a question must be asked first.
        """
        start = self._produced_instant(words) or self._resolved(words)
        # Time that passes, not time on the wall: a booking over a change of the clocks takes as long as any.
        return Span(start, (start.astimezone(UTC) + self._duration).astimezone(start.tzinfo))

    def range(self, words: str) -> Span:
        """The stretch of time that a caller's words mean, for looking things up.

        Raises:
            TimeQuestion: a question must be asked first.
        """
        outcome = resolve_range(words, self._setting())
        if isinstance(outcome, NotUnderstood):
            raise _question(outcome.question, outcome.reason.value)
        return outcome

    def opening(self, moment: datetime) -> Span | None:
        """The period of opening that holds an instant, or is next on its day; None on a closed day."""
        setting = self._setting()
        if self._hours is None:
            start = datetime.combine(moment.date(), time(), setting.zone)
            return Span(start, start + timedelta(days=1))
        midnight = datetime.combine(moment.date(), time(), setting.zone)
        periods = [p for day in (midnight - timedelta(days=1), midnight) for p in self._periods(day)]
        return next((period for period in periods if moment < period.end and period.end > midnight), None)

    def _periods(self, midnight: datetime) -> list[Span]:
        """When the business opens on a day; the last closing may be on the day after it."""
        assert self._hours is not None
        spans: list[Span] = []
        for period in self._hours.on(midnight.weekday()):
            opens = datetime.combine(midnight.date(), period.opens, midnight.tzinfo)
            closes = datetime.combine(midnight.date(), period.closes, midnight.tzinfo)
            spans.append(Span(opens, closes + timedelta(days=closes <= opens)))
        return spans

    def is_open(self, span: Span) -> bool:
        """Whether the business is open for all of a booking."""
        return is_open(span.start, self._setting())

    def spoken(self, moment: datetime) -> str:
        """An instant for reading back."""
        return spoken(moment, now=self._now(), zone=self._setting().zone)

    def produce(self, moment: datetime) -> str:
        """Let an instant that code found be used in this call.

        Returns:
            It in ISO 8601.
        """
        # Kept in UTC: a time that comes twice when the clocks go back equals nothing in another zone.
        self._produced.add(moment.astimezone(UTC))
        return moment.astimezone(self._setting().zone).isoformat()

    def _produced_instant(self, words: str) -> datetime | None:
        """An instant that is given back to us. One that a model made up is not among those produced here."""
        if not looks_like_iso(words):
            return None
        try:
            moment = datetime.fromisoformat(words)
        except ValueError:
            return None
        if moment.tzinfo is None or moment.astimezone(UTC) not in self._produced:
            return None
        return self._agree(moment.astimezone(self._setting().zone))

    def _resolved(self, words: str) -> datetime:
        outcome = resolve(words, self._setting())
        self._remember(outcome)
        match outcome:
            case Resolved():
                self.produce(outcome.start)
                return self._agree(outcome.start)
            case Ambiguous():
                for choice in outcome.choices:
                    self.produce(choice)
                raise _question(outcome.question, "ambiguous", outcome.choices)
            case Partial():
                raise _question(outcome.question, "incomplete")
            case NotUnderstood(reason=Reason.ISO):
                raise _question(
                    outcome.question, "give the caller's own words; an instant that you computed is not taken"
                )
            case NotUnderstood():
                raise _question(outcome.question, outcome.reason.value)

    def _remember(self, outcome: Outcome) -> None:
        if isinstance(outcome, Partial):
            self._day = outcome.day or self._day
            self._clock = outcome.clock or self._clock
        elif isinstance(outcome, Ambiguous):
            days = {choice.date() for choice in outcome.choices}
            clocks = {choice.time() for choice in outcome.choices}
            self._day = days.pop() if len(days) == 1 else self._day
            self._clock = clocks.pop() if len(clocks) == 1 else self._clock

    def _agree(self, moment: datetime) -> datetime:
        self._day, self._clock = moment.date(), moment.time()
        return moment

    def _setting(self) -> Setting:
        if self.zone is None:
            failure = ToolFailure(
                kind=ErrorKind.UNAVAILABLE, error="the business's zone is not known yet", speech=ZONE_UNKNOWN
            )
            raise TimeQuestion(failure)
        return Setting(
            now=self._now(),
            zone=self.zone,
            hours=self._hours,
            duration=self._duration,
            day=self._day,
            clock=self._clock,
        )


def _question(speech: str, error: str, choices: tuple[datetime, ...] = ()) -> TimeQuestion:
    return TimeQuestion(
        ToolFailure(kind=ErrorKind.BAD_REQUEST, field="when", error=f"when: {error}", speech=speech), choices
    )
