"""Connecting a foreign MCP server by OAuth: through the one flow, with the grantor that the server leads to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.principal import Principal
from backend.connections import repository as connections
from backend.connections.grantors import Grantor, TokenEndpoints, life_in, token_in
from backend.connections.oauth import Consent, OAuthFlows
from backend.connections.repository import FOREIGN, Proved
from backend.connections.schemas import StartedOAuth, Way
from backend.connections.service import answered
from backend.connections.tables import ConnectionRow
from backend.connections.vendors import VendorDown
from backend.db import Database
from backend.errors import ApiError, not_found
from backend.registry import repository
from backend.registry.discovery import Discovery
from backend.registry.listing import Listing, Target
from backend.registry.schemas import Credential, NewOAuthServer, OAuthClientChoice
from backend.registry.service import RegistryService
from backend.registry.tables import ServerRow
from backend.registry.targets import Targets
from backend.vault.vault import Vault

MOST_SCOPES, LONGEST_SCOPE = 50, 200


class ServerConsent:
    """Takes owners to the consent of a foreign server's grantor, and saves what they come back with.

    Args:
        database: where it is saved.
        vault: seals it.
        registry: the servers.
        targets: how they are reached.
        flows: the OAuth flow.
        discovery: finds grantors.
        endpoints: ends an access.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        registry: RegistryService,
        targets: Targets,
        flows: OAuthFlows,
        discovery: Discovery,
        endpoints: TokenEndpoints,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._registry = registry
        self._targets = targets
        self._flows = flows
        self._discovery = discovery
        self._endpoints = endpoints
        self._now = now

    async def start(self, principal: Principal, new: NewOAuthServer, *, browser: str) -> StartedOAuth:
        """Begin to add a server. Nothing is saved before the owner comes back.

        Raises:
            ApiError: the name is taken, the address refused, or the server leads to nobody who grants access.
        """
        url = new.url.get_secret_value()
        await self._registry.check_new(principal.workspace, new.name, url)
        carried = {"url": url, "title": new.title, "server": None}
        return await self._begin(principal, new.name, carried, new.client, browser=browser)

    async def again(self, principal: Principal, server_id: str, *, browser: str) -> StartedOAuth:
        """Begin to grant access to a server anew, or by OAuth instead of what it had.

        Raises:
            ApiError: 404, 409 for the operator's own, 422 it leads to nobody who grants access.
        """
        row = await self._registry.foreign_row(principal.workspace, server_id)
        carried = {"url": self._vault.open(row.id, row.sealed)["url"], "title": row.title, "server": row.id}
        return await self._begin(principal, row.name, carried, await self._given_client(row), browser=browser)

    async def _given_client(self, row: ServerRow) -> OAuthClientChoice | None:
        """The client that the owner gave, where none could be registered."""
        async with self._database.scoped(row.workspace_id) as session:
            granted = (await connections.of_foreign(session, [row.id])).get(row.id)
        if granted is None:
            return None
        secret = self._vault.open(granted.id, granted.sealed)
        if not secret.get("client_given"):
            return None
        grantor = Grantor.model_validate(secret["grantor"])
        kept = SecretStr(grantor.client_secret) if grantor.client_secret else None
        return OAuthClientChoice(client_id=grantor.client_id, client_secret=kept)

    async def _begin(
        self,
        principal: Principal,
        name: str,
        carried: dict[str, Any],
        client: OAuthClientChoice | None,
        *,
        browser: str,
    ) -> StartedOAuth:
        found = self._discovery.grantor(str(carried["url"]), str(carried["title"] or name), client)
        grantor = await answered(found)
        kept = {**carried, "client_given": client is not None}
        return await self._flows.begin(
            principal.workspace, principal.actor, name, grantor, browser=browser, carried=kept
        )

    async def finish(self, consent: Consent) -> ConnectionRow:
        """The owner came back: list the server with what was granted, then save both.

        Raises:
            ApiError: the server does not list its tools, or its name is taken meanwhile.
        """
        assert consent.carried is not None, "the flow of a foreign server carries its address"
        url, token = str(consent.carried["url"]), token_in(consent.answer)
        assert token is not None, "checked by the flow"
        target = Target(consent.server, url, SecretStr(token), guard=self._targets.guard)
        listing = await self._registry.proved(target, None)
        principal = Principal(consent.workspace, consent.actor, frozenset())
        async with self._database.scoped(consent.workspace) as session:
            row = await self._row(session, principal, consent, listing)
            return await connections.save(session, self._granted(row, consent, token), self._vault, self._now())

    async def _row(self, session: AsyncSession, principal: Principal, consent: Consent, listing: Listing) -> ServerRow:
        assert consent.carried is not None, "the flow of a foreign server carries its address"
        carried = consent.carried
        url = str(carried["url"])
        if carried["server"] is None:
            row = self._registry.new_row(consent.server, carried["title"], url, Credential.OAUTH)
            row.sealed = self._vault.seal(row.id, {"url": url})
            await self._registry.save_new(session, principal, row, listing)
            return row
        found = await repository.lock(session, str(carried["server"]))
        if found is None:
            raise not_found("server")
        found.credential = Credential.OAUTH.value
        found.sealed = self._vault.seal(found.id, {"url": url})
        await self._registry.take(session, principal, found, listing)
        return found

    def _granted(self, row: ServerRow, consent: Consent, token: str) -> Proved:
        answer, refresh = consent.answer, token_in(consent.answer, "refresh_token")
        assert consent.carried is not None, "the flow of a foreign server carries its address"
        # Without a word of its life it is used until it is refused.
        lasts = answer.get("expires_in") is not None or refresh is not None
        scopes = str(answer.get("scope") or " ".join(consent.grantor.scopes)).split()[:MOST_SCOPES]
        return Proved(
            server=FOREIGN + row.id,
            way=Way.OAUTH,
            secret={
                "access_token": token,
                "refresh_token": refresh,
                "grantor": consent.grantor.model_dump(mode="json"),
                "client_given": consent.carried["client_given"],
            },
            account=row.title,
            scopes=tuple(scope[:LONGEST_SCOPE] for scope in scopes),
            access_expires_at=self._now() + timedelta(seconds=life_in(answer)) if lasts else None,
        )

    async def revoke(self, granted: ConnectionRow) -> None:
        """Ours is forgotten already; a grantor that does not answer only keeps what nobody can use any more."""
        secret = self._vault.open(granted.id, granted.sealed)
        token = secret.get("refresh_token") or secret["access_token"]
        try:
            await self._endpoints.revoke(Grantor.model_validate(secret["grantor"]), str(token))
        except (VendorDown, ApiError):
            return
