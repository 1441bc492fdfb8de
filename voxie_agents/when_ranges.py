"""Stretches of time in a caller's words, for looking things up."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from voxie_agents.when import resolve
from voxie_agents.when_doubts import Reason
from voxie_agents.when_engine import engine
from voxie_agents.when_outcomes import NotUnderstood, Partial, Resolved, Setting, Span
from voxie_agents.when_words import normalised


def resolve_range(words: str, setting: Setting) -> Span | NotUnderstood:
    """Find the stretch of time that words mean, for questions such as "what do I have this week?".

    Args:
        words: as the caller said them.
        setting: now, zone and hours.

    Returns:
        A start and an end in the business's zone, or a question.
    """
    outcome = resolve(words, setting)
    if isinstance(outcome, Resolved):
        # Time that passes: by the clock on the wall it may end before it began when the clocks go back.
        after = outcome.start.astimezone(UTC) + max(setting.duration, timedelta(minutes=1))
        return Span(outcome.start, after.astimezone(setting.zone))
    if isinstance(outcome, Partial) and outcome.day is not None:
        return _whole_days(outcome.day, outcome.day + timedelta(days=1), setting.zone)
    found = engine().find(normalised(words), setting.local_now, bare_numbers=False)
    if len(found) == 1 and found[0].grain in {"day", "week", "month"}:
        start = found[0].values[0].date()
        return _whole_days(start, _grain_end(start, found[0].grain), setting.zone)
    return NotUnderstood("For which days?", Reason.NOTHING_FOUND)


def _grain_end(start: date, grain: str) -> date:
    if grain == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if grain == "week" else 1)


def _whole_days(first: date, after: date, zone: ZoneInfo) -> Span:
    return Span(datetime.combine(first, time(), zone), datetime.combine(after, time(), zone))
