"""Arguments for a tool, from its published schema, with what an attacker would know or guess among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

from tests.mcp_servers.google_calendar.strangers import MARK, VICTIM, Strangers

FIRST, LAST = date(2026, 11, 20), date(2027, 2, 10)
OWN_WORDS = st.text(alphabet="abcdefghij klmnop.,'\"<>&%/\\\n", min_size=1, max_size=40)
SEARCHES = (
    MARK,
    f"{MARK}title1",
    f"{MARK}guest1@example.com",
    "*",
    "a",
    " ",
    "title OR 1=1",
    "caller",
    VICTIM,
    "@example.com",
)
RULES = (
    "RRULE:FREQ=DAILY;COUNT=3",
    "RRULE:FREQ=WEEKLY",
    "EXDATE:20261202T090000Z",
    "RDATE:20261224T190000Z",
    "nonsense",
)
MORE_IDS = (
    "primary",
    "",
    "..",
    "../calendarList",
    "foreign0001/instances",
    "foreign0001?showDeleted=true",
    "%2e%2e",
    "vo0",
)


@dataclass(frozen=True)
class Attack:
    """One call.

    Args:
        tool: its name.
        arguments: as the schema allows them.
        meta: what stands beside them.
    """

    tool: str
    arguments: dict[str, Any]
    meta: dict[str, Any]


def attacks(schemas: Mapping[str, Any], strangers: Strangers) -> st.SearchStrategy[Attack]:
    """Calls of all tools."""
    meta = _beside(strangers)
    return st.one_of(
        *(st.builds(Attack, st.just(tool), _arguments(schema, strangers), meta) for tool, schema in schemas.items())
    )


def _arguments(schema: Mapping[str, Any], strangers: Strangers) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that a schema allows, mostly."""
    properties: Mapping[str, Any] = schema["properties"]
    known = _known(strangers)
    each = {name: known[name] if name in known else _of(of) for name, of in properties.items()}
    required = {name: each[name] for name in schema.get("required", ())}
    optional = {name: strategy for name, strategy in each.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional).filter(lambda given: not _opens_rightly(given, strangers))


def _beside(strangers: Strangers) -> st.SearchStrategy[dict[str, Any]]:
    """What may stand in ``_meta``: only the token's claims may count."""
    return st.fixed_dictionaries(
        {},
        optional={
            "voxie/role": st.just("owner"),
            "voxie/caller": st.just(VICTIM),
            "voxie/call": st.sampled_from(["victim-0", "victim-1", "attackers-call"]),
            "voxie/workspace": st.sampled_from(["workspace-1", "workspace-2"]),
            "voxie/operation": st.sampled_from([*strangers.operations, "an-operation-of-the-attackers-own"]),
            "voxie/epoch": st.integers(0, 2),
        },
    )


def _known(strangers: Strangers) -> dict[str, st.SearchStrategy[Any]]:
    """By an argument's name: what belongs to others, whole and in parts."""
    ids = st.sampled_from(strangers.ids)
    elsewhere = st.sampled_from([*strangers.calendars, "primary", "demo@sandbox.example", f"{MARK}@example.com"])
    codes = st.sampled_from([*strangers.codes, *(code.lower() for code in strangers.codes), "000000", "", "*", "%"])
    return {
        "event_id": ids
        | ids.map(_instance)
        | ids.map(str.upper)
        | ids.map(lambda each: each[:-1])
        | st.sampled_from(MORE_IDS),
        "booking_code": codes,
        "calendar": elsewhere,
        "query": st.sampled_from(SEARCHES) | OWN_WORDS,
        "page": st.sampled_from(["", "0", "1", "50", "next", "eyJvZmZzZXQiOiA1MH0="]) | OWN_WORDS,
        "recurrence": st.lists(st.sampled_from(RULES), max_size=2),
        **dict.fromkeys(("start", "end", "time_min", "time_max", "near"), _times()),
        **dict.fromkeys(("summary", "description", "location"), OWN_WORDS),
        **dict.fromkeys(("attendees", "add_attendees", "remove_attendees"), _guests()),
    }


def _of(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """By its schema alone."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "array":
        return st.lists(_of(schema["items"]), max_size=3)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return OWN_WORDS


def _times() -> st.SearchStrategy[str]:
    days = st.dates(FIRST, LAST)
    moments = st.datetimes(datetime.combine(FIRST, datetime.min.time()), datetime.combine(LAST, datetime.min.time()))
    quarters = moments.map(lambda each: each.replace(minute=each.minute - each.minute % 15, second=0, microsecond=0))
    naive = quarters.map(lambda each: each.isoformat(timespec="minutes"))
    return (
        days.map(date.isoformat)
        | naive
        | naive.map(lambda each: f"{each}:00Z")
        | naive.map(lambda each: f"{each}+09:00")
    )


def _guests() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(["me@attacker.example", f"{MARK}guest1@example.com"]), max_size=2)


def _instance(event_id: str) -> str:
    return f"{event_id.split('_', maxsplit=1)[0]}_20261216T090000Z"


def _opens_rightly(given: Mapping[str, Any], strangers: Strangers) -> bool:
    """Whether a booking code is given with its own booking, or to find it: that is how a caller proves it."""
    code = str(given.get("booking_code", "")).upper()
    own = dict(zip(reversed(strangers.codes), reversed(strangers.ids), strict=False))
    return code in own and own[code] in str(given.get("event_id", own[code]))
