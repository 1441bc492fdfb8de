"""Calendars, the list of them, and settings."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.google.errors import GoogleError, not_found, required
from sandbox.google.requests import Asked
from sandbox.google.store import Rows, Store
from sandbox.google.times import zone_named
from sandbox.part import SandboxContext

DEFAULT_REMINDERS = [{"method": "popup", "minutes": 30}]
CALENDAR_FIELDS = ("summary", "description", "location", "timeZone")
LIST_FIELDS = (
    "summaryOverride",
    "colorId",
    "backgroundColor",
    "foregroundColor",
    "hidden",
    "selected",
    "defaultReminders",
)
PAGE_DEFAULT, PAGE_MOST = 100, 250


class CalendarsApi:
    """The methods.

    Args:
        store: where calendars are.
        context: clock and zone.
    """

    def __init__(self, store: Store, context: SandboxContext) -> None:
        self._store = store
        self._context = context

    async def create_account(self, account: str) -> None:
        """An account's ``primary``, empty, where it is missing."""
        async with self._store.transaction() as rows:
            if await rows.calendar(account) is None:
                data = {"id": account, "summary": account, "timeZone": self._context.zone.key}
                await rows.put_calendar(data, owner=account)

    async def accounts(self) -> list[str]:
        """The accounts that there are, by their e-mail addresses."""
        async with self._store.transaction() as rows:
            return await rows.owners()

    async def list_entries(self, asked: Asked) -> dict[str, Any]:
        """``calendarList.list``."""
        async with self._store.transaction() as rows:
            owned = await rows.calendars(asked.account)
        shown = [entry for entry in owned if asked.flag("showHidden") or not entry.get("hidden")]
        size = asked.whole("maxResults", PAGE_DEFAULT, most=PAGE_MOST)
        begin = _offset(asked)
        page: dict[str, Any] = {"kind": "calendar#calendarList", "etag": _etag({"items": shown})}
        if begin + size < len(shown):
            page["nextPageToken"] = str(begin + size)
        else:
            page["nextSyncToken"] = f"list-{len(shown)}"
        return {**page, "items": [list_entry(entry, asked.account) for entry in shown[begin : begin + size]]}

    async def get_entry(self, asked: Asked) -> dict[str, Any]:
        """``calendarList.get``."""
        async with self._store.transaction() as rows:
            return list_entry(await owned_calendar(rows, asked), asked.account)

    async def patch_entry(self, asked: Asked) -> dict[str, Any]:
        """``calendarList.patch``: how one calendar looks to this account."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            changed = _with(calendar, asked.body, LIST_FIELDS)
            await rows.put_calendar(changed, owner=asked.account)
        return list_entry(changed, asked.account)

    async def update_entry(self, asked: Asked) -> dict[str, Any]:
        """``calendarList.update``, which drops what is left out."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            base = {key: value for key, value in calendar.items() if key not in LIST_FIELDS}
            changed = _with(base, asked.body, LIST_FIELDS)
            await rows.put_calendar(changed, owner=asked.account)
        return list_entry(changed, asked.account)

    async def get(self, asked: Asked) -> dict[str, Any]:
        """``calendars.get``."""
        async with self._store.transaction() as rows:
            return _shown(await owned_calendar(rows, asked), asked.account)

    async def insert(self, asked: Asked) -> dict[str, Any]:
        """``calendars.insert``."""
        if not asked.body.get("summary"):
            raise required("summary")
        _check_zone(asked.body)
        made = {"id": f"c_{uuid.uuid4().hex}@group.calendar.google.com", "timeZone": self._context.zone.key}
        calendar = _with(made, asked.body, CALENDAR_FIELDS)
        async with self._store.transaction() as rows:
            await rows.put_calendar(calendar, owner=asked.account)
        return _shown(calendar, asked.account)

    async def patch(self, asked: Asked) -> dict[str, Any]:
        """``calendars.patch``."""
        _check_zone(asked.body)
        async with self._store.transaction() as rows:
            changed = _with(await owned_calendar(rows, asked), asked.body, CALENDAR_FIELDS)
            await rows.put_calendar(changed, owner=asked.account)
        return _shown(changed, asked.account)

    async def update(self, asked: Asked) -> dict[str, Any]:
        """``calendars.update``, which drops what is left out."""
        _check_zone(asked.body)
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            base = {key: value for key, value in calendar.items() if key not in {"description", "location"}}
            changed = _with(base, asked.body, CALENDAR_FIELDS)
            await rows.put_calendar(changed, owner=asked.account)
        return _shown(changed, asked.account)

    async def delete(self, asked: Asked) -> None:
        """``calendars.delete``: a secondary calendar with its events."""
        async with self._store.transaction() as rows:
            calendar = await owned_calendar(rows, asked)
            if calendar["id"] == asked.account:
                raise GoogleError(400, "cannotDeletePrimaryCalendar", "The primary calendar cannot be deleted.")
            await rows.delete_calendar(calendar["id"])

    async def settings(self, asked: Asked) -> dict[str, Any]:
        """``settings.list``."""
        del asked
        items = [_setting(name, value) for name, value in self._settings().items()]
        return {"kind": "calendar#settings", "etag": '"s1"', "nextSyncToken": "settings-1", "items": items}

    async def setting(self, asked: Asked) -> dict[str, Any]:
        """``settings.get``."""
        name = asked.path["setting"]
        if name not in self._settings():
            raise not_found()
        return _setting(name, self._settings()[name])

    def _settings(self) -> dict[str, str]:
        return {
            "timezone": self._context.zone.key,
            "locale": "en",
            "format24HourTime": "false",
            "weekStart": "1",
            "defaultEventLength": "60",
            "hideInvitations": "false",
            "showDeclinedEvents": "true",
        }


