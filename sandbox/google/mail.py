"""The mail that Google would have sent to guests."""

from typing import Any, cast

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.google.events import Home, Resource
from sandbox.google.requests import Asked
from sandbox.google.store import Rows, Store, metadata
from sandbox.google.times import rfc3339

KEPT_MOST = 500

mail = sa.Table(
    "google_mail",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("letter", sa.JSON, nullable=False),
)

Letter = dict[str, Any]


class Mail:
    """What was sent.

    Args:
        store: whose transactions the letters belong to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def send(self, rows: Rows, sent: list[Letter]) -> None:
        """Keep letters, with the write that they tell of."""
        for letter in sent:
            await rows.connection.execute(sa.insert(mail).values(letter=letter))

    async def clear(self) -> None:
        """Forget all of it."""
        async with self._store.transaction() as rows:
            await rows.connection.execute(sa.delete(mail))

    async def endpoint(self, _: Request) -> Response:
        """``GET /_sandbox/google/mail``: the latest first."""
        async with self._store.transaction() as rows:
            query = sa.select(mail.c.letter).order_by(mail.c.number.desc()).limit(KEPT_MOST)
            found = list((await rows.connection.execute(query)).scalars())
        return JSONResponse(found)


def letters(before: Resource | None, after: Resource, asked: Asked, home: Home) -> list[Letter]:
    """What a change sends.

    Args:
        before: the event as it was; None for a new one.
        after: as it is; ``cancelled`` for a deleted one.
        asked: how it was changed.
        home: where and when.
    """
    legacy = "all" if asked.flag("sendNotifications") else "none"
    wanted = asked.query.get("sendUpdates", legacy)
    if wanted == "none":
        return []
    old, new = _guests(before), _guests(after)
    if after["status"] == "cancelled":
        kinds = dict.fromkeys(old | new, "cancellation")
    else:
        kinds = {
            **dict.fromkeys(old - new, "cancellation"),
            **dict.fromkeys(old & new, "update"),
            **dict.fromkeys(new - old, "invitation"),
        }
    own = home.account.rpartition("@")[2]
    addresses = sorted(to for to in kinds if wanted == "all" or to.rpartition("@")[2] != own)
    return [
        {
            "to": to,
            "kind": kinds[to],
            "from": home.calendar,
            "event_id": after["id"],
            "summary": after.get("summary", ""),
            "start": after["start"],
            "sent_at": rfc3339(home.now),
        }
        for to in addresses
    ]


def _guests(event: Resource | None) -> set[str]:
    guests = cast("list[Resource]", event.get("attendees", [])) if event else []
    return {str(guest["email"]) for guest in guests if not guest.get("self")}
