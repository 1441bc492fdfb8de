"""How each server is reached: its address and what it wants to see. A call token goes to no server but the operator's."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from yarl import URL

from backend.connections import repository as connections
from backend.connections.tokens import AccessTokens, Gone, MustReconnect
from backend.connections.vendors import VendorDown
from backend.db import Database
from backend.registry.doors import ServerDoor, TokenIssuer
from backend.registry.listing import Target
from backend.registry.schemas import BearerCredential, Credential, GivenCredential, HeaderCredential, NoCredential
from backend.registry.tables import OPERATOR, ServerRow
from backend.tokens.service import TokenGrant
from backend.vault.vault import Vault
from contracts.meta import Role
from voxie_agents.mcp_guard import UrlGuard
from voxie_agents.mcp_transport import TokenSource

REGISTRY = "registry"
"""Agent and call of the tokens that the registry lists with: they name no tool, and no call that the broker knows."""


class CredentialGone(Exception):
    """The owner must grant access again."""


class CredentialLater(Exception):
    """Whoever gives fresh tokens does not answer now."""


@dataclass(frozen=True)
class Reach:
    """What a foreign server wants to see now.

    Args:
        url: its whole address.
        token: a bearer.
        expires_at: when that ends.
        headers: of its own.
        connection: where its OAuth access is kept.
    """

    url: str
    token: SecretStr | None = None
    expires_at: datetime | None = None
    headers: Mapping[str, SecretStr] | None = None
    connection: str | None = None


class Targets:
    """Reaches servers.

    Args:
        database: where credentials are.
        vault: opens them.
        tokens: gives fresh ones of OAuth.
        guard: judges foreign addresses.
        doors: the operator's servers by name.
        issue: gives the token of a grant, for the operator's servers.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        tokens: AccessTokens,
        guard: UrlGuard,
        doors: Mapping[str, ServerDoor],
        issue: TokenIssuer,
    ) -> None:
        self._database = database
        self._vault = vault
        self._tokens = tokens
        self.guard = guard
        self.doors = doors
        self._issue = issue

    async def of(self, row: ServerRow) -> Target:
        """How a server is listed.

        Raises:
            CredentialGone: the owner must grant access again.
            CredentialLater: there is no token now.
        """
        if row.workspace_id == OPERATOR:
            return self._own(self.doors[row.name])
        reach = await self.reach(row)
        token = self._renewing(row, reach) if row.credential == Credential.OAUTH.value else reach.token
        return Target(row.name, reach.url, token, reach.headers or {}, self.guard)

    def _renewing(self, row: ServerRow, reach: Reach) -> TokenSource:
        """The token at hand; when the server refuses it, a fresh one tells whether the access as such has ended."""

        async def bearer(refused: str | None) -> str:
            if refused is None and reach.token is not None:
                return reach.token.get_secret_value()
            return (await self._tokens.get(row.workspace_id, reach.connection or "", refused=refused)).value

        return bearer

    def _own(self, door: ServerDoor) -> Target:
        grant = TokenGrant(
            workspace=OPERATOR,
            agent=REGISTRY,
            call=REGISTRY,
            caller=None,
            role=Role.PUBLIC,
            resource=door.resource,
            tools=(),
        )
        token, _ = self._issue(grant)
        return Target(door.name, door.url, token)

    async def reach(self, row: ServerRow) -> Reach:
        """What a foreign server wants to see now. An OAuth token that ends soon is refreshed first.

        Raises:
            CredentialGone: the owner must grant access again.
            CredentialLater: there is no token now.
        """
        opened = self._vault.open(row.id, row.sealed)
        url = str(opened["url"])
        if row.credential != Credential.OAUTH.value:
            headers = {name: SecretStr(value) for name, value in opened.get("headers", {}).items()}
            token = opened.get("token")
            return Reach(url, SecretStr(token) if token else None, None, headers)
        async with self._database.scoped(row.workspace_id) as session:
            granted = (await connections.of_foreign(session, [row.id])).get(row.id)
        if granted is None:
            raise CredentialGone
        try:
            token = await self._tokens.get(row.workspace_id, granted.id)
        except (Gone, MustReconnect):
            raise CredentialGone from None
        except VendorDown:
            raise CredentialLater from None
        return Reach(url, SecretStr(token.value), token.expires_at, connection=granted.id)

    def is_private(self, url: str) -> bool:
        """Whether the operator vouches for the host of a foreign address."""
        parsed = URL(url)
        return self.guard.allows_private((parsed.raw_host or "").lower(), parsed.port)

    def own_row(self, door: ServerDoor, now: datetime) -> ServerRow:
        """A row for one of the operator's servers."""
        return ServerRow(
            id=f"own.{door.name}",
            name=door.name,
            title=door.title,
            origin=origin_of(door.url),
            credential=Credential.OPERATOR.value,
            sealed="",
            made_at=now,
            next_check_at=now,
            failures=0,
            left_out=0,
        )


def new_server_id() -> str:
    """An id of a foreign server."""
    return f"srv_{secrets.token_hex(12)}"


def sealed_content(url: str, credential: GivenCredential) -> dict[str, Any]:
    """What is sealed of a server that wants no OAuth."""
    content: dict[str, Any] = {"url": url}
    match credential:
        case BearerCredential():
            content["token"] = credential.token.get_secret_value()
        case HeaderCredential():
            content["headers"] = {name: value.get_secret_value() for name, value in credential.headers.items()}
        case NoCredential():
            pass
    return content


def target_with(name: str, url: str, credential: GivenCredential, guard: UrlGuard) -> Target:
    """How a foreign server is listed with a credential that is not saved yet."""
    token = credential.token if isinstance(credential, BearerCredential) else None
    headers = credential.headers if isinstance(credential, HeaderCredential) else {}
    return Target(name, url, token, headers, guard)


def origin_of(url: str) -> str:
    """What may be shown of an address."""
    return str(URL(url).origin())[:300]
