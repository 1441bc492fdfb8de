"""Tries every connection every ten minutes, so that the owner learns of a broken one before a caller does."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from backend.connections.repository import FOREIGN
from backend.connections.schemas import Status, Way
from backend.connections.tables import ConnectionRow
from backend.connections.tokens import AccessTokens, Gone, MustReconnect
from backend.connections.vendors import VendorDown, VendorHttp, Vendors
from backend.db import Database, rows_changed
from contracts.manifest import Proof

log = structlog.get_logger()

EVERY = timedelta(minutes=10)
AT_ONCE = 50


class Probe:
    """Tries connections.

    Args:
        database: where they are.
        tokens: gives their access tokens.
        vendors: where they are tried.
        http: talks to vendors.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        *,
        vendors: Vendors,
        http: VendorHttp,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._vendors = vendors
        self._http = http
        self._now = now

    async def check_due(self) -> int:
        """Try those that nobody has tried for ten minutes; how many there were."""
        due = self._now() - EVERY
        query = (
            sa.select(ConnectionRow)
            .where(
                ConnectionRow.checked_at <= due,
                ConnectionRow.status == Status.CONNECTED.value,
                ConnectionRow.way != Way.HOOKS.value,
            )
            .order_by(ConnectionRow.checked_at)
            .limit(AT_ONCE)
        )
        async with self._database.unscoped("the probe tries the connections of every workspace") as session:
            rows = list((await session.execute(query)).scalars())
        claimed = [row for row in rows if await self._claim(row)]
        await asyncio.gather(*(self.check(row) for row in claimed))
        return len(claimed)

    async def _claim(self, row: ConnectionRow) -> bool:
        """Become the replica that tries it this time."""
        query = (
            sa.update(ConnectionRow)
            .where(ConnectionRow.id == row.id, ConnectionRow.checked_at == row.checked_at)
            .values(checked_at=self._now())
            .execution_options(synchronize_session=False)
        )
        async with self._database.scoped(row.workspace_id) as session:
            return rows_changed(await session.execute(query)) == 1

    async def check(self, row: ConnectionRow) -> None:
        """Try one connection; whether it works stands in its row afterwards.

        A hook cannot be tried without triggering it, so it is left alone.
        """
        if row.way == Way.HOOKS.value:
            return
        try:
            token = await self._tokens.get(row.workspace_id, row.id)
            if await self._accepted(row, token.value):
                return
            # The vendor no longer takes the token: a fresh one tells whether the access as such has ended.
            fresh = await self._tokens.get(row.workspace_id, row.id, refused=token.value)
            if not await self._accepted(row, fresh.value):
                log.warning("a fresh access token is refused", server=row.server, connection=row.id)
        except (Gone, MustReconnect, VendorDown) as outcome:
            log.info("connection tried", server=row.server, connection=row.id, outcome=type(outcome).__name__)

    async def _accepted(self, row: ConnectionRow, token: str) -> bool:
        proof = self._proof(row)
        if proof is None:
            return True
        answer = await self._http.read(self._vendors[row.server].at(proof.url), bearer=token)
        return answer.status not in {401, 403}

    def _proof(self, row: ConnectionRow) -> Proof | None:
        if row.server.startswith(FOREIGN):
            # Its token is kept fresh here; the registry tries it by listing the server.
            return None
        vendor = self._vendors[row.server]
        match Way(row.way):
            case Way.OAUTH:
                return vendor.oauth.proof
            case Way.API_KEY:
                return vendor.keys.proof
            case Way.CLIENT_CREDENTIALS | Way.HOOKS:
                return None
