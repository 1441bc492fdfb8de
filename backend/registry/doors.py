"""The operator's own servers, as the settings say where they are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from backend.tokens.service import TokenGrant

TokenIssuer = Callable[[TokenGrant], tuple[SecretStr, datetime | None]]
"""Gives a bearer and when it expires; None for never."""


def static_issuer(token: SecretStr) -> TokenIssuer:
    """One bearer for every grant, for servers that run with ``MCP_AUTH=static``."""
    return lambda _: (token, None)


@dataclass(frozen=True)
class ServerDoor:
    """Where an operator's own server is.

    Args:
        name: as in its manifest.
        url: where agents find it.
        resource: its resource id, the audience of its call tokens.
        title: for people.
    """

    name: str
    url: str
    resource: str
    title: str = ""
