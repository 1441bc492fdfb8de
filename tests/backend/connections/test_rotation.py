"""``voxie keys``: what was sealed is moved to a new key, while the backend runs."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio

from backend.vault.keys import new_key
from tests.backend.connections.conftest import Shop
from tests.backend.served import serve_backend
from tests.fakes.oauth_vendor import serve_vendor


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncGenerator[Shop]:
    """One whose database is in its state folder, where the command looks for it."""
    async with serve_vendor() as vendor, serve_backend(tmp_path, BACKEND_SANDBOX_URL=vendor.url) as backend:
        yield Shop(backend, vendor)


def voxie(*arguments: str, state: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from cli.main import main; main()", "--state", str(state), *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=state,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


def stored_keys(state: Path) -> str:
    return (state / "vault-keys.txt").read_text()


async def test_a_copy_gets_a_new_key_while_its_backend_runs(shop: Shop, tmp_path: Path) -> None:
    await shop.connect()
    before = stored_keys(tmp_path)
    rotated = await asyncio.to_thread(voxie, "keys", "rotate", "--json", state=tmp_path)
    assert rotated.returncode == 0, rotated.stderr
    assert json.loads(rotated.stdout) == {"resealed": 1, "old_keys_dropped": True}
    assert before not in stored_keys(tmp_path)
    assert "," not in stored_keys(tmp_path)
    # The backend that was running before opens what the new key sealed, and seals with it.
    shop.backend.clock.advance(hours=1)
    view = await shop.backend.post(f"/api/connections/{(await shop.connections())[0]['id']}/check")
    assert view["status"] == "connected"
    assert shop.vendor.refreshes == 1


async def test_configured_keys_are_moved_to_the_first_and_the_rest_can_go(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    async with serve_vendor() as vendor:
        async with serve_backend(tmp_path, BACKEND_SANDBOX_URL=vendor.url, BACKEND_VAULT_KEYS=old) as backend:
            await Shop(backend, vendor).connect()
        rotated = await asyncio.to_thread(voxie, "keys", "rotate", state=tmp_path, BACKEND_VAULT_KEYS=f"{new},{old}")
        assert rotated.returncode == 0, rotated.stderr
        assert rotated.stdout.startswith("1 credentials sealed")
        async with serve_backend(tmp_path, BACKEND_SANDBOX_URL=vendor.url, BACKEND_VAULT_KEYS=new) as backend:
            backend.clock.advance(hours=2)
            shop = Shop(backend, vendor)
            view = await backend.post(f"/api/connections/{(await shop.connections())[0]['id']}/check")
            assert view["status"] == "connected"


async def test_without_the_key_that_sealed_it_rotation_says_so_and_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    await shop.connect()
    rotated = await asyncio.to_thread(voxie, "keys", "rotate", state=tmp_path, BACKEND_VAULT_KEYS=new_key())
    assert rotated.returncode != 0
    assert "add the key that it was sealed with" in rotated.stderr


def test_new_keys_are_printed_as_lines_for_env(tmp_path: Path) -> None:
    printed = voxie("keys", "new", state=tmp_path)
    assert [line.split("=")[0] for line in printed.stdout.splitlines()] == [
        "BACKEND_VAULT_KEYS",
        "BACKEND_SIGNING_KEYS",
    ]
    assert not list(tmp_path.iterdir())