async def owned_calendar(rows: Rows, asked: Asked) -> dict[str, Any]:
    """The calendar of a request's path.

    Raises:
        GoogleError: 404, also for somebody else's.
    """
    name = asked.path["calendarId"]
    calendar = await rows.calendar(asked.account if name == "primary" else name, owner=asked.account)
    if calendar is None:
        raise not_found()
    return calendar


def list_entry(calendar: Mapping[str, Any], account: str) -> dict[str, Any]:
    """A calendar as its owner's list shows it."""
    primary = {"primary": True} if calendar["id"] == account else {}
    owner = {} if primary else {"dataOwner": account}
    return {
        "kind": "calendar#calendarListEntry",
        "etag": _etag(calendar),
        "accessRole": "owner",
        "defaultReminders": DEFAULT_REMINDERS,
        "backgroundColor": "#9fe1e7",
        "foregroundColor": "#000000",
        "colorId": "14",
        "selected": True,
        **calendar,
        **primary,
        **owner,
    }


def _shown(calendar: Mapping[str, Any], account: str) -> dict[str, Any]:
    kept = {key: calendar[key] for key in ("id", *CALENDAR_FIELDS) if key in calendar}
    # Google names the owner of secondary calendars only.
    owner = {} if calendar["id"] == account else {"dataOwner": account}
    return {"kind": "calendar#calendar", "etag": _etag(kept), **kept, **owner}


def _with(base: Mapping[str, Any], body: Mapping[str, Any], writable: tuple[str, ...]) -> dict[str, Any]:
    given = {key: body[key] for key in writable if key in body}
    return {key: value for key, value in {**base, **given}.items() if value is not None}


def _etag(data: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    return f'"{int(digest[:15], 16)}"'


def _check_zone(body: Mapping[str, Any]) -> None:
    if body.get("timeZone"):
        zone_named(body["timeZone"])


def _setting(name: str, value: str) -> dict[str, Any]:
    return {"kind": "calendar#setting", "etag": '"s1"', "id": name, "value": value}


def _offset(asked: Asked) -> int:
    text = asked.query.get("pageToken", "0")
    if not text.isdecimal():
        raise GoogleError(400, "invalid", "Invalid page token value.", location="pageToken")
    return int(text)
