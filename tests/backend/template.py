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
            # In a thread of its own: the tests' event loop may be running here.
            making = threading.Thread(target=asyncio.run, args=(migrate(f"sqlite+aiosqlite:///{template}"),))
            making.start()
            making.join()
    state.mkdir(parents=True, exist_ok=True)
    if not (state / FILE).exists():
        shutil.copy(template, state / FILE)


async def migrate(url: str) -> None:
    """Bring a database to the newest revision."""
    database = Database(url)
    try:
        await database.migrate()
    finally:
        await database.aclose()
