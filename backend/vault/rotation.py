"""Moves everything that is sealed to the newest key."""

import sqlalchemy as sa

from backend.connections.tables import ConnectionRow, OAuthFlowRow
from backend.db import Database
from backend.registry.tables import ServerRow
from backend.vault.keys import KeyFile, new_key
from backend.vault.vault import Vault

SEALED = (ConnectionRow, OAuthFlowRow, ServerRow)
"""Every table that holds sealed text, in its column ``sealed``."""


async def reseal_all(database: Database, vault: Vault) -> int:
    """Seal with the first key what another sealed; how many texts there were.

    The backend may run meanwhile: a row that it changes at the same moment is left to it and looked at again.

    Raises:
        SealBroken: no key of ours opens one of them.
    """
    moved = 0
    for table in SEALED:
        while (left := await _reseal(database, vault, table)) > 0:
            moved += left
    return moved


async def _reseal(database: Database, vault: Vault, table: type[ConnectionRow | OAuthFlowRow | ServerRow]) -> int:
    async with database.unscoped("keys are rotated for every workspace") as session:
        texts = (await session.execute(sa.select(table.sealed))).scalars()
        older = [text for text in texts if text and not vault.is_current(text)]
        for text in older:
            query = sa.update(table).where(table.sealed == text).values(sealed=vault.reseal(text))
            await session.execute(query.execution_options(synchronize_session=False))
    return len(older)


async def rotate_file(database: Database, file: KeyFile) -> int:
    """Give a copy a new key and drop its old ones; how many texts were moved to it.

    The old keys go only when nothing is sealed with them any more, so a stop half-way loses nothing.
    """
    file.replace([new_key().encode(), *file()])
    moved = await reseal_all(database, Vault(file))
    file.replace(file()[:1])
    return moved
