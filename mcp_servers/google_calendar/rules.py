"""When callers may book: opening hours, minimum notice, and the time that stays free after each booking."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.hours import OpeningHours, OpenPeriod
from mcp_servers.google_calendar.times import Span
from mcp_servers.shared.errors import BadRequest, Unavailable

SendUpdates = Literal["all", "externalOnly", "none"]
Window = tuple[datetime, datetime]


class Rules(BaseModel):
    """The settings of a connection. What is not set for it is as the server's own settings say."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    calendar_id: Annotated[str, Field(min_length=1, max_length=254)]
    """The calendar to work on."""
    capacity: Annotated[int, Field(ge=1, le=1000)]
    """How many bookings may overlap, such as the tables of a restaurant."""
    hours: OpeningHours | None
    """When callers may book, local to the calendar's zone; always when unset."""
    buffer_minutes: Annotated[int, Field(ge=0, le=1440)]
    """Minutes that stay free after whatever is in the calendar."""
    notice_minutes: Annotated[int, Field(ge=0, le=525_600)]
    """How long before its beginning a caller may still book."""
    send_updates: SendUpdates
    """Whom Google tells of a write that does not say it."""

    def set_to(self, settings: Mapping[str, Any]) -> "Rules":
        """With what the owner of a connection set instead.

        Raises:
            Unavailable: a value cannot be; nothing is guessed in its place.
        """
        if not settings:
            return self
        try:
            return Rules.model_validate({**self.model_dump(), **settings})
        except ValidationError as error:
            wrong = sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
            raise Unavailable(
                f"the connection's settings are wrong ({', '.join(wrong)}): the owner must set them anew"
            ) from None

    @property
    def buffer(self) -> timedelta:
        """The free time after each booking."""
        return timedelta(minutes=self.buffer_minutes)

    def check(self, span: Span, now: float) -> None:
        """Refuse a time that callers may not have.

        Raises:
            BadRequest: it is past, too soon, or outside opening hours.
        """
        # In UTC, since two times of one zone are compared by what the clock shows, in the hour that comes twice too.
        start, end = (moment.astimezone(UTC) for moment in span.instants())
        if start.timestamp() < now:
            raise BadRequest(
                "start: is in the past", field="start", speech="That time has already passed. When else would suit you?"
            )
        if start.timestamp() < now + self.notice_minutes * 60:
            raise BadRequest(
                f"start: must be at least {self.notice_minutes} minutes from now",
                field="start",
                speech="That's too soon for us. When else would suit you?",
            )
        if not any(opens <= start and end <= closes for opens, closes in self.open_within((start, end), span.zone)):
            raise BadRequest(
                "start: outside the hours in which callers may book",
                field="start",
                speech="We're closed then. When else would suit you?",
            )

    def open_within(self, window: Window, zone: ZoneInfo) -> list[Window]:
        """The stretches of opening that touch a window, whole, in order; the window itself when there are no hours."""
        if self.hours is None:
            return [window]
        day, last = window[0].astimezone(zone).date() - timedelta(days=1), window[1].astimezone(zone).date()
        found: list[Window] = []
        while day <= last:
            for period in self.hours.on(day.weekday()):
                opens, closes = _on(datetime(day.year, day.month, day.day, tzinfo=zone), period)
                if opens < window[1] and closes > window[0]:
                    found.append((opens, closes))
            day += timedelta(days=1)
        return sorted(found)


def _on(midnight: datetime, period: OpenPeriod) -> Window:
    opens = midnight.replace(hour=period.opens.hour, minute=period.opens.minute)
    closes = midnight.replace(hour=period.closes.hour, minute=period.closes.minute)
    return opens, closes if period.closes > period.opens else closes + timedelta(days=1)
