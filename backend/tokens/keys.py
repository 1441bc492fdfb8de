"""The keys that sign call tokens: Ed25519, the first signs, all are published."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from backend.state_files import read_or_make_secret

SEED_BYTES = 32
FILE = "signing-keys.txt"


class BadKey(Exception):
    """A configured key is no key. The message says which, by its place, never by its content."""


@dataclass(frozen=True)
class SigningKey:
    """One key pair.

    Args:
        id: thumbprint of the public half (RFC 7638).
        private: signs.
    """

    id: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        """What checks its signatures."""
        return self.private.public_key()

    def jwk(self) -> dict[str, Any]:
        """The public half as a JSON Web Key."""
        return {**_public_members(self.public), "kid": self.id, "use": "sig", "alg": "EdDSA"}


class KeyRing:
    """The keys of this deployment.

    To rotate: add the new key last and restart (it is published), then put it first and restart (it signs), then
    drop the old one once the tokens that it signed have expired.

    Args:
        keys: the first signs; at least one.
    """

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.signing = keys[0]
        self._by_id = {key.id: key for key in keys}

    def public_key(self, key_id: str) -> Ed25519PublicKey | None:
        """What checks the signatures of a published key."""
        key = self._by_id.get(key_id)
        return key.public if key else None

    def jwks(self) -> dict[str, Any]:
        """The document that verifiers fetch."""
        return {"keys": [key.jwk() for key in self._by_id.values()]}


def key_ring(configured: SecretStr) -> KeyRing:
    """The keys of a setting: base64url seeds of 32 bytes, separated by commas.

    Raises:
        BadKey: one of them is no seed.
    """
    seeds = [part.strip() for part in configured.get_secret_value().split(",") if part.strip()]
    if not seeds:
        raise BadKey("there is no key in it; `voxie keys new` prints one")
    return KeyRing([_signing_key(seed, place) for place, seed in enumerate(seeds, start=1)])


def local_key_ring(state: Path) -> KeyRing:
    """The keys of a copy's state folder, made at first use."""
    return key_ring(read_or_make_secret(state / FILE, new_seed))


def new_seed() -> str:
    """A fresh private key, as the setting holds it."""
    raw = Ed25519PrivateKey.generate().private_bytes_raw()
    return _base64url(raw)


def _signing_key(seed: str, place: int) -> SigningKey:
    try:
        raw = base64.urlsafe_b64decode(seed + "=" * (-len(seed) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SEED_BYTES:
        raise BadKey(f"key {place} is not the base64url of 32 bytes; `voxie keys new` prints a good one")
    private = Ed25519PrivateKey.from_private_bytes(raw)
    return SigningKey(_thumbprint(private.public_key()), private)


def _public_members(public: Ed25519PublicKey) -> dict[str, str]:
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}


def _thumbprint(public: Ed25519PublicKey) -> str:
    canonical = json.dumps(_public_members(public), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
