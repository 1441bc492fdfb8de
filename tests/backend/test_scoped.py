"""A session of one workspace cannot see, change or add rows of another, whatever the query's shape."""

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from backend.agents.tables import AgentRow, AgentVersionRow
from backend.calls.tables import CallRow
from backend.db import Database, ScopeError, insert_new, rows_changed
from backend.workspaces.repository import add_workspace
from tests.clock import MONDAY_MORNING

OTHER = aliased(AgentRow)
SHAPES = {
    "entity": sa.select(AgentRow.id),
    "whole": sa.select(AgentRow),
    "count": sa.select(sa.func.count()).select_from(AgentRow),
    "max": sa.select(sa.func.max(AgentRow.id)),
    "alias": sa.select(OTHER.id),
    "join": sa.select(CallRow.id).join(AgentRow, AgentRow.id == CallRow.agent_id),
    "outer": sa.select(AgentRow.id).outerjoin(CallRow, CallRow.agent_id == AgentRow.id),
    "subquery": sa.select(sa.select(AgentRow.id).subquery().c.id),
    "cte": sa.select(sa.select(AgentRow.id).cte().c.id),
    "exists": sa.select(CallRow.id).where(sa.exists().where(AgentRow.id == CallRow.agent_id)),
    "in": sa.select(AgentVersionRow.version).where(AgentVersionRow.agent_id.in_(sa.select(AgentRow.id))),
    "union": sa.union_all(sa.select(AgentRow.id), sa.select(CallRow.id)),
    "window": sa.select(sa.func.row_number().over(order_by=AgentRow.id)).select_from(AgentRow),
}


@pytest_asyncio.fixture(loop_scope="module")
async def database(database: Database) -> Database:
    """Two workspaces; only ``one`` has rows."""
    for workspace in ("one", "two"):
        async with database.scoped(workspace) as session:
            await add_workspace(session, workspace, workspace, MONDAY_MORNING)
    async with database.scoped("one") as session:
        session.add(AgentRow(id="a", name="A", published_version=1, created_at=MONDAY_MORNING))
        await session.flush()
        session.add(
            AgentVersionRow(
                agent_id="a", version=1, state="published", created_by="seed", spec={}, created_at=MONDAY_MORNING
            )
        )
        session.add(
            CallRow(
                id="c", agent_id="a", agent_version=1, channel="text", started_at=MONDAY_MORNING,
                seen_at=MONDAY_MORNING, seconds=0, cost=0,
            )
        )  # fmt: skip
    return database


@pytest.mark.parametrize("shape", SHAPES)
async def test_no_query_shape_reaches_another_workspace(database: Database, shape: str) -> None:
    async with database.scoped("one") as session:
        mine = (await session.execute(SHAPES[shape])).scalars().all()
    async with database.scoped("two") as session:
        theirs = (await session.execute(SHAPES[shape])).scalars().all()
    assert any(mine)
    assert not any(theirs)


async def test_a_row_of_another_workspace_is_not_got_by_its_id(database: Database) -> None:
    async with database.scoped("two") as session:
        assert await session.get(AgentRow, "a") is None


@pytest.mark.parametrize("statement", [sa.update(AgentRow).values(name="X"), sa.delete(CallRow)])
async def test_rows_of_another_workspace_are_not_changed_or_deleted(database: Database, statement: sa.Update) -> None:
    async with database.scoped("two") as session:
        assert rows_changed(await session.execute(statement)) == 0
    async with database.scoped("one") as session:
        assert rows_changed(await session.execute(statement)) == 1


async def test_a_new_row_belongs_to_the_sessions_workspace_and_to_no_other(database: Database) -> None:
    with pytest.raises(ScopeError):
        async with database.scoped("two") as session:
            session.add(AgentRow(id="b", workspace_id="one", name="B", published_version=1, created_at=MONDAY_MORNING))


async def test_an_insert_statement_cannot_slip_past(database: Database) -> None:
    statement = sa.insert(AgentRow).values(
        id="b", workspace_id="one", name="B", published_version=1, created_at=MONDAY_MORNING
    )
    with pytest.raises(ScopeError):
        async with database.scoped("two") as session:
            await session.execute(statement)


async def test_rows_that_are_there_already_are_left_alone_by_insert_new(database: Database) -> None:
    rows = [{"id": name, "name": name, "published_version": 1, "created_at": MONDAY_MORNING} for name in ("a", "b")]
    async with database.scoped("one") as session:
        assert await insert_new(session, AgentRow, rows) == 1
    async with database.scoped("one") as session:
        assert (await session.execute(sa.select(AgentRow.name).order_by(AgentRow.id))).scalars().all() == ["A", "b"]


async def test_a_row_is_not_moved_to_another_workspace(database: Database) -> None:
    async with database.scoped("one") as session:
        row = await session.get_one(AgentRow, "a")
        row.workspace_id = "two"
        with pytest.raises(ScopeError):
            await session.flush()
        session.expunge_all()
