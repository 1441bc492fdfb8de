"""A database with every table and no row, made once a process: migrating from nothing takes longer than most tests."""

import asyncio
import shutil
import tempfile
import threading
from pathlib import Path

from backend.db import Database

FILE = "backend.sqlite3"
_folder = tempfile.TemporaryDirectory(prefix="voxie-migrated-")
_making = threading.Lock()


def put_migrated(state: Path) -> None:
    """Put a copy where a backend of this state folder looks for its database, unless there is one."""
    template = Path(_folder.name) / FILE
    with _making:
        if not template.exists():
            migrate(f"sqlite+aiosqlite:///{template}")
    state.mkdir(parents=True, exist_ok=True)
    if not (state / FILE).exists():
        shutil.copy(template, state / FILE)


def migrate(url: str) -> None:
    """Bring a database to the newest revision."""
    # In a thread of its own: the tests' event loop may be running here.
    migrating = threading.Thread(target=asyncio.run, args=(_migrate(url),))
    migrating.start()
    migrating.join()


async def _migrate(url: str) -> None:
    database = Database(url)
    try:
        await database.migrate()
    finally:
        await database.aclose()
