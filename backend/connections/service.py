"""What can be done with connections."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.principal import Principal
from backend.audit.service import record
from backend.connections import repository
from backend.connections.oauth import BackFromVendor, Consent, OAuthFlows
from backend.connections.owner_settings import checked
from backend.connections.repository import Proved
from backend.connections.schemas import (
    Connectable,
    ConnectionView,
    NewClient,
    NewHook,
    NewKey,
    StartedOAuth,
    Status,
    Way,
)
from backend.connections.tables import ConnectionRow
from backend.connections.vendors import VendorDown, VendorHttp, Vendors
from backend.connections.ways import proved_client, proved_hook, proved_key
from backend.db import Database
from backend.errors import ApiError, not_found
from backend.pages import Page, decode_cursor, encode_cursor
from backend.vault.vault import Vault
from contracts.hooks import DescribedHook

T = TypeVar("T")
SOON = timedelta(days=3)
REASONS = {
    "invalid_grant": "the vendor ended the access: it was revoked, unused for months, or the password changed",
    "invalid_client": "the vendor no longer accepts the operator's OAuth client",
    "unauthorized_client": "the vendor no longer accepts the operator's OAuth client",
    "refused": "the vendor refuses the credential",
}


class ConnectionService:
    """Connections of a workspace.

    Args:
        database: where they are.
        vault: seals them.
        vendors: what can be connected.
        http: talks to vendors.
        flows: the OAuth flow.
        base_url: where browsers reach this backend.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        vendors: Vendors,
        http: VendorHttp,
        flows: OAuthFlows,
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._vendors = vendors
        self._http = http
        self._flows = flows
        self._base_url = base_url
        self._now = now
        self.foreign: Callable[[Consent], Awaitable[ConnectionRow]] = _nobody

    def connectable(self) -> list[Connectable]:
        """What can be connected, and how."""
        return [found for found in (vendor.connectable() for vendor in self._vendors.all()) if found.ways]

    async def page(self, workspace: str, *, limit: int, cursor: str | None) -> Page[ConnectionView]:
        """A page of a workspace's connections, by integration, way and name."""
        start = decode_cursor(cursor, 3) if cursor else None
        async with self._database.scoped(workspace) as session:
            rows = await repository.listed(session, limit=limit + 1, start=start)
        items = [self.view(row) for row in rows[:limit]]
        end = items[-1] if len(rows) > limit else None
        return Page(items=items, next_cursor=encode_cursor((end.server, end.way, end.name)) if end else None)

    async def get(self, workspace: str, connection: str) -> ConnectionView:
        """One of them.

        Raises:
            ApiError: 404.
        """
        return self.view(await self.row(workspace, connection))

    async def row(self, workspace: str, connection: str) -> ConnectionRow:
        """One of them, with its sealed credential.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(workspace) as session:
            row = await repository.one(session, connection)
        if row is None or row.server.startswith(repository.FOREIGN):
            raise not_found("connection")
        return row

    async def broken_servers(self, workspace: str) -> set[str]:
        """The integrations of which nothing that is connected works."""
        async with self._database.scoped(workspace) as session:
            rows = await repository.listed(session)
        return {row.server for row in rows} - {row.server for row in rows if row.status == Status.CONNECTED.value}

    async def hooks(self, workspace: str) -> dict[str, tuple[DescribedHook, ...]]:
        """Of each integration that takes hooks, the workspace's, as its agents' models are told of them."""
        async with self._database.scoped(workspace) as session:
            rows = [row for row in await repository.listed(session) if row.way == Way.HOOKS.value]
        takers = [vendor.manifest.name for vendor in self._vendors.all() if vendor.manifest.hooks]
        return {taker: tuple(_described(row) for row in rows if row.server == taker) for taker in takers}

    async def start_oauth(self, principal: Principal, server: str, *, browser: str) -> StartedOAuth:
        """Begin to connect an account; see ``OAuthFlows.start``."""
        return await self._flows.start(principal.workspace, principal.actor, server, browser=browser)

    async def finish_oauth(self, state: str, back: BackFromVendor) -> ConnectionView:
        """End it; see ``OAuthFlows.finish``. What a foreign MCP server granted is proved and saved by the registry."""
        consent = await answered(self._flows.finish(state, back))
        if consent.carried is not None:
            return self.view(await answered(self.foreign(consent)))
        who_began = Principal(consent.workspace, consent.actor, frozenset())
        return await self._save(who_began, await answered(self._flows.prove(consent)))

    async def add_hook(self, principal: Principal, new: NewHook) -> ConnectionView:
        """Connect a hook after a test delivery; see ``proved_hook``."""
        return await self._save(principal, await answered(proved_hook(new, self._vendors[new.server], self._http)))

    async def add_key(self, principal: Principal, new: NewKey) -> ConnectionView:
        """Connect an API key; see ``proved_key``."""
        return await self._save(principal, await answered(proved_key(new, self._vendors[new.server], self._http)))

    async def add_client(self, principal: Principal, new: NewClient) -> ConnectionView:
        """Connect client credentials; see ``proved_client``."""
        proved = proved_client(new, self._vendors[new.server], self._http, self._now)
        return await self._save(principal, await answered(proved))

    async def set_settings(self, principal: Principal, connection: str, given: dict[str, Any]) -> ConnectionView:
        """Keep what the owner sets for a connection.

        Raises:
            ApiError: 404; 422 with the setting that cannot be.
        """
        server = (await self.row(principal.workspace, connection)).server
        settings = checked(given, self._vendors[server].manifest.connection_settings)
        async with self._database.scoped(principal.workspace) as session:
            row = await repository.one(session, connection)
            if row is None:
                raise not_found("connection")
            row.details = {**row.details, repository.SETTINGS: settings}
            self._record(session, principal, "settings_set", row, settings=sorted(settings))
            await session.flush()
            return self.view(row)

    async def remove(self, principal: Principal, connection: str) -> None:
        """Forget a connection, and ask the vendor to end the access too.

        Raises:
            ApiError: 404.
        """
        row = await self.row(principal.workspace, connection)
        async with self._database.scoped(principal.workspace) as session:
            if not await repository.remove(session, row.id):
                raise not_found("connection")
            self._record(session, principal, "removed", row)
        await self._revoke(row)

    async def _revoke(self, row: ConnectionRow) -> None:
        """Ours is forgotten already; a vendor that does not answer only keeps what nobody can use any more."""
        if row.way != Way.OAUTH.value:
            return
        vendor = self._vendors[row.server]
        if vendor.oauth.revoke_url is None:
            return
        token = str(self._vault.open(row.id, row.sealed)["refresh_token"])
        try:
            await self._http.form(vendor.at(vendor.oauth.revoke_url), {"token": token})
        except VendorDown:
            return

    async def _save(self, principal: Principal, proved: Proved) -> ConnectionView:
        async with self._database.scoped(principal.workspace) as session:
            row = await repository.save(session, proved, self._vault, self._now())
            self._record(session, principal, "added" if row.revision == 1 else "connected_again", row)
            return self.view(row)

    def _record(
        self, session: AsyncSession, principal: Principal, what: str, row: ConnectionRow, **detail: object
    ) -> None:
        known = {"server": row.server, "way": row.way, "name": row.name}
        record(session, principal, f"connection.{what}", row.id, at=self._now(), **known, **detail)

    def view(self, row: ConnectionRow) -> ConnectionView:
        """What may be shown of it."""
        broken = row.status == Status.NEEDS_RECONNECT.value
        return ConnectionView(
            id=row.id,
            server=row.server,
            way=Way(row.way),
            name=row.name,
            account=row.account,
            status=Status(row.status),
            reason=_reason(row.reason) if broken else None,
            reconnect_url=reconnect_url(self._base_url, row.id) if broken else None,
            scopes=list(row.scopes),
            details={name: value for name, value in row.details.items() if name != repository.SETTINGS},
            settings=repository.settings_of(row),
            connected_at=row.connected_at,
            checked_at=row.checked_at,
            expires_at=row.expires_at,
            expires_soon=row.expires_at is not None and row.expires_at - SOON <= self._now(),
        )


def _described(row: ConnectionRow) -> DescribedHook:
    return DescribedHook(
        name=row.name,
        title=row.details["title"],
        payload_schema=row.details["payload_schema"],
        key_fields=tuple(row.details["key_fields"]),
    )


def reconnect_url(base_url: str, connection: str) -> str:
    """Where the owner connects it again."""
    return f"{base_url}/connections/{connection}/reconnect"


def _reason(code: str | None) -> str:
    return REASONS.get(code or "", f"the vendor refuses the credential ({code})")


async def _nobody(_: Consent) -> ConnectionRow:
    raise not_found("registry of MCP servers")


async def answered(work: Awaitable[T]) -> T:
    """What depends on the vendor's answer; without one, the request can be made again later."""
    try:
        return await work
    except VendorDown as down:
        message = f"the vendor does not answer: try again in {down.retry_after} seconds"
        raise ApiError(503, "vendor_unavailable", message, retry_after=down.retry_after) from None
