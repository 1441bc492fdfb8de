"""What a call leaves behind in the ledgers, the backend and the log: nothing secret, and in no log what the caller said."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from backend.connections.tables import ConnectionRow
from backend.db import Database
from backend.vault.vault import Vault
from tests.backend.served import MCP_SERVICE_TOKEN, SERVICE_TOKEN
from tests.canaries import found_in, leaks_of
from tests.e2e.conftest import Installation
from tests.e2e.test_two_workspaces import access_of, call, door
from tests.world import HOOK

SPOKEN = {
    "a name that was said": "Wilhelmina Canary of the Hill",
    "a note that was said": "canary: allergic to walnuts, and deaf in one ear",
}
TIMES = {"start": "2026-11-24T19:00:00+01:00", "end": "2026-11-24T20:30:00+01:00"}


async def connected(installed: Installation) -> dict[str, str]:
    """Every text in what the vault keeps of the connections, by where it is."""
    vault, database = Vault(installed.backend.settings.key_source()), Database(installed.backend.settings.database)
    async with database.unscoped("a test opens what is sealed") as session:
        rows = (await session.execute(sa.select(ConnectionRow))).scalars().all()
    await database.aclose()
    contents = {row.server: vault.open(row.id, row.sealed) for row in rows}
    found = {f"{server} {name}": value for server, content in contents.items() for name, value in content.items()}
    return {name: value for name, value in found.items() if isinstance(value, str) and len(value) >= 16}


@pytest.mark.needs_zapier
async def test_what_a_call_leaves_behind_holds_no_secret(
    installed: Installation, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    access = await access_of(installed, installed.owner, await installed.set_up())
    calendar, zapier = door(access["google-calendar"]), door(access["zapier"])
    name, note = SPOKEN.values()
    booked = (await call(calendar, "calendar_create_event", {"summary": name, "description": note, **TIMES}))[
        "structuredContent"
    ]
    payload = {"booking": booked["event_id"], "name": name, "note": note}
    sent = (await call(zapier, "zapier_trigger_zap", {"zap_id": HOOK, "payload": payload}))["structuredContent"]
    assert sent["receipt"]
    # What goes wrong says it to the caller, and to nobody else.
    for at, tool, arguments in (
        (calendar, "calendar_create_event", {"summary": name, note: note, **TIMES}),
        (calendar, "calendar_create_event", {"summary": [note], **TIMES}),
        (calendar, "calendar_delete_event", {"event_id": note}),
        (zapier, "zapier_trigger_zap", {"zap_id": note, "payload": payload}),
        (zapier, "zapier_trigger_zap", {"zap_id": HOOK, "payload": note}),
    ):
        assert (await call(at, tool, arguments))["isError"], tool
    for client in (calendar, zapier):
        await client.http.aclose()
    secrets = await connected(installed) | {
        "token of the MCP servers": MCP_SERVICE_TOKEN,
        "service token": SERVICE_TOKEN,
        **{f"call token for {server}": found["token"] for server, found in access.items()},
    }
    assert {"zapier url", "google-calendar refresh_token"} <= secrets.keys()
    problems = leaks_of(tmp_path / "backend", secrets) + leaks_of(tmp_path / "servers", secrets, without="sandbox")
    ledgers = [path.name for path in (tmp_path / "servers").rglob("*.sqlite3") if not path.name.startswith("sandbox")]
    assert len(ledgers) == 2, ledgers
    written = capfd.readouterr()
    logged = (written.out + written.err + caplog.text).encode()
    assert not problems + found_in(logged, secrets | SPOKEN)
