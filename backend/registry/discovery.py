"""Who grants access to a foreign MCP server, found as the MCP authorization specification has it.

The server's own refusal leads to its metadata (RFC 9728), that to the authorization server's (RFC 8414), and there our
client is registered (RFC 7591). Readings and names are the MCP SDK's; every address on the way is guarded.
"""

from dataclasses import dataclass
from typing import cast

import httpx2
from mcp.client.auth import OAuthRegistrationError
from mcp.client.auth.oauth2 import check_registration_usable
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    create_client_registration_request,
    create_oauth_metadata_request,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
    get_client_metadata_scopes,
    handle_auth_metadata_response,
    handle_protected_resource_response,
    handle_registration_response,
    issuers_match,
)
from mcp.shared.auth import OAuthClientMetadata, OAuthMetadata, ProtectedResourceMetadata
from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url
from pydantic import AnyUrl

from backend.connections.grantors import Grantor, Method
from backend.connections.vendors import VendorDown
from backend.errors import ApiError
from backend.registry.http import GuardedHttp
from backend.registry.listing import address_refused
from backend.registry.schemas import OAuthClientChoice
from voxie_agents.mcp_guard import AddressRefused

CLIENT_NAME = "Voxie"
GRANTS = ["authorization_code", "refresh_token"]
ASK = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
MOST_SCOPES = 50
PREFERRED: tuple[Method, ...] = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True)
class _Client:
    id: str
    secret: str | None
    method: Method


@dataclass(frozen=True)
class _Found:
    metadata: OAuthMetadata
    resource: str
    scopes: tuple[str, ...]


class Discovery:
    """Finds grantors.

    Args:
        http: sends, guarded.
        redirect_uri: where owners come back to.
    """

    def __init__(self, http: GuardedHttp, redirect_uri: str) -> None:
        self._http = http
        self._redirect_uri = redirect_uri

    async def grantor(self, url: str, title: str, choice: OAuthClientChoice | None) -> Grantor:
        """Who grants access to a server, with our client there.

        Args:
            url: the server's.
            title: the server's, for people.
            choice: our client, where none can be registered.

        Raises:
            ApiError: there is no such grantor, or it is not one that can be used.
            VendorDown: somebody on the way does not answer.
        """
        try:
            found = await self._find(url)
            client = _chosen(choice, found.metadata) if choice else await self._register(found)
        except AddressRefused as refused:
            raise address_refused(f"what the server leads to: {refused}") from None
        metadata = found.metadata
        return Grantor(
            title=title,
            authorize_url=str(metadata.authorization_endpoint),
            token_url=str(metadata.token_endpoint),
            revoke_url=str(metadata.revocation_endpoint) if metadata.revocation_endpoint else None,
            client_id=client.id,
            client_secret=client.secret,
            method=client.method,
            scopes=found.scopes,
            resource=found.resource,
            foreign=True,
            issuer=str(metadata.issuer),
            names_itself=bool(metadata.authorization_response_iss_parameter_supported),
        )

    async def _find(self, url: str) -> _Found:
        headers = {"accept": "application/json, text/event-stream"}
        refusal = await self._http.send(httpx2.Request("POST", url, json=ASK, headers=headers))
        if refusal.status_code != 401:
            raise _no_oauth(f"it does not ask for authorization (HTTP {refusal.status_code})")
        protected = await self._protected(extract_resource_metadata_from_www_auth(refusal), url)
        metadata = await self._metadata(str(protected.authorization_servers[0]), url)
        self._check(metadata)
        scope = get_client_metadata_scopes(extract_scope_from_www_auth(refusal), protected, metadata, GRANTS)
        return _Found(metadata, str(protected.resource), tuple((scope or "").split()[:MOST_SCOPES]))

    async def _protected(self, named: str | None, url: str) -> ProtectedResourceMetadata:
        for candidate in build_protected_resource_metadata_discovery_urls(named, url):
            answer = await self._http.send(create_oauth_metadata_request(candidate))
            protected = await handle_protected_resource_response(answer)
            if protected is None:
                continue
            # A token for another server would be asked for otherwise, and handed to this one.
            wanted = resource_url_from_server_url(url)
            if not check_resource_allowed(requested_resource=wanted, configured_resource=str(protected.resource)):
                raise _no_oauth("its metadata is that of another server")
            return protected
        raise _no_oauth("it does not say which authorization server it trusts")

    async def _metadata(self, issuer: str, url: str) -> OAuthMetadata:
        for candidate in build_oauth_authorization_server_metadata_discovery_urls(issuer, url):
            answer = await self._http.send(create_oauth_metadata_request(candidate))
            goes_on, metadata = await handle_auth_metadata_response(answer)
            if metadata is not None:
                if not issuers_match(str(metadata.issuer), issuer):
                    raise _no_oauth("its authorization server names itself otherwise")
                return metadata
            if not goes_on:
                raise VendorDown
        raise _no_oauth("its authorization server does not describe itself")

    def _check(self, metadata: OAuthMetadata) -> None:
        """What the specification demands of an authorization server, and addresses that are good."""
        if "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise _no_oauth("its authorization server does not support PKCE with S256")
        for endpoint in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.revocation_endpoint):
            if endpoint is not None:
                self._http.check(str(endpoint))

    async def _register(self, found: _Found) -> _Client:
        if found.metadata.registration_endpoint is None:
            message = "its authorization server registers no clients: register Voxie there, and give client_id"
            raise ApiError(422, "client_needed", message, field="client")
        methods = found.metadata.token_endpoint_auth_methods_supported or ["client_secret_basic"]
        wanted = OAuthClientMetadata(
            client_name=CLIENT_NAME,
            redirect_uris=[AnyUrl(self._redirect_uri)],
            grant_types=GRANTS,
            token_endpoint_auth_method=_preferred(methods),
            application_type="web",
            scope=" ".join(found.scopes) or None,
        )
        request = create_client_registration_request(found.metadata, wanted, str(found.metadata.issuer))
        try:
            client = await handle_registration_response(await self._http.send(request))
            check_registration_usable(client)
        except OAuthRegistrationError:
            # Its text holds the answer.
            raise _no_oauth("its authorization server did not register a client that can be used") from None
        method = client.token_endpoint_auth_method or ("client_secret_basic" if client.client_secret else "none")
        return _Client(client.client_id, client.client_secret, cast("Method", method))


def _preferred(methods: list[str]) -> Method:
    """A secret where there can be one: the backend can keep it."""
    for method in PREFERRED:
        if method in methods:
            return method
    raise _no_oauth("its authorization server takes no client that the backend can be")


def _chosen(choice: OAuthClientChoice, metadata: OAuthMetadata) -> _Client:
    if choice.client_secret is None:
        return _Client(choice.client_id, None, "none")
    method = _preferred(
        [m for m in metadata.token_endpoint_auth_methods_supported or [] if m != "none"] or ["client_secret_basic"]
    )
    return _Client(choice.client_id, choice.client_secret.get_secret_value(), method)


def _no_oauth(why: str) -> ApiError:
    return ApiError(422, "no_oauth", f"the server cannot be connected by OAuth: {why}", field="url")
