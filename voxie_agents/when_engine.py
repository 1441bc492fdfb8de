"""Finds times in words: Duckling, and a smaller reader of digits where Duckling has no wheel.

Both work on wall-clock time without a zone, so that no change of the clocks can shift what was said.
"""

import importlib
import re
import signal
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

SYSTEM_ZONES = Path("/usr/share/zoneinfo")
CLOCK_GRAINS = {"hour", "minute", "second"}


@dataclass(frozen=True)
class Found:
    """One expression of time in a text."""

    start: int
    end: int
    body: str
    values: tuple[datetime, ...]
    """What it may mean, as wall-clock time; more than one when morning or evening, or which week, is open."""
    grain: str
    """``hour``, ``minute``, ``day``, ``week`` …"""
    until: datetime | None = None
    """The end, when it is a stretch of time such as an evening."""
    interval: bool = False

    @property
    def is_clock(self) -> bool:
        """Whether it names a time of day, rather than a day or a stretch."""
        return self.grain in CLOCK_GRAINS and not self.interval


class Engine(Protocol):
    """Finds times in words."""

    name: str

    def find(self, text: str, now: datetime, *, bare_numbers: bool) -> list[Found]:
        """The expressions of time in a text.

        Args:
            text: in English.
            now: wall-clock time, naive.
            bare_numbers: take ``7`` alone as a time of day.
        """
        ...


