"""Databases of every age open."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from backend.db import MIGRATIONS, Base, Database
from tests.backend.conftest import open_backend

SPEC = """{"id": "old", "version": 1, "workspace": "demo", "name": "Old", "kind": "restaurant",
 "business": {"name": "Old", "hours": {"week": {}}}, "servers": [], "tools": []}"""
FIRST_DATA = (
    "insert into workspaces (id, name, created_at) values ('demo', 'Demo', :at)",
    "insert into agents (id, workspace_id, name, published_version, created_at) values ('old', 'demo', 'Old', 1, :at)",
    "insert into agent_versions (agent_id, version, workspace_id, spec, created_at) values ('old', 1, 'demo', :spec, :at)",
    "insert into calls (id, workspace_id, agent_id, agent_version, started_at) values ('c1', 'demo', 'old', 1, :at)",
)


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_there_is_one_newest_revision() -> None:
    assert len(_scripts().get_heads()) == 1


async def test_the_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'b.sqlite3'}")
    await database.migrate()
    async with database.unscoped("a test looks at the whole schema") as session:
        connection = await session.connection()
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": False}), Base.metadata)
        )
    await database.aclose()
    assert differences == []


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'b.sqlite3'}")
    await database.migrate()
    await database.migrate()
    await database.aclose()


async def test_a_database_of_the_first_revision_opens_with_its_data(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'backend.sqlite3'}")
    await database.migrate("0001")
    async with database.unscoped("a test writes rows as the first release did") as session:
        for statement in FIRST_DATA:
            wanted = {"at": datetime(2026, 1, 2, tzinfo=UTC).isoformat(" "), "spec": SPEC}
            named = {name: value for name, value in wanted.items() if f":{name}" in statement}
            await session.execute(sa.text(statement), named)
    await database.aclose()
    async with open_backend(tmp_path) as backend:
        agents = await backend.get("/api/agents")
        assert {agent["id"] for agent in agents["items"]} == {"old", "restaurant"}
        # The operator's own servers stand beside the workspaces that were there.
        assert {server["name"] for server in (await backend.get("/api/servers"))["items"]} >= {"google-calendar"}
        assert [found["id"] for found in (await backend.get("/api/workspaces"))["items"]] == ["demo"]
        boot = await backend.post("/api/calls/c1/bootstrap")
        assert boot["agent"]["name"] == "Old"


async def test_counts_by_latency_become_one_row_a_tool_and_day(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'backend.sqlite3'}")
    await database.migrate("0007")
    async with database.unscoped("a test writes rows as that release did") as session:
        at = datetime(2026, 1, 2, tzinfo=UTC).isoformat(" ")
        await session.execute(sa.text(FIRST_DATA[0]), {"at": at})
        for agent in ("old", "new"):
            statement = "insert into agents (id, workspace_id, name, created_at) values (:id, 'demo', :id, :at)"
            await session.execute(sa.text(statement), {"id": agent, "at": at})
            for outcome, bucket, count in (("ok", 40, 3), ("ok", 60, 1), ("conflict", 40, 1)):
                statement = (
                    "insert into tool_counts (day, agent_id, workspace_id, server, tool, outcome, bucket, count)"
                    " values ('2026-01-02', :agent, 'demo', 's', 't', :outcome, :bucket, :count)"
                )
                values = {"agent": agent, "outcome": outcome, "bucket": bucket, "count": count}
                await session.execute(sa.text(statement), values)
    await database.aclose()
    async with open_backend(tmp_path) as backend:
        span = "since=2026-01-01&until=2026-01-03"
        (both,) = (await backend.get(f"/api/analytics/tools?{span}"))["items"]
        (one,) = (await backend.get(f"/api/analytics/tools?{span}&agent_id=old"))["items"]
    assert (both["calls"], both["succeeded"], both["errors"]) == (10, 8, {"conflict": 2})
    assert (one["calls"], one["succeeded"], one["errors"]) == (5, 4, {"conflict": 1})
    assert both["p50_ms"] == one["p50_ms"]


async def test_outcomes_and_latencies_are_counted_apart_and_can_be_put_together_again(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'backend.sqlite3'}"
    database = Database(url)
    await database.migrate("0009")
    counts = {"ok": {"0": 1, "40": 3, "150": 1}, "conflict": {"40": 1}}
    async with database.unscoped("a test writes rows as that release did") as session:
        at = datetime(2026, 1, 2, tzinfo=UTC).isoformat(" ")
        await session.execute(sa.text(FIRST_DATA[0]), {"at": at})
        statement = (
            "insert into tool_days (workspace_id, scope, day, server, tool, counts, cost)"
            " values ('demo', '*', '2026-01-02', 's', 't', :counts, 7)"
        )
        await session.execute(sa.text(statement), {"counts": json.dumps(counts)})
    await database.aclose()
    async with open_backend(tmp_path) as backend:
        span = "since=2026-01-01&until=2026-01-03"
        (stats,) = (await backend.get(f"/api/analytics/tools?{span}"))["items"]
        (day,) = (await backend.get(f"/api/analytics/integrations?{span}"))["items"]
    assert (stats["calls"], stats["succeeded"], stats["errors"]) == (6, 5, {"conflict": 1})
    # What took longer than the last class is in the last.
    assert [round(stats[name]) for name in ("p50_ms", "p99_ms")] == [round(1.1**39.5), round(1.1**126.5)]
    assert (day["calls"], day["errors"], day["cost"]) == (6, 1, 0.000007)
    before = await asyncio.to_thread(downgraded, url)
    assert {outcome: sum(classes.values()) for outcome, classes in before.items()} == {"ok": 5, "conflict": 1}


def downgraded(url: str) -> dict[str, dict[str, int]]:
    """What a release before finds in its only row."""
    with sa.create_engine(url.replace("+aiosqlite", "")).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "0009")
        return json.loads(connection.execute(sa.text("select counts from tool_days")).scalar_one())
