"""Databases of every age open."""

from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
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
