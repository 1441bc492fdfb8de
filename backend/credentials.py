"""Puts together everything that handles credentials."""

from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import FastAPI

from backend.broker import endpoints as broker_endpoints
from backend.broker.service import Broker
from backend.connections import endpoints as connection_endpoints
from backend.connections.grantors import TokenEndpoints
from backend.connections.oauth import OAuthFlows
from backend.connections.probe import Probe
from backend.connections.service import ConnectionService
from backend.connections.tokens import AccessTokens
from backend.connections.vendors import VendorHttp, Vendors
from backend.db import Database
from backend.registry import endpoints as server_endpoints
from backend.registry.access import ServerAccessGiver, no_hooks, none_broken
from backend.registry.consent import ServerConsent
from backend.registry.discovery import Discovery
from backend.registry.doors import ServerDoor, TokenIssuer
from backend.registry.health import ServerHealth
from backend.registry.http import GuardedHttp
from backend.registry.service import RegistryService
from backend.registry.targets import Targets
from backend.routes import add_routes
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
        issue: gives the tokens that the operator's servers take.
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
        issue: TokenIssuer,
        now: Callable[[], datetime],
    ) -> None:
        vault, base_url = Vault(settings.key_source()), settings.base_url
        vendors = Vendors(manifests, sandbox=settings.sandbox_url, clients=oauth_clients(manifests, demo=settings.demo))
        self._http, self._guarded = http, guarded = VendorHttp(), GuardedHttp(settings.guard)
        endpoints = TokenEndpoints(http, guarded)
        self._tokens = tokens = AccessTokens(database, vault, vendors=vendors, http=http, endpoints=endpoints, now=now)
        flows = OAuthFlows(database, vault, vendors=vendors, http=http, endpoints=endpoints, base_url=base_url, now=now)
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
        self.targets = targets = Targets(database, vault, tokens=tokens, guard=settings.guard, doors=doors, issue=issue)
        brokered = settings.mcp_auth == "jwks"
        self.server_access = ServerAccessGiver(
            database,
            targets,
            issue,
            broken=self.connections.broken_servers if brokered else none_broken,
            hooks=self.connections.hooks if brokered else no_hooks,
        )
        self.health = ServerHealth(database, targets, demo=settings.demo, now=now)
        self.registry = RegistryService(
            database, vault, targets=targets, health=self.health, base_url=base_url, now=now
        )
        self.server_consent = ServerConsent(
            database,
            vault,
            registry=self.registry,
            targets=targets,
            flows=flows,
            discovery=Discovery(guarded, flows.redirect_uri),
            endpoints=endpoints,
            now=now,
        )
        self.connections.foreign = self.server_consent.finish

    def install(self, app: FastAPI) -> None:
        """Add its endpoints to the app."""
        state = app.state
        state.call_tokens, state.revocations = self.call_tokens, self.revocations
        state.connections, state.probe, state.broker = self.connections, self.probe, self.broker
        state.registry, state.server_consent, state.server_health = self.registry, self.server_consent, self.health
        add_routes(
            app,
            token_endpoints.router,
            server_endpoints.router,
            server_endpoints.browser_router,
            connection_endpoints.router,
            connection_endpoints.browser_router,
            broker_endpoints.router,
        )

    async def start(self, *, looks: bool) -> None:
        """Have what is kept of servers ready.

        Args:
            looks: whether this replica looks at all of them soon.
        """
        await self.health.prepare()
        if looks:
            self.health.start()

    async def aclose(self) -> None:
        """Stop; a refresh under way is let end, since its answer must not be lost."""
        await self.health.aclose()
        await self._tokens.aclose()
        await self._http.aclose()
        await self._guarded.aclose()
