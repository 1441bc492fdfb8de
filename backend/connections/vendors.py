"""What the manifests say of vendors, and the one way to talk to them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from backend.connections.schemas import Connectable, Way
from backend.errors import ApiError, not_found
from contracts.manifest import (
    ClientCredentialsProvider,
    HookProvider,
    KeyProvider,
    Manifest,
    OAuthProvider,
)

VENDOR_SECONDS = 10.0
ProviderT = TypeVar("ProviderT")


class VendorDown(Exception):
    """The vendor does not answer, or asks for patience.

    Args:
        retry_after: seconds until it may be asked again.
    """

    def __init__(self, retry_after: int = 5) -> None:
        super().__init__("the vendor does not answer")
        self.retry_after = retry_after


@dataclass(frozen=True)
class OAuthClient:
    """The operator's registration at a vendor."""

    id: str
    secret: SecretStr


@dataclass(frozen=True)
class VendorAnswer:
    """What a vendor answered.

    Args:
        status: HTTP status.
        body: its JSON object; empty when it is none.
    """

    status: int
    body: Mapping[str, Any]


class Vendor:
    """One integration's vendor.

    Args:
        manifest: what it declares.
        sandbox: base URL of the sandbox in demo mode, else None.
        client: the operator's OAuth client there, if any.
    """

    def __init__(self, manifest: Manifest, *, sandbox: str | None, client: OAuthClient | None) -> None:
        self.manifest = manifest
        self.client = client
        self._origins = (
            {origin: where.replace("{sandbox}", sandbox) for origin, where in manifest.demo_origins.items()}
            if sandbox
            else {}
        )

    def at(self, url: str) -> str:
        """A URL of the manifest's as it is in this mode: demo mode talks to the sandbox."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return self._origins.get(origin, origin) + url.removeprefix(origin)

    def owns(self, url: str, origin: str) -> bool:
        """Whether a URL that somebody gave is at one of the vendor's origins."""
        try:
            # Read by what will send to it, so that no two parsers disagree about where it leads.
            given, wanted = httpx.URL(url), httpx.URL(self.at(origin))
        except httpx.InvalidURL:
            return False
        return (given.scheme, given.host, given.port, given.userinfo) == (wanted.scheme, wanted.host, wanted.port, b"")

    @property
    def oauth(self) -> OAuthProvider:
        """Its OAuth endpoints."""
        return self._way(Way.OAUTH, self.manifest.oauth)

    @property
    def hooks(self) -> HookProvider:
        """Its hooks."""
        return self._way(Way.HOOKS, self.manifest.hooks)

    @property
    def keys(self) -> KeyProvider:
        """Its keys."""
        return self._way(Way.API_KEY, self.manifest.api_key)

    @property
    def client_credentials(self) -> ClientCredentialsProvider:
        """Its client credentials."""
        return self._way(Way.CLIENT_CREDENTIALS, self.manifest.client_credentials)

    def oauth_client(self) -> OAuthClient:
        """The operator's OAuth client.

        Raises:
            ApiError: 409, with the variables to set.
        """
        if self.client is None:
            names = f"{self.oauth.client_id_variable} and {self.oauth.client_secret_variable}"
            raise ApiError(409, "not_configured", f"the operator must set {names} first")
        return self.client

    def connectable(self) -> Connectable:
        """How it can be connected."""
        return Connectable(
            server=self.manifest.name,
            title=self.manifest.title,
            description=self.manifest.description,
            ways=self._ways(),
            settings=list(self.manifest.connection_settings),
        )

    def _ways(self) -> list[Way]:
        declared = {
            Way.OAUTH: self.manifest.oauth,
            Way.HOOKS: self.manifest.hooks,
            Way.API_KEY: self.manifest.api_key,
            Way.CLIENT_CREDENTIALS: self.manifest.client_credentials,
        }
        return [way for way, provider in declared.items() if provider is not None]

    def _way(self, way: Way, provider: ProviderT | None) -> ProviderT:
        if provider is None:
            possible = " or ".join(self._ways()) or "nothing: it needs no account"
            message = f"{self.manifest.name} is not connected by {way.value}; connect it by {possible}"
            raise ApiError(422, "invalid_request", message, field="server")
        return provider


class Vendors:
    """The vendors of the integrations that are there.

    Args:
        manifests: of the integrations.
        sandbox: base URL of the sandbox in demo mode, else None.
        clients: the operator's OAuth clients, by integration.
    """

    def __init__(
        self, manifests: Sequence[Manifest], *, sandbox: str | None, clients: Mapping[str, OAuthClient]
    ) -> None:
        self._vendors = {
            manifest.name: Vendor(manifest, sandbox=sandbox, client=clients.get(manifest.name))
            for manifest in manifests
        }

    def __getitem__(self, server: str) -> Vendor:
        """The vendor of an integration.

        Raises:
            ApiError: 404.
        """
        vendor = self._vendors.get(server)
        if vendor is None:
            raise not_found("integration", sorted(self._vendors), field="server")
        return vendor

    def all(self) -> list[Vendor]:
        """All of them, in the order of their names."""
        return list(self._vendors.values())


class VendorHttp:
    """Requests to vendors. Redirects are not followed: a credential must not travel to another place.

    Args:
        client: the pool to send with.
    """

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        self._client = client or httpx.AsyncClient(follow_redirects=False, timeout=VENDOR_SECONDS)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    async def form(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> VendorAnswer:
        """Post a form.

        Raises:
            VendorDown: no answer, or one that says to come back later.
        """
        return await self._send(self._client.build_request("POST", url, data=dict(form), headers=headers))

    async def post(self, url: str, payload: Mapping[str, Any]) -> VendorAnswer:
        """Post JSON.

        Raises:
            VendorDown: no answer, or one that says to come back later.
        """
        return await self._send(self._client.build_request("POST", url, json=dict(payload)))

    async def read(self, url: str, *, bearer: str) -> VendorAnswer:
        """Read with a bearer.

        Raises:
            VendorDown: no answer, or one that says to come back later.
        """
        headers = {"authorization": f"Bearer {bearer}"}
        return await self._send(self._client.build_request("GET", url, headers=headers))

    async def _send(self, request: httpx.Request) -> VendorAnswer:
        try:
            response = await self._client.send(request)
        except httpx.HTTPError:
            # Without the cause: it holds the request, and the request a credential.
            raise VendorDown from None
        return read_answer(response.status_code, response.headers.get("retry-after", ""), response.content)


def read_answer(status: int, retry_after: str, content: bytes) -> VendorAnswer:
    """What was answered.

    Raises:
        VendorDown: it says to come back later.
    """
    if status == 429 or status >= 500:
        raise VendorDown(min(int(retry_after), 3600) if retry_after.isdecimal() and len(retry_after) < 9 else 5)
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    return VendorAnswer(status, cast("Mapping[str, Any]", body) if isinstance(body, dict) else {})
