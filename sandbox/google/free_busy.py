"""Busy spans, computed from events."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.google.times import read_time


def busy_spans(
    events: Iterable[Mapping[str, Any]], start: datetime, end: datetime, zone: ZoneInfo
) -> list[tuple[datetime, datetime]]:
    """Where a calendar is busy within a span: merged, clipped, in order.

    Args:
        events: of the calendar.
        start: aware.
        end: aware.
        zone: the calendar's, for all-day events.
    """
    spans = sorted(
        (max(start, read_time(event["start"], "start", zone)[0]), min(end, read_time(event["end"], "end", zone)[0]))
        for event in events
        if _blocks(event)
    )
    merged: list[tuple[datetime, datetime]] = []
    for first, last in spans:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        elif first < last:
            merged.append((first, last))
    return merged


def _blocks(event: Mapping[str, Any]) -> bool:
    declined = any(g.get("self") and g.get("responseStatus") == "declined" for g in event.get("attendees", ()))
    return event["status"] != "cancelled" and event.get("transparency") != "transparent" and not declined
