"""The fixture that others build on."""

import asyncpg
import pytest

from tests.postgres import Postgres


@pytest.mark.needs_postgres
async def test_each_test_has_an_empty_database_of_its_own(postgres_server: Postgres, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("create table mine (id int)")
    await connection.close()
    other = await asyncpg.connect(postgres_server.new_database())
    assert await other.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
    await other.close()


def test_a_test_that_asks_for_a_database_runs_on_both_kinds(database_url: str) -> None:
    assert database_url.split(":", maxsplit=1)[0] in {"sqlite", "postgresql"}
