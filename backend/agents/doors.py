"""The ways in from outside: publishable keys, phone numbers, and how much an agent may be used."""

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.principal import Principal
from backend.access.secrets import new_id, new_token
from backend.agents.schemas import (
    Limits,
    NewPublishableKey,
    PhoneNumberView,
    PublishableKeyView,
)
from backend.agents.tables import AgentLimitRow, AgentRow, PhoneNumberRow, PublishableKeyRow
from backend.audit.service import record
from backend.errors import ApiError, not_found
from backend.money import MILLION
from backend.pages import Page, after, decode_cursor, encode_cursor
from backend.service import Service

KEY_PREFIX = "vxp_"


class DoorService(Service):
    """Ways in to the agents of a workspace."""

    async def limits(self, workspace: str, agent_id: str) -> Limits:
        """How much an agent may be used.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(workspace) as session:
            await _must_exist(session, agent_id)
            row = await session.get(AgentLimitRow, agent_id)
        if row is None:
            return Limits()
        spend = None if row.spend_a_day is None else row.spend_a_day / MILLION
        return Limits(simultaneous_calls=row.simultaneous_calls, minutes_a_day=row.minutes_a_day, spend_a_day=spend)

    async def set_limits(self, principal: Principal, agent_id: str, limits: Limits) -> Limits:
        """Say how much an agent may be used.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(principal.workspace) as session:
            await _must_exist(session, agent_id)
            row = await session.get(AgentLimitRow, agent_id)
            if row is None:
                row = AgentLimitRow(agent_id=agent_id)
                session.add(row)
            row.simultaneous_calls, row.minutes_a_day = limits.simultaneous_calls, limits.minutes_a_day
            row.spend_a_day = None if limits.spend_a_day is None else round(limits.spend_a_day * MILLION)
            record(session, principal, "agent.limited", agent_id, at=self._now())
        return limits

    async def make_key(self, principal: Principal, agent_id: str, new: NewPublishableKey) -> PublishableKeyView:
        """Make a key for a public page.

        Raises:
            ApiError: 404.
        """
        row = PublishableKeyRow(
            id=new_id("pub"),
            agent_id=agent_id,
            key=new_token(KEY_PREFIX),
            origins=new.origins,
            created_at=self._now(),
        )
        async with self._database.scoped(principal.workspace) as session:
            await _must_exist(session, agent_id)
            session.add(row)
            record(session, principal, "publishable_key.made", row.id, at=self._now(), origins=new.origins)
        return PublishableKeyView.model_validate(row, from_attributes=True)

    async def keys(self, workspace: str, agent_id: str, *, limit: int, cursor: str | None) -> Page[PublishableKeyView]:
        """The keys of an agent, by id.

        Raises:
            ApiError: 404.
        """
        query = sa.select(PublishableKeyRow).where(PublishableKeyRow.agent_id == agent_id)
        if cursor:
            query = query.where(after(PublishableKeyRow.id, values=decode_cursor(cursor, 1)))
        async with self._database.scoped(workspace) as session:
            await _must_exist(session, agent_id)
            rows = (await session.execute(query.order_by(PublishableKeyRow.id).limit(limit + 1))).scalars().all()
        items = [PublishableKeyView.model_validate(row, from_attributes=True) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor([items[-1].id]) if len(rows) > limit else None)

    async def remove_key(self, principal: Principal, agent_id: str, key_id: str) -> None:
        """Remove a key at once.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(principal.workspace) as session:
            row = await session.get(PublishableKeyRow, key_id)
            if row is None or row.agent_id != agent_id:
                raise not_found("publishable key of this agent")
            await session.delete(row)
            record(session, principal, "publishable_key.removed", key_id, at=self._now())

    async def by_key(self, key: str, origin: str | None) -> tuple[str, str]:
        """The workspace and agent of a publishable key.

        Raises:
            ApiError: 401 unknown key, 403 for a page that may not use it.
        """
        query = sa.select(PublishableKeyRow).where(PublishableKeyRow.key == key)
        async with self._database.unscoped("a publishable key tells whose it is") as session:
            row = (await session.execute(query)).scalar_one_or_none()
        if row is None:
            raise ApiError(401, "unauthorized", "send the publishable key as a bearer")
        if origin is None or origin.lower() not in row.origins:
            raise ApiError(403, "origin", "this page may not use this key; add its origin to the key")
        return row.workspace_id, row.agent_id

    async def set_number(self, principal: Principal, number: str, agent_id: str) -> PhoneNumberView:
        """Let an agent answer a number.

        Raises:
            ApiError: 404 no such agent, 409 the number is in use elsewhere.
        """
        try:
            async with self._database.scoped(principal.workspace) as session:
                await _must_exist(session, agent_id)
                row = await session.get(PhoneNumberRow, number)
                if row is None:
                    session.add(PhoneNumberRow(number=number, agent_id=agent_id, created_at=self._now()))
                else:
                    row.agent_id = agent_id
                record(session, principal, "number.set", number, at=self._now(), agent=agent_id)
        except IntegrityError:
            raise ApiError(409, "taken", "this number is answered elsewhere", field="number") from None
        return PhoneNumberView(number=number, agent_id=agent_id)

    async def numbers(self, workspace: str, *, limit: int, cursor: str | None) -> Page[PhoneNumberView]:
        """The numbers of a workspace."""
        query = sa.select(PhoneNumberRow).order_by(PhoneNumberRow.number).limit(limit + 1)
        if cursor:
            query = query.where(after(PhoneNumberRow.number, values=decode_cursor(cursor, 1)))
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(query)).scalars().all()
        items = [PhoneNumberView.model_validate(row, from_attributes=True) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor([items[-1].number]) if len(rows) > limit else None)

    async def remove_number(self, principal: Principal, number: str) -> None:
        """Let nobody answer a number.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(principal.workspace) as session:
            row = await session.get(PhoneNumberRow, number)
            if row is None:
                raise not_found("number")
            await session.delete(row)
            record(session, principal, "number.removed", number, at=self._now())

    async def by_number(self, number: str, workspace: str | None) -> tuple[str, str]:
        """The workspace and agent that answer a dialled number.

        Args:
            number: as dialled, E.164.
            workspace: whose number it must be; None for a worker, which knows the number alone.

        Raises:
            ApiError: 404.
        """
        query = sa.select(PhoneNumberRow).where(PhoneNumberRow.number == number)
        async with self._database.unscoped("a dialled number tells whose it is") as session:
            row = (await session.execute(query)).scalar_one_or_none()
        if row is None or (workspace is not None and row.workspace_id != workspace):
            raise not_found("number that an agent answers")
        return row.workspace_id, row.agent_id


async def _must_exist(session: AsyncSession, agent_id: str) -> None:
    agent = await session.get(AgentRow, agent_id)
    if agent is None or agent.archived_at is not None:
        raise not_found("agent")
