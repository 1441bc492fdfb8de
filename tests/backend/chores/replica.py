"""A replica that does one chore every second: notes that it begins, waits if told to, notes that it is done."""

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr

from backend.chores.chore import Chores, ChoreSettings
from backend.chores.durable import DurableChores
from backend.vault.keys import parse_keys
from backend.vault.vault import Vault


async def main(name: str, url: str, key: str, notes: Path, hangs: bool) -> None:
    def note(what: str) -> None:
        with notes.open("a") as file:
            file.write(f"{name} {what}\n")

    async def work() -> int:
        note("begins")
        if hangs:
            await asyncio.Event().wait()
        note("done")
        return 1

    chores = Chores()
    chores.add("write", "* * * * * *", work)
    settings = ChoreSettings(SecretStr(url), name)
    await DurableChores(chores, settings, vault=Vault(lambda: parse_keys(key))).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    replica, database, vault_key, file, hang = sys.argv[1:]
    asyncio.run(main(replica, database, vault_key, Path(file), hang == "hangs"))
