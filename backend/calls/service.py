"""What can be done with calls."""

import secrets
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from backend.agents import repository as agents
from backend.agents.service import AgentService
from backend.calls.schemas import CallView, NewCall
from backend.calls.tables import CallRow
from backend.db import Database
from backend.errors import ApiError, not_found
from backend.registry.access import Caller, ServerAccessGiver
from contracts.agents import AgentSpec
from contracts.calls import CallBootstrap, RenewedAccess
from contracts.meta import Role


class CallService:
    """Calls of a workspace.

    Args:
        database: where they are.
        agent_service: the agents.
        access: gives a call the addresses and tokens of its servers.
        demo: whether this is demo mode.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        agent_service: AgentService,
        *,
        access: ServerAccessGiver,
        demo: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agent_service
        self._access = access
        self._demo = demo
        self._now = now

    async def workspace_of(self, call_id: str) -> str:
        """Whose call it is. A worker knows its call, not the workspace.

        Raises:
            ApiError: 404.
        """
        async with self._database.unscoped("a worker's job names the call alone") as session:
            workspace = (await session.execute(sa.select(CallRow.workspace_id).where(CallRow.id == call_id))).scalar()
        if workspace is None:
            raise not_found("call")
        return workspace

    async def start(self, workspace: str, new: NewCall) -> CallView:
        """Register a call, pinned to the agent's published version.

        Raises:
            ApiError: 404 without such an agent.
        """
        spec = await self._agents.get(workspace, new.agent_id)
        row = CallRow(
            id=secrets.token_hex(16),
            workspace_id=workspace,
            agent_id=spec.id,
            agent_version=spec.version,
            caller=new.caller,
            started_at=self._now(),
            ended_at=None,
        )
        async with self._database.scoped(workspace) as session:
            session.add(row)
        return _view(row)

    async def bootstrap(self, workspace: str, call_id: str) -> CallBootstrap:
        """Everything a worker needs, in one answer.

        Raises:
            ApiError: 404 without such a call, 409 when it has ended.
        """
        row, spec = await self._live(workspace, call_id)
        access = await self._access.for_call(spec, _caller(row))
        return CallBootstrap(
            call_id=row.id, agent=spec, caller=row.caller, role=Role.PUBLIC, servers=access, demo=self._demo
        )

    async def renew(self, workspace: str, call_id: str) -> RenewedAccess:
        """Fresh tokens for a call that goes on.

        Raises:
            ApiError: 404 without such a call, 409 when it has ended.
        """
        row, spec = await self._live(workspace, call_id)
        return RenewedAccess(servers=await self._access.for_call(spec, _caller(row)))

    async def _live(self, workspace: str, call_id: str) -> tuple[CallRow, AgentSpec]:
        async with self._database.scoped(workspace) as session:
            row = await session.get(CallRow, call_id)
            if row is None:
                raise not_found("call")
            if row.ended_at is not None:
                raise ApiError(409, "call_ended", "this call has ended; start a new one")
            spec = await agents.version_of(session, row.agent_id, row.agent_version)
        if spec is None:
            raise not_found("agent version")
        return row, spec

    async def end(self, workspace: str, call_id: str) -> CallView:
        """Mark a call as ended; a second time changes nothing.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(workspace) as session:
            row = await session.get(CallRow, call_id)
            if row is None:
                raise not_found("call")
            row.ended_at = row.ended_at or self._now()
        return _view(row)


def _caller(row: CallRow) -> Caller:
    return Caller(call=row.id, caller=row.caller, role=Role.PUBLIC)


def _view(row: CallRow) -> CallView:
    return CallView(
        id=row.id,
        agent_id=row.agent_id,
        agent_version=row.agent_version,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
