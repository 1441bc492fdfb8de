"""Secrets that a copy makes for itself, in its state folder."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr


def read_or_make_secret(path: Path, make: Callable[[], str]) -> SecretStr:
    """A secret file's content; made at first use with mode 0600, once even when two processes start together.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        write_secret(partial, make())
        try:
            # A link appears whole or not at all, and never over a file that another process made first.
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    return SecretStr(path.read_text().strip())


def write_secret(path: Path, content: str) -> None:
    """Write a file that only its owner may read, on disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replica_name(state: Path) -> str:
    """The name of the replica that has this state folder, made at first use.

    Raises:
        OSError: the folder cannot be written.
    """
    return read_or_make_secret(state / "replica.txt", lambda: f"replica-{secrets.token_hex(6)}").get_secret_value()
