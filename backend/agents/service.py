"""What can be done with agents."""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.principal import Principal
from backend.agents import repository
from backend.agents.schemas import AgentDraft, AgentSummary, NewAgent, VersionState, VersionView
from backend.agents.seed import demo_agents
from backend.agents.tables import AgentRow, AgentVersionRow
from backend.audit.service import record
from backend.db import Database
from backend.errors import ApiError, not_found
from backend.pages import Page, decode_cursor, encode_cursor
from backend.workspaces.repository import DEMO_WORKSPACE, add_workspace
from contracts.agents import AgentSpec
from contracts.grants import granted

ZAP_TOOL = "zapier_trigger_zap"


class AgentService:
    """Agents of a workspace.

    Args:
        database: where they are.
        servers: names of the operator's MCP servers, which every agent can use.
        registered: names of those that a workspace added.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        *,
        servers: Collection[str],
        registered: Callable[[str], Awaitable[Collection[str]]],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._servers = frozenset(servers)
        self._registered = registered
        self._now = now

    async def seed_demo(self) -> None:
        """The demo workspace and its agents, where they are missing or older."""
        seeder = Principal(DEMO_WORKSPACE, "seed", frozenset())
        async with self._database.scoped(DEMO_WORKSPACE) as session:
            await add_workspace(session, DEMO_WORKSPACE, "Demo", self._now())
            for spec in demo_agents():
                agent = await session.get(AgentRow, spec.id)
                if agent is None:
                    await self._add(session, seeder, spec, publish=True)
                    continue
                stored = await repository.published_spec(session, spec.id)
                if agent.archived_at is None and (stored is None or stored.model_copy(update={"version": 1}) != spec):
                    newer = await repository.newest_version(session, spec.id) + 1
                    row = await self._store(session, seeder, spec.model_copy(update={"version": newer}))
                    await repository.make_published(session, agent, row)

    async def page(self, workspace: str, *, limit: int, cursor: str | None) -> Page[AgentSummary]:
        """A page of the agents, by name."""
        start = decode_cursor(cursor, 2) if cursor else None
        async with self._database.scoped(workspace) as session:
            rows = await repository.page(session, limit=limit + 1, start=start)
            kinds = await repository.kinds(session, [row.id for row in rows])
        items = [
            AgentSummary(id=row.id, name=row.name, kind=kinds[row.id], version=row.published_version)
            for row in rows[:limit]
        ]
        more = len(rows) > limit
        return Page(items=items, next_cursor=encode_cursor((items[-1].name, items[-1].id)) if more else None)

    async def get(self, workspace: str, agent_id: str) -> AgentSpec:
        """The published version of an agent.

        Raises:
            ApiError: 404 without such an agent, 409 when nothing of it is published.
        """
        async with self._database.scoped(workspace) as session:
            spec = await repository.published_spec(session, agent_id)
            if spec is not None:
                return spec
            agent = await session.get(AgentRow, agent_id)
            if agent is not None and agent.archived_at is None:
                raise ApiError(409, "not_published", "nothing of this agent is published yet; publish its draft")
            known = [row.id for row in await repository.page(session, limit=10, start=None)]
        raise not_found("agent", known)

    async def make(self, principal: Principal, new: NewAgent) -> VersionView:
        """Make an agent.

        Raises:
            ApiError: 422, it cannot work; the field and the fix are named.
        """
        await self._check(principal.workspace, new)
        spec = _spec(f"{_slug(new.name)}-{secrets.token_hex(4)}", 1, principal.workspace, new)
        async with self._database.scoped(principal.workspace) as session:
            row = await self._add(session, principal, spec, publish=new.publish)
        return _view(row)

    async def _add(
        self, session: AsyncSession, principal: Principal, spec: AgentSpec, *, publish: bool
    ) -> AgentVersionRow:
        agent = AgentRow(id=spec.id, name=spec.name, created_at=self._now())
        session.add(agent)
        await session.flush()
        row = await self._store(session, principal, spec)
        record(session, principal, "agent.made", spec.id, at=self._now())
        if publish:
            await repository.make_published(session, agent, row)
        return row

    async def _store(self, session: AsyncSession, principal: Principal, spec: AgentSpec) -> AgentVersionRow:
        return await repository.add_version(
            session, spec, state=VersionState.DRAFT, by=principal.actor, now=self._now()
        )

    async def write_draft(self, principal: Principal, agent_id: str, draft: AgentDraft) -> VersionView:
        """Write what the next version will be; a draft that is there is replaced.

        Raises:
            ApiError: 404, or 422 as ``make``.
        """
        await self._check(principal.workspace, draft)
        async with self._database.scoped(principal.workspace) as session:
            await self._locked(session, agent_id)
            row = await repository.draft_of(session, agent_id)
            if row is None:
                version = await repository.newest_version(session, agent_id) + 1
                row = await self._store(session, principal, _spec(agent_id, version, principal.workspace, draft))
            else:
                spec = _spec(agent_id, row.version, principal.workspace, draft)
                row.spec, row.created_by, row.created_at = spec.model_dump(mode="json"), principal.actor, self._now()
            record(session, principal, "agent.drafted", agent_id, at=self._now(), version=row.version)
        return _view(row)

    async def publish(self, principal: Principal, agent_id: str) -> VersionView:
        """Let new calls use the draft. Calls that go on keep what they began with.

        Raises:
            ApiError: 404, or 409 without a draft.
        """
        async with self._database.scoped(principal.workspace) as session:
            agent = await self._locked(session, agent_id)
            row = await repository.draft_of(session, agent_id)
            if row is None:
                raise ApiError(409, "no_draft", "there is no draft to publish; write one first")
            await repository.make_published(session, agent, row)
            record(session, principal, "agent.published", agent_id, at=self._now(), version=row.version)
        return _view(row)

    async def roll_back(self, principal: Principal, agent_id: str, version: int) -> VersionView:
        """Let new calls use an earlier version again.

        Raises:
            ApiError: 404, or 409 for a draft.
        """
        async with self._database.scoped(principal.workspace) as session:
            agent = await self._locked(session, agent_id)
            row = await session.get(AgentVersionRow, (agent_id, version))
            if row is None:
                raise not_found("version of this agent")
            if row.state == VersionState.DRAFT.value:
                raise ApiError(409, "is_draft", "this version was never published; publish it instead", field="version")
            await repository.make_published(session, agent, row)
            record(session, principal, "agent.rolled_back", agent_id, at=self._now(), version=version)
        return _view(row)

    async def archive(self, principal: Principal, agent_id: str) -> None:
        """Take an agent out of use: no new calls. Its calls and versions stay readable.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(principal.workspace) as session:
            agent = await self._locked(session, agent_id)
            agent.archived_at = self._now()
            record(session, principal, "agent.archived", agent_id, at=self._now())

    async def versions(self, workspace: str, agent_id: str, *, limit: int, cursor: str | None) -> Page[VersionView]:
        """The versions of an agent, the newest first.

        Raises:
            ApiError: 404.
        """
        below = _version_in(decode_cursor(cursor, 1)[0]) if cursor else None
        async with self._database.scoped(workspace) as session:
            if await session.get(AgentRow, agent_id) is None:
                raise not_found("agent")
            rows = await repository.versions(session, agent_id, limit=limit + 1, below=below)
        items = [_view(row) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor([str(items[-1].version)]) if len(rows) > limit else None)

    async def _locked(self, session: AsyncSession, agent_id: str) -> AgentRow:
        agent = await repository.lock(session, agent_id)
        if agent is None or agent.archived_at is not None:
            raise not_found("agent")
        return agent

    async def _check(self, workspace: str, draft: AgentDraft) -> None:
        known = {*self._servers, *await self._registered(workspace)}
        unknown = [name for name in draft.servers if name not in known]
        if unknown:
            there = ", ".join(sorted(known))
            raise _wrong("servers", f"{unknown[0]} is no MCP server of this workspace; there are: {there}")
        if draft.tools and not draft.servers:
            raise _wrong("servers", "name the MCP servers that the tools are on")
        extent = granted(ZAP_TOOL, draft.tools)
        if draft.notify_hook is not None and not extent.whole and draft.notify_hook not in extent.only:
            raise _wrong("notify_hook", f"to notify a hook the agent needs the tool {ZAP_TOOL}; add it to tools")


def _wrong(field: str, message: str) -> ApiError:
    return ApiError(422, "invalid_agent", message, field=field)


def _version_in(text: str) -> int:
    if not text.isdigit() or len(text) > 9:
        raise ApiError(422, "invalid_request", "this is not a cursor of this list; begin without one", field="cursor")
    return int(text)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "agent"


def _spec(agent_id: str, version: int, workspace: str, draft: AgentDraft) -> AgentSpec:
    content = draft.model_dump(include=set(AgentDraft.model_fields))
    return AgentSpec.model_validate({**content, "id": agent_id, "version": version, "workspace": workspace})


def _view(row: AgentVersionRow) -> VersionView:
    return VersionView(
        version=row.version,
        state=VersionState(row.state),
        created_by=row.created_by,
        created_at=row.created_at,
        spec=AgentSpec.model_validate(row.spec),
    )
