"""``voxie keys``: the backend's keys."""

import asyncio
from typing import Annotated

import typer

from cli.errors import Stop
from cli.state import State

app = typer.Typer(no_args_is_help=True, help="The keys that the backend seals credentials and signs call tokens with.")


@app.command()
def new() -> None:
    """Print fresh keys, as lines for .env. Nothing is stored."""
    from backend.tokens.keys import new_seed  # noqa: PLC0415
    from backend.vault.keys import new_key  # noqa: PLC0415

    typer.echo(f"BACKEND_VAULT_KEYS={new_key()}\nBACKEND_SIGNING_KEYS={new_seed()}")


@app.command()
def rotate(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Seal every stored credential with the newest key.

    With BACKEND_VAULT_KEYS: put a new key first, restart the backend, run this, then drop the old keys. Without it this
    copy makes its new key itself and drops the old one; the backend may run meanwhile.
    """
    moved, dropped = asyncio.run(_rotate(context.obj))
    if as_json:
        typer.echo(f'{{"resealed": {moved}, "old_keys_dropped": {str(dropped).lower()}}}')
        return
    after = "the old key is gone" if dropped else "the keys after the first in BACKEND_VAULT_KEYS can go now"
    typer.echo(f"{moved} credentials sealed with the new key; {after}.")


async def _rotate(state: State) -> tuple[int, bool]:
    from backend.db import Database  # noqa: PLC0415
    from backend.settings import SettingsError, load_storage  # noqa: PLC0415
    from backend.vault.rotation import reseal_all, rotate_file  # noqa: PLC0415
    from backend.vault.vault import SealBroken, Vault  # noqa: PLC0415

    try:
        storage = load_storage(state.folder)
        database = Database(storage.database)
    except SettingsError as error:
        raise Stop(str(error)) from None
    try:
        await database.migrate()
        if storage.vault_keys is None:
            return await rotate_file(database, storage.key_file()), True
        return await reseal_all(database, Vault(storage.key_source())), False
    except SealBroken as error:
        raise Stop(f"{error}; add the key that it was sealed with, then run this again") from None
    finally:
        await database.aclose()
