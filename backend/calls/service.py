"""What can be done with calls."""

import secrets
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from backend.access.principal import Principal
from backend.agents import repository as agents
from backend.agents.service import AgentService
from backend.analytics.costs import count_day
from backend.analytics.ending import close
from backend.analytics.tables import EventRow, SummaryRow
from backend.audit.service import record
from backend.calls import limits
from backend.calls.rooms import CREATOR, SPAWNER, Rooms, agent_room, creator_room
from backend.calls.schemas import CallDetail, CallSummary, CallView, Channel, NewCall, Outcome, Spawned
from backend.calls.tables import CallRow
from backend.db import Database
from backend.errors import ApiError, not_found
from backend.money import MILLION
from backend.pages import Page, after, decode_cursor, encode_cursor, instant_of
from backend.registry.access import Caller, ServerAccessGiver
from contracts.agents import AgentSpec
from contracts.calls import CallBootstrap, RenewedAccess
from contracts.meta import Role
from contracts.results import Receipt


class CallService:
    """Calls of a workspace.

    Args:
        database: where they are.
        agent_service: the agents.
        access: gives a call the addresses and tokens of its servers.
        rooms: lets people into LiveKit rooms.
        demo: whether this is demo mode.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        agent_service: AgentService,
        *,
        access: ServerAccessGiver,
        rooms: Rooms,
        demo: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._agents = agent_service
        self._access = access
        self.rooms = rooms
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

    async def workspace_of_room(self, room: str) -> str | None:
        """Whose call a room is for; None for a room that is for none."""
        async with self._database.unscoped("LiveKit names the room alone") as session:
            query = sa.select(CallRow.workspace_id).where(CallRow.room == room)
            return (await session.execute(query.limit(1))).scalar()

    async def register(self, workspace: str, new: NewCall) -> CallView:
        """Register a call that a worker or a terminal begins: of an agent, or by the number that was dialled.

        Args:
            workspace: the agent's.
            new: the call.

        Raises:
            ApiError: 404 without such an agent, 409 nothing published, 429 a limit is reached.
        """
        channel = Channel.PHONE if new.dialled else Channel.TEXT
        assert new.agent_id is not None, "a dialled number is resolved before"
        spec = await self._agents.get(workspace, new.agent_id)
        return await self._begin(spec, channel, caller=new.caller, room=new.room)

    async def spawn(
        self, workspace: str, agent_id: str, *, channel: Channel, identity: str, caller: str | None, name: str | None
    ) -> Spawned:
        """Make a room for a call, with the agent dispatched into it, and let one person in.

        Args:
            workspace: the agent's.
            agent_id: the agent.
            channel: how the person comes.
            identity: of the person in the room.
            caller: the verified caller, if there is one.
            name: to show.

        Raises:
            ApiError: as ``register``, or 503 without a LiveKit server.
        """
        self.rooms.must_be_there()
        spec = await self._agents.get(workspace, agent_id)
        call = await self._begin(spec, channel, caller=caller, room=agent_room(agent_id))
        job: dict[str, object] = {"agent_id": spec.id, "agent_version": spec.version, "call_id": call.id}
        assert call.room is not None, "made above"
        return self.rooms.let_in(call.room, worker=SPAWNER, job=job, identity=identity, name=name, call_id=call.id)

    def creator(self, principal: Principal, name: str | None) -> Spawned:
        """A room to talk with the agent that makes agents.

        Raises:
            ApiError: 503 without a LiveKit server.
        """
        job: dict[str, object] = {"workspace": principal.workspace, "actor": principal.actor}
        return self.rooms.let_in(
            creator_room(), worker=CREATOR, job=job, identity=principal.actor, name=name, call_id=None
        )

    async def _begin(self, spec: AgentSpec, channel: Channel, *, caller: str | None, room: str | None) -> CallView:
        now = self._now()
        row = CallRow(
            id=secrets.token_hex(16),
            agent_id=spec.id,
            agent_version=spec.version,
            channel=channel.value,
            caller=caller,
            room=room,
            started_at=now,
            seen_at=now,
            seconds=0,
            cost=0,
            dispatches=0,
            unknown_steps=0,
        )
        async with self._database.scoped(spec.workspace) as session:
            await limits.check(session, spec, now)
            session.add(row)
            await session.flush()
            await count_day(session, row, calls=1)
        return view_of(row)

    async def get(self, workspace: str, call_id: str) -> CallDetail:
        """One call, with its summary.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(workspace) as session:
            row = await session.get(CallRow, call_id)
            made = await session.get(SummaryRow, call_id)
        if row is None:
            raise not_found("call")
        summary = CallSummary(text=made.text, model=made.model, made_at=made.tried_at) if made and made.text else None
        return CallDetail(**view_of(row).model_dump(), summary=summary)

    async def page(self, workspace: str, *, agent_id: str | None, limit: int, cursor: str | None) -> Page[CallView]:
        """A page of the calls, the latest first."""
        query = sa.select(CallRow).order_by(CallRow.started_at.desc(), CallRow.id.desc()).limit(limit + 1)
        if agent_id is not None:
            query = query.where(CallRow.agent_id == agent_id)
        if cursor:
            at, last = decode_cursor(cursor, 2)
            query = query.where(after(CallRow.started_at, CallRow.id, values=(instant_of(at), last), descending=True))
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(query)).scalars().all()
        items = [view_of(row) for row in rows[:limit]]
        end = items[-1] if len(rows) > limit else None
        return Page(items=items, next_cursor=encode_cursor((end.started_at.isoformat(), end.id)) if end else None)

    async def bootstrap(self, workspace: str, call_id: str) -> CallBootstrap:
        """Everything a worker needs, in one answer.

        Raises:
            ApiError: 404 without such a call, 409 when it has ended.
        """
        row, spec = await self._live(workspace, call_id)
        access = await self._access.for_call(spec, _caller(row))
        resumed = row.dispatches > 0
        return CallBootstrap(
            call_id=row.id,
            agent=spec,
            caller=row.caller,
            role=Role.PUBLIC,
            servers=access,
            demo=self._demo,
            resumed=resumed,
            receipts=await self._receipts(workspace, call_id) if resumed else (),
        )

    async def _receipts(self, workspace: str, call_id: str) -> tuple[Receipt, ...]:
        """What an earlier worker of the call is known to have done."""
        tools = sa.select(EventRow).where(EventRow.call_id == call_id, EventRow.kind == "tool")
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(tools.order_by(EventRow.at, EventRow.id))).scalars().all()
        return tuple(Receipt.model_validate(row.data["receipt"]) for row in rows if "receipt" in row.data)

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
            row.seen_at = self._now()
            spec = await agents.version_of(session, row.agent_id, row.agent_version)
        if spec is None:
            raise not_found("agent version")
        return row, spec

    async def end(self, workspace: str, call_id: str, *, by: Principal) -> CallView:
        """Mark a call as ended; a second time changes nothing.

        Args:
            workspace: whose call it is.
            call_id: the call.
            by: who ends it: its worker, or somebody who cuts it off.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(workspace) as session:
            row = await session.get(CallRow, call_id)
            if row is None:
                raise not_found("call")
            if row.ended_at is None:
                await close(session, row, self._now(), Outcome.ENDED)
                if not by.is_service:
                    record(session, by, "call.ended", row.id, at=self._now(), agent=row.agent_id)
        return view_of(row)


def _caller(row: CallRow) -> Caller:
    return Caller(call=row.id, caller=row.caller, role=Role.PUBLIC)


def view_of(row: CallRow) -> CallView:
    """A call as the API says it."""
    return CallView(
        id=row.id,
        agent_id=row.agent_id,
        agent_version=row.agent_version,
        channel=Channel(row.channel),
        caller=row.caller,
        room=row.room,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=Outcome(row.outcome) if row.outcome else None,
        seconds=row.seconds,
        cost=row.cost / MILLION,
        unknown_steps=row.unknown_steps,
    )
