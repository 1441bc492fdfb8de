"""What can be done with the registry of MCP servers."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.principal import Principal, Scope
from backend.audit.service import record
from backend.connections import repository as connections
from backend.connections.schemas import Status
from backend.connections.tables import ConnectionRow
from backend.db import Database
from backend.errors import ApiError, not_found
from backend.pages import Page, decode_cursor, encode_cursor, page_of
from backend.registry import repository
from backend.registry.health import ServerHealth, mark_listed, state_of
from backend.registry.listing import Listing, Target, address_refused, list_server, refusal
from backend.registry.schemas import (
    Credential,
    GivenCredential,
    Health,
    NewServer,
    Problem,
    ServerView,
    ToolChoice,
    ToolView,
)
from backend.registry.tables import OPERATOR, ServerRow, ServerToolRow
from backend.registry.targets import Targets, new_server_id, origin_of, sealed_content, target_with
from backend.registry.views import tool_view
from backend.vault.vault import Vault
from voxie_agents.mcp_errors import McpClientError
from voxie_agents.mcp_guard import AddressRefused

MOST_SERVERS = 20
RECONNECT_PATH = "/servers/{}/reconnect"


class RegistryService:
    """Servers of a workspace, and the operator's own.

    Args:
        database: where they are.
        vault: seals addresses and credentials.
        targets: how servers are reached.
        health: looks at them.
        base_url: where browsers reach this backend.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        targets: Targets,
        health: ServerHealth,
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._targets = targets
        self._health = health
        self._base_url = base_url
        self._now = now

    async def names(self, workspace: str) -> set[str]:
        """The foreign servers that agents of a workspace may name."""
        async with self._database.scoped(workspace) as session:
            return {row.name for row in await repository.servers(session)}

    async def page(self, workspace: str, *, limit: int, cursor: str | None) -> Page[ServerView]:
        """A page of the servers by name, the operator's among them."""
        views = [view for place in (OPERATOR, workspace) for view in await self._views(place)]
        return page_of(views, lambda view: view.name, limit=limit, cursor=cursor)

    async def _views(self, workspace: str, row: ServerRow | None = None) -> list[ServerView]:
        async with self._database.scoped(workspace) as session:
            rows = [row] if row is not None else await repository.servers(session)
            ids = [each.id for each in rows]
            counts = await repository.counts(session, ids)
            granted = await connections.of_foreign(session, ids)
        return [self._view(each, counts.get(each.id, (0, 0)), granted.get(each.id)) for each in rows]

    def _view(self, row: ServerRow, counts: tuple[int, int], granted: ConnectionRow | None) -> ServerView:
        broken = granted is not None and granted.status != Status.CONNECTED.value
        return ServerView(
            id=row.id,
            name=row.name,
            title=row.title,
            origin=row.origin,
            own=row.workspace_id == OPERATOR,
            credential=Credential(row.credential),
            reconnect_url=self._base_url + RECONNECT_PATH.format(row.id) if broken else None,
            health=Health(
                state=state_of(row, granted),
                last_seen_at=row.listed_at,
                checked_at=row.checked_at,
                problem=Problem(row.problem) if row.problem else None,
                failures=row.failures,
            ),
            approved_tools=counts[0],
            waiting_tools=counts[1],
            left_out=row.left_out,
            made_at=row.made_at,
        )

    async def get(self, workspace: str, server_id: str) -> ServerView:
        """One server.

        Raises:
            ApiError: 404.
        """
        row = await self.row(workspace, server_id)
        return (await self._views(row.workspace_id, row))[0]

    async def row(self, workspace: str, server_id: str) -> ServerRow:
        """One server, with what is sealed of it.

        Raises:
            ApiError: 404.
        """
        for place in (workspace, OPERATOR):
            async with self._database.scoped(place) as session:
                row = (await session.execute(sa.select(ServerRow).where(ServerRow.id == server_id))).scalar()
            if row is not None:
                return row
        raise not_found("server")

    async def foreign_row(self, workspace: str, server_id: str) -> ServerRow:
        """One that the workspace itself added.

        Raises:
            ApiError: 404, or 409 for the operator's own.
        """
        row = await self.row(workspace, server_id)
        if row.workspace_id == OPERATOR:
            raise ApiError(409, "operators_server", "this server is the operator's own; its settings say where it is")
        return row

    async def add(self, principal: Principal, new: NewServer) -> ServerView:
        """Add a server that lists its tools with the credential that was given.

        Raises:
            ApiError: 409 the name is taken or there are too many, 422 it cannot be reached, or refuses.
        """
        url = new.url.get_secret_value()
        await self.check_new(principal.workspace, new.name, url)
        listing = await self.proved(target_with(new.name, url, new.credential, self._targets.guard), new.credential)
        row = self.new_row(new.name, new.title, url, Credential(new.credential.kind))
        row.sealed = self._vault.seal(row.id, sealed_content(url, new.credential))
        async with self._database.scoped(principal.workspace) as session:
            await self.save_new(session, principal, row, listing)
        return await self.get(principal.workspace, row.id)

    async def check_new(self, workspace: str, name: str, url: str) -> None:
        """Whether a server can be added.

        Raises:
            ApiError: 409 the name is taken or there are too many, 422 its address is refused.
        """
        taken = await self.names(workspace)
        if name in taken or name in self._targets.doors:
            raise _taken()
        if len(taken) >= MOST_SERVERS:
            raise ApiError(409, "too_many", f"a workspace has at most {MOST_SERVERS} servers; remove one first")
        try:
            self._targets.guard.check(url)
        except AddressRefused as refused:
            raise address_refused(str(refused)) from None

    async def proved(self, target: Target, credential: GivenCredential | None) -> Listing:
        """What a server lists with a credential that is not saved yet.

        Raises:
            ApiError: 422, it does not.
        """
        try:
            return await list_server(target)
        except McpClientError as error:
            given = credential is None or credential.kind != Credential.NONE.value
            raise refusal(error, with_credential=given) from None

    def new_row(self, name: str, title: str | None, url: str, credential: Credential) -> ServerRow:
        """A row that is not saved yet."""
        now = self._now()
        return ServerRow(
            id=new_server_id(),
            name=name,
            title=title or name,
            origin=origin_of(url),
            credential=credential.value,
            made_at=now,
            next_check_at=now,
            failures=0,
            left_out=0,
        )

    async def save_new(self, session: AsyncSession, principal: Principal, row: ServerRow, listing: Listing) -> None:
        """Save a server and what it lists.

        Raises:
            ApiError: 409, somebody was quicker with the name.
        """
        session.add(row)
        try:
            await session.flush()
        except IntegrityError:
            raise _taken() from None
        now = self._now()
        mark_listed(row, listing, now)
        await repository.reconcile(session, row, listing.tools, repository.FOREIGN, now)
        record(session, principal, "server.added", row.id, at=now, name=row.name, credential=row.credential)

    async def replace_credential(self, principal: Principal, server_id: str, credential: GivenCredential) -> ServerView:
        """Give a server another credential; it is listed with it first.

        Raises:
            ApiError: 404, 409 for the operator's own, 422 it refuses.
        """
        row = await self.foreign_row(principal.workspace, server_id)
        url = str(self._vault.open(row.id, row.sealed)["url"])
        listing = await self.proved(target_with(row.name, url, credential, self._targets.guard), credential)
        async with self._database.scoped(principal.workspace) as session:
            found = await repository.lock(session, server_id)
            if found is None:
                raise not_found("server")
            found.credential = credential.kind
            found.sealed = self._vault.seal(found.id, sealed_content(url, credential))
            for granted in (await connections.of_foreign(session, [server_id])).values():
                await connections.remove(session, granted.id)
            await self.take(session, principal, found, listing)
        return await self.get(principal.workspace, server_id)

    async def take(self, session: AsyncSession, principal: Principal, row: ServerRow, listing: Listing) -> None:
        """A server works with another credential. The server is locked."""
        now = self._now()
        mark_listed(row, listing, now)
        await repository.reconcile(session, row, listing.tools, repository.FOREIGN, now)
        record(
            session, principal, "server.credential_changed", row.id, at=now, name=row.name, credential=row.credential
        )

    async def remove(self, principal: Principal, server_id: str) -> ConnectionRow | None:
        """Forget a server, its tools and its credential; what was granted for it, to be ended where it was granted.

        Raises:
            ApiError: 404, or 409 for the operator's own.
        """
        row = await self.foreign_row(principal.workspace, server_id)
        async with self._database.scoped(principal.workspace) as session:
            granted = (await connections.of_foreign(session, [server_id])).get(server_id)
            if granted is not None:
                await connections.remove(session, granted.id)
            await repository.remove(session, server_id)
            record(session, principal, "server.removed", server_id, at=self._now(), name=row.name)
        return granted

    async def refresh(self, workspace: str, server_id: str) -> ServerView:
        """List a server now.

        Raises:
            ApiError: 404.
        """
        await self._health.look(await self.row(workspace, server_id))
        return await self.get(workspace, server_id)

    async def tools(self, workspace: str, server_id: str, *, limit: int, cursor: str | None) -> Page[ToolView]:
        """A page of a server's tools by name.

        Raises:
            ApiError: 404.
        """
        row = await self.row(workspace, server_id)
        start = decode_cursor(cursor, 1)[0] if cursor else None
        async with self._database.scoped(row.workspace_id) as session:
            found = await repository.tools(session, server_id, limit=limit + 1, start=start)
        items = [tool_view(row, tool) for tool in found[:limit]]
        return Page(items=items, next_cursor=encode_cursor([items[-1].name]) if len(found) > limit else None)

    async def approve(self, principal: Principal, server_id: str, choice: ToolChoice) -> ServerView:
        """Let calls be offered tools as they were seen.

        Raises:
            ApiError: 403 the operator's own, 404, 409 one is not what was seen, 422 there is no such tool.
        """
        row = await self.row(principal.workspace, server_id)
        if row.workspace_id == OPERATOR and Scope.OPERATOR not in principal.scopes:
            message = "tools of the operator's own servers are approved by the operator, for every workspace"
            raise ApiError(403, "forbidden", message)
        now = self._now()
        async with self._database.scoped(row.workspace_id) as session:
            await repository.lock(session, server_id)
            for name, seen in choice.tools.items():
                tool = await session.get(ServerToolRow, (server_id, name), populate_existing=True)
                _check_seen(tool, name, seen)
                assert tool is not None, "checked"
                repository.approve(tool, by=principal.actor, now=now)
        async with self._database.scoped(principal.workspace) as session:
            names = sorted(choice.tools)
            record(session, principal, "server.tools_approved", server_id, at=now, name=row.name, tools=names)
        return await self.get(principal.workspace, server_id)


def _check_seen(tool: ServerToolRow | None, name: str, seen: str) -> None:
    if tool is None:
        raise ApiError(422, "invalid_request", "the server has no such tool (any more); list its tools", field="tools")
    if repository.fingerprint(tool.listed) != seen:
        message = f"{name} is not what was seen any more: look at it again, then approve that"
        raise ApiError(409, "changed_meanwhile", message, field="tools")


def _taken() -> ApiError:
    return ApiError(409, "taken", "a server with this name is here already; choose another", field="name")
