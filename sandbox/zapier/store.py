"""What the sandbox's Zapier account holds: Zaps, apps with actions, connections; kept in the sandbox's database."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sandbox.part import SandboxContext

metadata = sa.MetaData()
things = sa.Table(
    "zapier_things",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

ZAP, ACTION_RUN, TOKEN = "zap", "action_run", "token"
REFRESH, CODE, TICKET = "refresh", "code", "ticket"
SLACK = "4a1c2b7e-6f3d-4d1a-9c55-2f0f6a9d1c01"
SHEETS = "9d3e5f10-2b44-4a8e-8a17-7f6c1e2d3b02"
APPS: tuple[dict[str, Any], ...] = (
    {"id": SLACK, "key": "SlackCLIAPI", "version": "1.32.0", "slug": "slack", "title": "Slack"},
    {
        "id": SHEETS,
        "key": "GoogleSheetsV2CLIAPI",
        "version": "2.9.1",
        "slug": "google-sheets",
        "title": "Google Sheets",
    },
)
ACTIONS: tuple[dict[str, Any], ...] = (
    {
        "app": SLACK,
        "key": "channel_message",
        "type": "write",
        "title": "Send Channel Message",
        "fields": (("channel", True), ("text", True)),
    },
    {"app": SLACK, "key": "user", "type": "search", "title": "Find User", "fields": (("name", True),)},
    {
        "app": SHEETS,
        "key": "add_row",
        "type": "write",
        "title": "Create Spreadsheet Row",
        "fields": (("spreadsheet", True), ("row", False)),
    },
)
CONNECTIONS: tuple[dict[str, Any], ...] = (
    {"id": "UHsi8e6K", "number": 501, "app": SLACK, "title": "Demo workspace", "is_expired": False},
    {"id": "QVaPP2O1", "number": 502, "app": SHEETS, "title": "Demo sheets", "is_expired": True},
)
SEED: tuple[dict[str, Any], ...] = (
    {
        "number": 12345,
        "title": "Restaurant reservation",
        "enabled": True,
        "hook": "restaurant_reservation",
        "steps": [],
    },
    {"number": 12346, "title": "Weekly summary", "enabled": False, "hook": None, "steps": []},
)
ID_SECONDS = 60
"""An action's id is another one every minute: clients must fetch a fresh one before each run."""


class Store:
    """The account.

    Args:
        context: the sandbox's database and clock.
    """

    def __init__(self, context: SandboxContext) -> None:
        self._context = context

    async def start(self) -> None:
        """Create the table, and the Zaps of the demo account where there are none."""
        async with self._context.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        if not await self.all(ZAP):
            for zap in SEED:
                await self.put(ZAP, zap_id(zap["number"]), zap)

    async def reset(self) -> None:
        """Back to the demo account."""
        async with self._context.engine.begin() as connection:
            await connection.execute(sa.delete(things))
        await self.start()

    async def all(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Every thing of a kind, with its id, in the order of making."""
        query = sa.select(things).where(things.c.kind == kind).order_by(things.c.sequence)
        async with self._context.engine.connect() as connection:
            return [(row["id"], json.loads(row["body"])) for row in (await connection.execute(query)).mappings()]

    async def get(self, kind: str, thing_id: str) -> dict[str, Any] | None:
        """One thing."""
        query = sa.select(things.c.body).where(things.c.kind == kind, things.c.id == thing_id)
        async with self._context.engine.connect() as connection:
            body = (await connection.execute(query)).scalar()
        return json.loads(body) if body is not None else None

    async def take(self, kind: str, thing_id: str) -> dict[str, Any] | None:
        """One thing that is good once: whoever gets it is the last."""
        body = await self.get(kind, thing_id)
        mine = sa.and_(things.c.kind == kind, things.c.id == thing_id)
        async with self._context.engine.begin() as connection:
            taken = await connection.execute(sa.delete(things).where(mine))
        return body if taken.rowcount else None

    def seconds(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        return self._context.now().timestamp()

    async def put(self, kind: str, thing_id: str, body: Mapping[str, Any]) -> None:
        """Write a thing; it keeps its place."""
        mine = sa.and_(things.c.kind == kind, things.c.id == thing_id)
        async with self._context.engine.begin() as connection:
            changed = await connection.execute(sa.update(things).where(mine).values(body=json.dumps(body)))
            if changed.rowcount:
                return
            highest = (await connection.execute(sa.select(sa.func.max(things.c.sequence)))).scalar() or 0
            row = {"kind": kind, "id": thing_id, "sequence": highest + 1, "body": json.dumps(body)}
            await connection.execute(sa.insert(things).values(**row))


def zap_id(number: int) -> str:
    """A Zap's id in the Workflow API: a text, where its runs name it by a number."""
    return f"00000000-0000-c000-8000-{number:012d}"


def action_id(action: Mapping[str, Any], seconds: float) -> str:
    """The id that an action has at an instant."""
    named = "/".join([action["app"], action["key"], str(int(seconds // ID_SECONDS))])
    return f"uag:{uuid.uuid5(uuid.NAMESPACE_URL, named)}"


def action_of_id(wanted: str, seconds: float) -> Mapping[str, Any] | None:
    """The action that has an id now, or had it a minute ago."""
    for action in ACTIONS:
        if wanted in {action_id(action, seconds), action_id(action, seconds - ID_SECONDS)}:
            return action
    return None


def app_of(wanted: str) -> Mapping[str, Any] | None:
    """An app by any of its names."""
    plain = wanted.split("@", maxsplit=1)[0]
    return next((app for app in APPS if plain in {app["id"], app["key"], app["slug"]}), None)


def page(items: Sequence[Any], limit: int, offset: int) -> Sequence[Any]:
    """A part of a list."""
    return items[offset : offset + limit]
