"""Time that tests move."""

from datetime import UTC, datetime, timedelta

MONDAY_MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved.

    Args:
        at: where it begins; aware.
    """

    def __init__(self, at: datetime = MONDAY_MORNING) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def seconds(self) -> float:
        return self._at.timestamp()

    def advance(self, **by: float) -> None:
        self._at += timedelta(**by)
