"""Access tokens of connections: refreshed by one process at a time, saved before anybody gets them.

No database transaction is open while the vendor is asked: a lease in the row says who is asking. Whoever finds the lease
taken waits for the row to change.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from backend.connections import repository
from backend.connections.grantors import Grantor, TokenEndpoints, life_in, token_in, vendor_grantor
from backend.connections.schemas import Status, Way
from backend.connections.tables import ConnectionRow
from backend.connections.vendors import VendorAnswer, VendorDown, VendorHttp, Vendors
from backend.connections.ways import client_form
from backend.db import Database, rows_changed
from backend.vault.vault import Vault

EARLY = timedelta(minutes=1)
LEASE = timedelta(seconds=20)
"""Longer than the vendor may take, so that a lease ends only with the process that took it."""
FIRST_WAIT, LONGEST_WAIT = 0.02, 0.5
WAIT_SECONDS = 15.0
FINAL = {"invalid_grant", "invalid_client", "unauthorized_client"}
"""The refusals that no repetition changes (RFC 6749, 5.2)."""


class Gone(Exception):
    """There is no such connection (any more)."""


class MustReconnect(Exception):
    """The owner must connect again.

    Args:
        connection: its id.
    """

    def __init__(self, connection: str) -> None:
        super().__init__("the owner must connect again")
        self.connection = connection


@dataclass(frozen=True)
class AccessToken:
    """A vendor's access token.

    Args:
        connection: whose it is.
        value: what to send.
        expires_at: when it expires; None when it does not.
        scopes: what it is good for.
    """

    connection: str
    value: str
    expires_at: datetime | None
    scopes: tuple[str, ...]


class AccessTokens:
    """Gives access tokens, fresh ones when needed.

    Args:
        database: where connections are.
        vault: opens them.
        vendors: who gives fresh ones.
        http: talks to them.
        endpoints: asks for tokens.
        now: the current instant, aware.
        sleep: waits for another process; injected in tests.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        vendors: Vendors,
        http: VendorHttp,
        endpoints: TokenEndpoints,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._vendors = vendors
        self._http = http
        self._endpoints = endpoints
        self._now = now
        self._sleep = sleep
        self._asking: dict[tuple[str, str | None], asyncio.Task[AccessToken]] = {}

    async def get(self, workspace: str, connection: str, *, refused: str | None = None) -> AccessToken:
        """A token that is good for a minute at least.

        Args:
            workspace: whose connection it is.
            connection: its id.
            refused: a token that the vendor just refused; it is not given out again.

        Raises:
            Gone: there is no such connection.
            MustReconnect: the owner must connect again.
            VendorDown: the vendor does not answer now.
        """
        key = (connection, refused)
        task = self._asking.get(key)
        if task is None:
            # In a task of its own: one who hangs up takes nothing from the others, nor from the vendor's answer.
            task = asyncio.create_task(self._get(workspace, connection, refused))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Let those under way end: a rotated refresh token must not be lost."""
        if self._asking:
            await asyncio.wait(list(self._asking.values()), timeout=WAIT_SECONDS)

    def _answered(self, key: tuple[str, str | None], task: asyncio.Task[AccessToken]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()

    async def _get(self, workspace: str, connection: str, refused: str | None) -> AccessToken:
        pause, waited = FIRST_WAIT, 0.0
        while waited < WAIT_SECONDS:
            row = await self._read(workspace, connection)
            token = self._usable(row, refused)
            if token is not None:
                return token
            lease = await self._lease(row)
            if lease is not None:
                fresh = await self._refresh_leased(row, lease)
                if fresh is not None:
                    return fresh
                continue
            await self._sleep(pause)
            waited += pause
            pause = min(pause * 2, LONGEST_WAIT)
        raise VendorDown

    async def _read(self, workspace: str, connection: str) -> ConnectionRow:
        async with self._database.scoped(workspace) as session:
            row = await repository.one(session, connection)
        if row is None:
            raise Gone
        if row.status != Status.CONNECTED.value:
            raise MustReconnect(row.id)
        return row

    def _usable(self, row: ConnectionRow, refused: str | None) -> AccessToken | None:
        value = str(self._vault.open(row.id, row.sealed)["access_token"])
        expires_at = row.access_expires_at
        if value == refused:
            return None
        if expires_at is not None and expires_at - EARLY <= self._now():
            return None
        return AccessToken(row.id, value, expires_at, tuple(row.scopes))

    async def _lease(self, row: ConnectionRow) -> str | None:
        """Become the one who asks the vendor; None when another is."""
        now, lease = self._now(), secrets.token_hex(8)
        if row.lease_until is not None and row.lease_until > now:
            # Seen without a write: fifty who wait must not queue for the database's one writer.
            return None
        query = (
            sa.update(ConnectionRow)
            .where(
                ConnectionRow.id == row.id,
                ConnectionRow.revision == row.revision,
                sa.or_(ConnectionRow.lease_until.is_(None), ConnectionRow.lease_until <= now),
            )
            .values(lease_owner=lease, lease_until=now + LEASE)
        )
        return lease if await self._changed(row.workspace_id, query) else None

    async def _refresh_leased(self, row: ConnectionRow, lease: str) -> AccessToken | None:
        """Ask the vendor and save what it answers; None when the row changed meanwhile and must be read again."""
        secret = self._vault.open(row.id, row.sealed)
        try:
            answer = await self._ask(row, secret)
            if answer.status == 200 and token_in(answer.body) is not None:
                return await self._save(row, secret, answer.body)
            reason = str(answer.body.get("error", ""))
            if answer.status in {400, 401, 403} and (reason in FINAL or row.way != Way.OAUTH.value):
                await self.mark_broken(row, reason or f"refused_{answer.status}")
                return None
        except VendorDown:
            await self._release(row, lease)
            raise
        await self._release(row, lease)
        raise VendorDown

    async def _ask(self, row: ConnectionRow, secret: Mapping[str, Any]) -> VendorAnswer:
        match Way(row.way):
            case Way.OAUTH:
                if not secret.get("refresh_token"):
                    return VendorAnswer(401, {"error": "invalid_grant"})
                form = {"grant_type": "refresh_token", "refresh_token": str(secret["refresh_token"])}
                return await self._endpoints.ask(self._grantor(row, secret), form)
            case Way.CLIENT_CREDENTIALS:
                vendor = self._vendors[row.server]
                form = client_form(vendor, secret)
                return await self._http.form(vendor.at(vendor.client_credentials.token_url), form)
            case Way.API_KEY | Way.HOOKS:
                # Nothing can renew a key that the vendor refused.
                return VendorAnswer(401, {"error": "refused"})

    def _grantor(self, row: ConnectionRow, secret: Mapping[str, Any]) -> Grantor:
        """The manifest's, or the one that was found for a foreign server and is sealed beside its tokens."""
        found = secret.get("grantor")
        return Grantor.model_validate(found) if found else vendor_grantor(self._vendors[row.server])

    async def _save(
        self, row: ConnectionRow, secret: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> AccessToken | None:
        renewed = {**secret, "access_token": str(answer["access_token"])}
        if rotated := token_in(answer, "refresh_token"):
            renewed["refresh_token"] = rotated
        now = self._now()
        expires_at = now + timedelta(seconds=life_in(answer))
        query = (
            sa.update(ConnectionRow)
            .where(ConnectionRow.id == row.id, ConnectionRow.revision == row.revision)
            .values(
                sealed=self._vault.seal(row.id, renewed),
                revision=row.revision + 1,
                access_expires_at=expires_at,
                checked_at=now,
                lease_owner=None,
                lease_until=None,
            )
        )
        if not await self._changed(row.workspace_id, query):
            return None
        return AccessToken(row.id, renewed["access_token"], expires_at, tuple(row.scopes))

    async def mark_broken(self, row: ConnectionRow, reason: str) -> None:
        """Say that the owner must connect again, unless the credential changed meanwhile."""
        query = (
            sa.update(ConnectionRow)
            .where(ConnectionRow.id == row.id, ConnectionRow.revision == row.revision)
            .values(
                status=Status.NEEDS_RECONNECT.value,
                reason=reason[:300],
                checked_at=self._now(),
                lease_owner=None,
                lease_until=None,
            )
        )
        await self._changed(row.workspace_id, query)

    async def _release(self, row: ConnectionRow, lease: str) -> None:
        query = (
            sa.update(ConnectionRow)
            .where(ConnectionRow.id == row.id, ConnectionRow.lease_owner == lease)
            .values(lease_owner=None, lease_until=None)
        )
        await self._changed(row.workspace_id, query)

    async def _changed(self, workspace: str, query: sa.Update) -> bool:
        async with self._database.scoped(workspace) as session:
            return rows_changed(await session.execute(query.execution_options(synchronize_session=False))) == 1
