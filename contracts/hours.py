"""When a business is open, in its own local time."""

from datetime import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


LocalTime = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"})
]
"""A time of day in the business's zone. JSON Schema's own format would want an offset."""


class OpenPeriod(BaseModel):
    """One stretch of opening: from ``opens`` up to, not including, ``closes``; past midnight when ``closes`` is not later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opens: LocalTime
    closes: LocalTime


class OpeningHours(BaseModel):
    """The weekly opening hours, local to the business's zone. A weekday without periods is closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    week: Annotated[dict[Weekday, tuple[OpenPeriod, ...]], Field(default_factory=dict)]

    @model_validator(mode="after")
    def _fills_missing_days(self) -> "OpeningHours":
        object.__setattr__(self, "week", {day: self.week.get(day, ()) for day in WEEKDAYS})
        return self

    @classmethod
    def daily(cls, opens: str, closes: str) -> "OpeningHours":
        """The same hours every day; both as ``HH:MM``."""
        period = OpenPeriod(opens=time.fromisoformat(opens), closes=time.fromisoformat(closes))
        return cls(week=dict.fromkeys(WEEKDAYS, (period,)))

    def on(self, weekday: int) -> tuple[OpenPeriod, ...]:
        """The periods of a weekday, Monday being 0 as in ``date.weekday()``."""
        return self.week[WEEKDAYS[weekday]]
