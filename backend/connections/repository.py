"""Connections in the database. Every session is scoped to a workspace."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.connections.schemas import Status, Way
from backend.connections.tables import ConnectionRow, OAuthFlowRow
from backend.db import rows_changed
from backend.pages import after
from backend.vault.vault import Vault

SETTINGS = "settings"
"""In a connection's details: what its owner set."""


@dataclass(frozen=True)
class Proved:
    """A credential that works, ready to be saved.

    Args:
        server: the integration.
        way: how it is connected.
        secret: what to seal.
        name: of a hook.
        account: whose it is, in the vendor's words.
        scopes: what the vendor granted.
        details: what may be shown.
        access_expires_at: when its access token expires.
        expires_at: when the vendor ends it, where it says so.
    """

    server: str
    way: Way
    secret: dict[str, Any]
    name: str = ""
    account: str | None = None
    scopes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    access_expires_at: datetime | None = None
    expires_at: datetime | None = None


FOREIGN = "mcp:"
"""Before a foreign server's id, where others have the integration's name: the registry keeps and shows these."""


async def listed(
    session: AsyncSession, *, limit: int | None = None, start: Sequence[str] | None = None
) -> list[ConnectionRow]:
    """A workspace's integrations by server, way and name.

    Args:
        session: of the workspace.
        limit: how many at most; all when None.
        start: only what comes after this server, way and name.
    """
    order = (ConnectionRow.server, ConnectionRow.way, ConnectionRow.name)
    query = sa.select(ConnectionRow).where(ConnectionRow.server.not_like(f"{FOREIGN}%"))
    if start is not None:
        query = query.where(after(*order, values=start))
    return list((await session.execute(query.order_by(*order).limit(limit))).scalars())


async def of_server(session: AsyncSession, server: str) -> list[ConnectionRow]:
    """The connections of one integration."""
    query = sa.select(ConnectionRow).where(ConnectionRow.server == server).order_by(ConnectionRow.name)
    return list((await session.execute(query)).scalars())


async def of_foreign(session: AsyncSession, server_ids: Collection[str]) -> dict[str, ConnectionRow]:
    """What was granted for foreign servers, by their ids."""
    query = sa.select(ConnectionRow).where(ConnectionRow.server.in_([FOREIGN + each for each in server_ids]))
    return {row.server.removeprefix(FOREIGN): row for row in (await session.execute(query)).scalars()}


async def one(session: AsyncSession, connection_id: str) -> ConnectionRow | None:
    """One of the workspace's connections, a foreign server's too."""
    query = sa.select(ConnectionRow).where(ConnectionRow.id == connection_id)
    return (await session.execute(query)).scalar()


async def named(session: AsyncSession, server: str, way: Way, name: str) -> ConnectionRow | None:
    """The connection in one place."""
    query = sa.select(ConnectionRow).where(
        ConnectionRow.server == server, ConnectionRow.way == way.value, ConnectionRow.name == name
    )
    return (await session.execute(query)).scalar()


async def save(session: AsyncSession, proved: Proved, vault: Vault, now: datetime) -> ConnectionRow:
    """Store a proved credential, in place of the one that was there."""
    row = await named(session, proved.server, proved.way, proved.name)
    if row is None:
        row = ConnectionRow(
            id=secrets.token_hex(16), server=proved.server, way=proved.way.value, name=proved.name, revision=0
        )
        session.add(row)
    row.sealed = vault.seal(row.id, proved.secret)
    row.revision += 1
    # What the owner set stays when the account is connected again.
    kept = {SETTINGS: row.details[SETTINGS]} if SETTINGS in (row.details or {}) else {}
    row.account, row.scopes, row.details = proved.account, list(proved.scopes), {**proved.details, **kept}
    row.status, row.reason = Status.CONNECTED.value, None
    row.access_expires_at, row.expires_at = proved.access_expires_at, proved.expires_at
    row.lease_owner = row.lease_until = None
    row.connected_at = row.checked_at = now
    await session.flush()
    return row


def settings_of(row: ConnectionRow) -> dict[str, Any]:
    """What its owner set."""
    return dict(row.details.get(SETTINGS, {}))


async def remove(session: AsyncSession, connection_id: str) -> bool:
    """Forget a connection; whether there was one."""
    return rows_changed(await session.execute(sa.delete(ConnectionRow).where(ConnectionRow.id == connection_id))) == 1


async def take_flow(session: AsyncSession, state_hash: str) -> OAuthFlowRow | None:
    """The flow that a state began; nobody gets it a second time."""
    query = sa.select(OAuthFlowRow).where(OAuthFlowRow.state_hash == state_hash)
    flow = (await session.execute(query)).scalar()
    if flow is None:
        return None
    gone = await session.execute(sa.delete(OAuthFlowRow).where(OAuthFlowRow.state_hash == state_hash))
    return flow if rows_changed(gone) == 1 else None


async def forget_old_flows(session: AsyncSession, now: datetime) -> None:
    """Remove what nobody can finish any more."""
    await session.execute(sa.delete(OAuthFlowRow).where(OAuthFlowRow.expires_at <= now))
