"""Checks answers against Google's own discovery document, closed: a key that the document does not have is a mistake."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import googleapiclient.discovery_cache

LISTED = re.compile(r'^- "([A-Za-z0-9_]+)" - ', re.MULTILINE)
DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?(Z|[+-]\d{2}:\d{2})")
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "boolean": bool, "integer": int, "number": (int, float), "array": list, "object": dict,
}  # fmt: skip

EVENT = frozenset({
    "kind", "etag", "id", "status", "htmlLink", "created", "updated", "creator", "organizer", "start", "end", "iCalUID",
    "sequence", "reminders", "eventType",
})  # fmt: skip
LIST_ENTRY = frozenset({"kind", "etag", "id", "summary", "timeZone", "accessRole", "defaultReminders"})
CALENDAR = frozenset({"kind", "etag", "id", "summary", "timeZone"})
EVENT_PAGE = frozenset({"kind", "etag", "summary", "updated", "timeZone", "accessRole", "defaultReminders", "items"})
ALWAYS_PRESENT: Mapping[str, frozenset[str]] = {
    "calendarList.list": frozenset({"kind", "etag", "items"}),
    "calendarList.get": LIST_ENTRY,
    "calendarList.patch": LIST_ENTRY,
    "calendarList.update": LIST_ENTRY,
    "calendars.get": CALENDAR,
    "calendars.insert": CALENDAR,
    "calendars.patch": CALENDAR,
    "calendars.update": CALENDAR,
    "colors.get": frozenset({"kind", "updated", "calendar", "event"}),
    "settings.list": frozenset({"kind", "etag", "items"}),
    "settings.get": frozenset({"kind", "etag", "id", "value"}),
    "freebusy.query": frozenset({"kind", "timeMin", "timeMax", "calendars"}),
    "events.list": EVENT_PAGE,
    "events.instances": EVENT_PAGE,
    "events.get": EVENT,
    "events.insert": EVENT,
    "events.move": EVENT,
    "events.patch": EVENT,
    "events.update": EVENT,
}
"""The bare schemas require nothing, so this is kept by hand, from the facts about Google's answers."""


@functools.cache
def document() -> dict[str, Any]:
    path = Path(googleapiclient.discovery_cache.__file__).parent / "documents" / "calendar.v3.json"
    return json.loads(path.read_text())


def definition(method: str) -> dict[str, Any]:
    """A method, such as ``events.list``."""
    resource, action = method.split(".")
    return document()["resources"][resource]["methods"][action]


def problems(method: str, answer: Any) -> list[str]:
    """What is wrong with a method's answer; nothing when all is well."""
    shape = {"$ref": definition(method)["response"]["$ref"]}
    missing = [f"{method}: {key} is missing" for key in sorted(ALWAYS_PRESENT[method] - set(answer))]
    items = answer.get("items", ()) if method in {"events.list", "events.instances"} else ()
    for item in items:
        # A cancelled instance of a living series is a tombstone; all else is whole.
        needed = {"id", "status", "etag", "kind"} if item.get("status") == "cancelled" else EVENT
        missing += [f"{method}: an item without {key}" for key in sorted(needed - set(item))]
    return [*missing, *_problems(answer, shape, "$")]


def _problems(value: Any, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    if "$ref" in shape:
        shape = {"type": "object", **document()["schemas"][shape["$ref"]]}
    kind = shape.get("type", "any")
    if kind != "any" and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        yield f"{path}: {value!r} is no {kind}"
        return
    if kind == "array":
        for index, item in enumerate(value):
            yield from _problems(item, shape["items"], f"{path}[{index}]")
    elif kind == "object":
        yield from _object_problems(value, shape, path)
    else:
        yield from _scalar_problems(value, shape, path)


def _object_problems(value: Mapping[str, Any], shape: Mapping[str, Any], path: str) -> Iterator[str]:
    known = shape.get("properties", {})
    for key, item in value.items():
        if key in known:
            yield from _problems(item, known[key], f"{path}.{key}")
        elif "additionalProperties" in shape:
            yield from _problems(item, shape["additionalProperties"], f"{path}.{key}")
        else:
            yield f"{path}.{key}: Google's document has no such field"


def _scalar_problems(value: Any, shape: Mapping[str, Any], path: str) -> Iterator[str]:
    if not _has_format(value, shape.get("format")):
        yield f"{path}: {value!r} is no {shape['format']}"
    if path.endswith(".kind") and "default" in shape and value != shape["default"]:
        yield f"{path}: {value!r} instead of {shape['default']!r}"
    description = shape.get("description", "")
    allowed = LISTED.findall(description) if "ossible values are:" in description else []
    if allowed and value not in allowed:
        yield f"{path}: {value!r} is none of {allowed}"


def _has_format(value: Any, wanted: str | None) -> bool:
    try:
        if wanted == "date-time":
            return bool(DATE_TIME.fullmatch(value)) and datetime.fromisoformat(value).tzinfo is not None
        if wanted == "date":
            return len(value) == 10 and bool(date.fromisoformat(value))
    except ValueError:
        return False
    return wanted != "int32" or -(2**31) <= value < 2**31


def error_problems(status: int, body: Any) -> list[str]:
    """What is wrong with the JSON of an error."""
    error = body.get("error", {})
    found = [] if set(error) == {"errors", "code", "message"} else [f"keys {sorted(error)}"]
    found += [] if error.get("code") == status else [f"code {error.get('code')} in a {status}"]
    for detail in error.get("errors", [{}]):
        if (
            not {"domain", "reason", "message"}
            <= set(detail)
            <= {"domain", "reason", "message", "location", "locationType"}
        ):
            found.append(f"detail {sorted(detail)}")
    return found
