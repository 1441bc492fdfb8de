"""Puts together everything that handles credentials."""

from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import FastAPI

from backend.broker import endpoints as broker_endpoints
from backend.broker.service import Broker
from backend.connections import endpoints as connection_endpoints
from backend.connections.oauth import OAuthFlows
from backend.connections.probe import Probe
from backend.connections.service import ConnectionService
from backend.connections.tokens import AccessTokens
from backend.connections.vendors import VendorHttp, Vendors
from backend.db import Database
from backend.registry.access import ServerDoor
from backend.settings import BackendSettings, oauth_clients
from backend.tokens import endpoints as token_endpoints
from backend.tokens.deferred import DeferredGrants
from backend.tokens.revocation import Revocations
from backend.tokens.service import CallTokens
from backend.vault.vault import Vault
from contracts.manifest import Manifest


class Credentials:
    """What owners connect, and how it reaches the servers.

    Args:
        settings: of the backend.
        database: where it is kept.
        manifests: what can be connected.
        doors: the operator's servers by name.
        call_tokens: what servers show for it.
        now: the current instant, aware.
    """

    def __init__(
        self,
        settings: BackendSettings,
        database: Database,
        *,
        manifests: list[Manifest],
        doors: Mapping[str, ServerDoor],
        call_tokens: CallTokens,
        now: Callable[[], datetime],
    ) -> None:
        vault, base_url = Vault(settings.key_source()), settings.base_url
        vendors = Vendors(manifests, sandbox=settings.sandbox_url, clients=oauth_clients(manifests, demo=settings.demo))
        self._http = http = VendorHttp()
        self._tokens = tokens = AccessTokens(database, vault, vendors=vendors, http=http, now=now)
        flows = OAuthFlows(database, vault, vendors=vendors, http=http, base_url=base_url, now=now)
        self.connections = ConnectionService(
            database, vault, vendors=vendors, http=http, flows=flows, base_url=base_url, now=now
        )
        self.probe = Probe(database, tokens, vendors=vendors, http=http, now=now)
        self.broker = Broker(
            database,
            vault,
            call_tokens=call_tokens,
            deferred=DeferredGrants(call_tokens.keys, issuer=call_tokens.issuer, now=now),
            tokens=tokens,
            doors=doors,
            base_url=base_url,
            now=now,
        )
        self.call_tokens, self.revocations = call_tokens, Revocations(database, now)

    def install(self, app: FastAPI) -> None:
        """Add its endpoints to the app."""
        state = app.state
        state.call_tokens, state.revocations = self.call_tokens, self.revocations
        state.connections, state.probe, state.broker = self.connections, self.probe, self.broker
        app.include_router(token_endpoints.router)
        app.include_router(connection_endpoints.router)
        app.include_router(connection_endpoints.browser_router)
        app.include_router(broker_endpoints.router)

    async def aclose(self) -> None:
        """Stop; a refresh under way is let end, since its answer must not be lost."""
        await self._tokens.aclose()
        await self._http.aclose()
