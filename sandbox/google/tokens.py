"""Page tokens and sync tokens: opaque to clients, JSON to us."""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from sandbox.google.errors import GoogleError, invalid


def write_token(**data: Any) -> str:
    """An opaque token."""
    return base64.urlsafe_b64encode(json.dumps(data, separators=(",", ":")).encode()).decode().rstrip("=")


def read_token(text: str, keys: set[str], name: str) -> dict[str, Any]:
    """What a token holds.

    Args:
        text: as the client sent it.
        keys: what it must hold.
        name: the parameter.

    Raises:
        GoogleError: 400 when it is none of ours.
    """
    try:
        data = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except ValueError:
        raise _invalid(name) from None
    if not isinstance(data, dict) or set(data) != keys:
        raise _invalid(name)
    return data


def _invalid(name: str) -> GoogleError:
    words = "page" if name == "pageToken" else "sync"
    return invalid(f"Invalid {words} token value.", name)


def fingerprint(pairs: Iterable[tuple[str, str]]) -> str:
    """What a query asks; a page token is good only for the same."""
    return hashlib.sha256(repr(sorted(pairs)).encode()).hexdigest()[:16]
