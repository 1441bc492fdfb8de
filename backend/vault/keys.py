"""Where the vault's keys come from, and which are refused."""

import base64
import binascii
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from backend.state_files import read_or_make_secret, write_secret

FILE = "vault-keys.txt"
KEY_BYTES = 32
FEWEST_DIFFERENT_BYTES = 12
"""A random key of 32 bytes has fewer once in 10^11; keys typed by hand and examples have fewer."""

KeySource = Callable[[], Sequence[bytes]]
"""Gives the keys as they are now; the first seals, all open."""


class BadVaultKey(Exception):
    """A key is none, or is one that anybody could guess. The message says which by its place, never by its content."""


def new_key() -> str:
    """A fresh key, as the setting holds it."""
    return Fernet.generate_key().decode()


def parse_keys(configured: str) -> list[bytes]:
    """The keys of a setting, separated by commas.

    Raises:
        BadVaultKey: there is none, or one of them is no good.
    """
    keys = [part.strip().encode() for part in configured.split(",") if part.strip()]
    if not keys:
        raise BadVaultKey("there is no key in it; `voxie keys new` prints one")
    for place, key in enumerate(keys, start=1):
        _check(key, place)
    return keys


def _check(key: bytes, place: int) -> None:
    try:
        raw = base64.urlsafe_b64decode(key)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise BadVaultKey(f"key {place} is not the base64url of 32 bytes; `voxie keys new` prints a good one")
    if len(set(raw)) < FEWEST_DIFFERENT_BYTES:
        raise BadVaultKey(f"key {place} is not random (a default or an example); `voxie keys new` prints a good one")


def configured_keys(configured: SecretStr) -> KeySource:
    """The keys of a setting: the same for as long as the process lives."""
    keys = parse_keys(configured.get_secret_value())
    return lambda: keys


class KeyFile:
    """The keys of a copy's state folder, made at first use, read again when another process has changed them.

    Args:
        state: the folder.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / FILE
        self._read: tuple[tuple[int, int, int], list[bytes]] | None = None

    def __call__(self) -> Sequence[bytes]:
        """The keys as they are now."""
        if not self._path.exists():
            read_or_make_secret(self._path, new_key)
        status = self._path.stat()
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._read is None or self._read[0] != version:
            self._read = (version, parse_keys(self._path.read_text()))
        return self._read[1]

    def replace(self, keys: Sequence[bytes]) -> None:
        """Write other keys; whoever uses the file sees the old ones or these, never half."""
        partial = self._path.with_name(self._path.name + ".partial")
        write_secret(partial, ",".join(key.decode() for key in keys))
        partial.replace(self._path)