class DucklingEngine:
    """Duckling, loaded at first use: a process that is forked after that would crash."""

    name = "duckling"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Imported by name, since the package has no types and no wheel on some machines.
        with _own_interrupt():
            self._duckling: Any = importlib.import_module("duckling")
        bundled = Path(str(files("tzdata"))) / "zoneinfo"
        self._zones: Any = self._duckling.load_time_zones(str(SYSTEM_ZONES if SYSTEM_ZONES.is_dir() else bundled))
        self._locale: Any = self._duckling.default_locale_lang(self._duckling.parse_lang("EN"))
        self._dimensions: Any = self._duckling.parse_dimensions(["time"])

    def find(self, text: str, now: datetime, *, bare_numbers: bool) -> list[Found]:
        """The expressions of time in a text."""
        # Wall-clock time is passed as if it were UTC, where no clock ever changes.
        epoch = int((now - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001
        found: list[Found] = []
        with self._lock:
            reference = self._duckling.parse_ref_time(self._zones, "Etc/UTC", epoch)
            context = self._duckling.Context(reference, self._locale)
            for start, piece in _pieces(_speakable(text)):
                raw = self._duckling.parse(piece, context, self._dimensions, bare_numbers)
                found += [_found(item, start) for item in raw if item["body"] not in _NO_TIMES]
        return _longest(found)


@contextmanager
def _own_interrupt() -> Generator[None]:
    """Keep Ctrl-C: Haskell's runtime, which Duckling brings, takes it at its start and would answer to it with nothing."""
    ours = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, ours)


_NO_TIMES = {"boss", "boy", "bom", "eom", "atm"}
"""Duckling takes them for Boss's Day, and for the beginning of the year and the month; people hardly ever mean that."""


MOST_TIME_WORDS, MOST_REPEATS = 8, 3
"""Duckling takes exponentially long over repeated days and times: 5 ms for what people say, 20 s for "tomorrow at seven" five
times over. More than this in one breath is no appointment."""
_TIME_WORD = re.compile(
    r"\b(?:\d\w*|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:jan|febr)uary|march|april|may|june|july|august|(?:sept|nov|dec)ember"
    r"|october|to(?:day|morrow|night)|yesterday|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thir|fif|twen|for)\w*"
    r"|first|second|\w+th|half|quarter|noon|mid\w+|now|next|last|this|after|before|past|from|until|every|[ap]m|mon|tues?|wed|thurs?"
    r"|fri|sat|sun|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
    r"|(?:second|minute|hour|day|night|week|weekend|month|quarter|year)s?|morning|afternoon|evening|lunch|dinner|later|ago|in)\b"
)


def _pieces(text: str) -> list[tuple[int, str]]:
    """The text, or its clauses when it holds more times than one question answers; with their places in it."""
    lowered = text.lower()
    if _is_one_breath(lowered):
        return [(0, lowered)]
    clauses = [(match.start(), match[0]) for match in re.finditer(r"[^,.;!?]+", lowered)]
    return [(start, clause) for start, clause in clauses if _is_one_breath(clause)]


def _is_one_breath(text: str) -> bool:
    counts = Counter(_TIME_WORD.findall(text))
    return counts.total() <= MOST_TIME_WORDS and max(counts.values(), default=0) <= MOST_REPEATS


def _speakable(text: str) -> str:
    """As long as the text, without what no one can say: Duckling panics at a NUL, and nothing would catch that."""
    return "".join(character if character.isprintable() else " " for character in text)


def _found(item: dict[str, Any], offset: int) -> Found:
    value = item["value"]
    alternatives = value.get("values") or [value]
    interval = value.get("type") == "interval"
    ends = value.get("to") if interval else None
    starts = [(v.get("from") or v.get("to") or v) for v in alternatives]
    grain = (
        (value.get("from") or value.get("to") or {}).get("grain", "hour") if interval else value.get("grain", "hour")
    )
    return Found(
        start=offset + item["start"],
        end=offset + item["end"],
        body=item["body"],
        values=tuple(_naive(v["value"]) for v in starts),
        grain=grain,
        until=_naive(ends["value"]) if ends else None,
        interval=interval,
    )


def _naive(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _longest(found: list[Found]) -> list[Found]:
    """Without those that lie within a longer one, in the order of the text."""
    kept: list[Found] = []
    for item in sorted(found, key=lambda f: (f.start - f.end, f.start)):
        if all(item.end <= other.start or item.start >= other.end for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda f: f.start)


_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAY = re.compile(
    rf"\b(?:(?P<word>today|tomorrow)|(?P<m1>{'|'.join(_MONTHS)}) (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m2>{'|'.join(_MONTHS)}))\b"
)
_CLOCK = re.compile(r"\b(?P<h>\d{1,2})(?::(?P<m>\d\d))?\s*(?P<half>am|pm)?\b")


class DigitsEngine:
    """Days as today, tomorrow or ``November 27``, and times in digits. For machines without Duckling."""

    name = "digits"

    def find(self, text: str, now: datetime, *, bare_numbers: bool) -> list[Found]:
        """The expressions of time in a text."""
        lowered = text.lower()
        days = [(m, self._day(m, now.date())) for m in _DAY.finditer(lowered)]
        found = [
            Found(m.start(), m.end(), m[0], (datetime.combine(day, time()),), "day")
            for m, day in days
            if day is not None
        ]
        rest = _DAY.sub(lambda m: " " * len(m[0]), lowered)
        for match in _CLOCK.finditer(rest):
            if match["m"] or match["half"] or bare_numbers or rest[: match.start()].rstrip().endswith("at"):
                times = self._times(match)
                values = tuple(datetime.combine(now.date(), t) for t in times)
                if values:
                    found.append(Found(match.start(), match.end(), match[0], values, "minute"))
        return sorted(found, key=lambda f: f.start)

    @staticmethod
    def _day(match: re.Match[str], today: date) -> date | None:
        if match["word"]:
            return today + timedelta(days=match["word"] == "tomorrow")
        month = _MONTHS.index(match["m1"] or match["m2"]) + 1
        for year in (today.year, today.year + 1):
            try:
                day = date(year, month, int(match["d1"] or match["d2"]))
            except ValueError:
                continue
            if day >= today:
                return day
        return None

    @staticmethod
    def _times(match: re.Match[str]) -> list[time]:
        hour, minute = int(match["h"]), int(match["m"] or 0)
        if hour > 23 or minute > 59:
            return []
        if match["half"]:
            return [time(hour % 12 + 12 * (match["half"] == "pm"), minute)] if 1 <= hour <= 12 else []
        if hour > 12 or hour == 0 or match["h"].startswith("0"):
            return [time(hour, minute)]
        return [time(hour % 12, minute), time(hour % 12 + 12, minute)]


@cache
def engine() -> Engine:
    """The engine of this process."""
    try:
        return DucklingEngine()
    except ImportError:
        return DigitsEngine()
