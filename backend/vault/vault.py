"""Sealing and opening."""

import json
from collections.abc import Mapping
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from backend.vault.keys import KeySource

OWNER = "owner"
CONTENT = "content"


class SealBroken(Exception):
    """What is stored cannot be opened: no key of ours sealed it, or it was sealed for another row."""


class Vault:
    """Seals credentials for one owner each, so that a sealed text is worth nothing in another row.

    Args:
        keys: gives the keys; the first seals, all open.
    """

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    def seal(self, owner: str, content: Mapping[str, Any]) -> str:
        """Seal JSON content.

        Args:
            owner: the id of the row that it will stand in.
            content: what to hide.
        """
        return self._cipher().encrypt(json.dumps({OWNER: owner, CONTENT: dict(content)}).encode()).decode()

    def open(self, owner: str, sealed: str) -> dict[str, Any]:
        """What was sealed for a row.

        Raises:
            SealBroken: it cannot be opened.
        """
        try:
            stored = cast("dict[str, Any]", json.loads(self._cipher().decrypt(sealed.encode())))
        except InvalidToken:
            raise SealBroken("a credential was sealed with a key that is not in BACKEND_VAULT_KEYS") from None
        if stored[OWNER] != owner:
            raise SealBroken("a credential was sealed for another row")
        return stored[CONTENT]

    def reseal(self, sealed: str) -> str:
        """The same content under the first key.

        Raises:
            SealBroken: no key opens it.
        """
        try:
            return self._cipher().rotate(sealed).decode()
        except InvalidToken:
            raise SealBroken("a credential was sealed with a key that is not in BACKEND_VAULT_KEYS") from None

    def is_current(self, sealed: str) -> bool:
        """Whether the first key sealed it."""
        try:
            Fernet(self._keys()[0]).decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def _cipher(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._keys()])
