"""Whose Google account a call works on, and what sends requests in its name."""

from collections.abc import Mapping
from typing import Any, Protocol

from mcp_servers.shared.calls import Call


class Credentials(Protocol):
    """A source of access tokens."""

    async def connection(self, call: Call | None) -> str:
        """Which account this call works on: the key of caches, promises and limits; empty when there is one only."""
        ...

    async def settings(self, call: Call) -> Mapping[str, Any]:
        """What the owner set for this account; the server's own settings count for what is not set."""
        ...

    async def access_token(self, call: Call | None, *, refused: str | None = None) -> str:
        """A token to send.

        Args:
            call: for whom; None for the server's own background reads.
            refused: a token that Google just refused; it is not given out again.

        Raises:
            NeedsReconnect: the owner must connect again.
            Unavailable: the token endpoint cannot be reached now.
        """
        ...

    async def aclose(self) -> None:
        """Finish or give up what is being fetched."""
        ...


class OneAccount:
    """Of a server that runs alone."""

    async def connection(self, call: Call | None) -> str:
        """There is one account."""
        del call
        return ""

    async def settings(self, call: Call) -> Mapping[str, Any]:
        """The server's own settings are the account's."""
        del call
        return {}

    async def aclose(self) -> None:
        """Nothing is being fetched."""
