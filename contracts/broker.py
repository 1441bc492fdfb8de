"""How an MCP server exchanges a live call token for what its vendor wants (RFC 8693), and where the backend publishes.

The server posts a form to ``TOKEN_PATH`` with its service token as the bearer::

    grant_type=urn:ietf:params:oauth:grant-type:token-exchange
    subject_token=<the call token>
    subject_token_type=urn:ietf:params:oauth:token-type:jwt
    resource=<the server's own resource id, which must be the call token's audience>
    requested_token_type=<one of the types below>
    refused_token=<optional: a vendor's token that the vendor just refused; it is not given out again>
    ways=<optional: which of the owner's ways to connect are of use, the preferred first, separated by spaces>

To finish what a call began, a server shows a hook's ``deferred`` grant instead of the call token (``subject_token_type`` is
``DEFERRED_TOKEN_TYPE``, ``requested_token_type`` the hooks' type) and gets that one hook, as long as the owner has it connected.

It gets ``ExchangedToken`` (200) or ``ExchangeRefusal`` (400, 401, 503). Answers must not be kept beyond ``expires_in``
seconds, and never for another connection than ``connection``.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_serializer

from contracts.base import Contract

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
JWKS_PATH = "/.well-known/jwks.json"
REVOKED_CALLS_PATH = "/.well-known/voxie-revoked-calls"

TOKEN_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name
SUBJECT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a name
DEFERRED_TOKEN_TYPE = "urn:voxie:params:oauth:token-type:deferred"  # noqa: S105 - a name
"""Of ``BrokeredHook.deferred``, as a subject."""
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
"""The vendor's access token or API key: OAuth, client credentials or a key, whichever the owner connected."""
HOOKS_TOKEN_TYPE = "urn:voxie:params:oauth:token-type:hooks"  # noqa: S105 - a name
"""The named hooks of the workspace, in ``hooks``; there is no access token then."""


class BrokeredHook(Contract):
    """One named hook. Its URL is its credential."""

    url: SecretStr
    title: str = ""
    key_fields: Annotated[
        tuple[str, ...], Field(description="The payload's fields that make two deliveries the same; all when empty")
    ] = ()
    payload_schema: Annotated[
        dict[str, Any] | None, Field(description="JSON Schema of the payload; None accepts any object")
    ] = None
    retry_safe: Annotated[
        bool, Field(description="Sending again what may have arrived does no harm: the other side knows delivery ids")
    ] = False
    contact_on_file: Annotated[
        str | None,
        Field(
            description="For records: the payload's field with a person's reference; no address may come from the call"
        ),
    ] = None
    deferred: Annotated[
        SecretStr | None,
        Field(description="Gets this hook again after the call's end, for deliveries that were accepted during it"),
    ] = None

    @field_serializer("url", "deferred", when_used="json")
    def _secrets_cross_the_wire(self, secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret else None


class ExchangedToken(Contract):
    """A successful exchange, with the names of RFC 8693."""

    access_token: Annotated[SecretStr, Field(description="Empty for hooks")]
    issued_token_type: str
    token_type: Literal["Bearer", "N_A"]
    expires_in: Annotated[int, Field(description="Seconds that the server may keep the answer")]
    scope: str = ""
    way: Annotated[str, Field(description="How the owner connected it, as in the manifest's ``credentials``")] = ""
    connection: Annotated[str, Field(description="Whose credential this is: the key of the server's cache")]
    hooks: dict[str, BrokeredHook] = Field(default_factory=dict[str, BrokeredHook])
    settings: Annotated[
        dict[str, Any], Field(description="What the owner set for the connection, of what the manifest lists")
    ] = Field(default_factory=dict[str, Any])

    @field_serializer("access_token", when_used="json")
    def _token_crosses_the_wire(self, token: SecretStr) -> str:
        return token.get_secret_value()


class ExchangeError(StrEnum):
    """Why an exchange was refused, and so what happens next."""

    INVALID_CLIENT = "invalid_client"
    """401: the service token is wrong."""
    INVALID_REQUEST = "invalid_request"
    """400: the form is wrong; a fault of the server's."""
    INVALID_GRANT = "invalid_grant"
    """400: the call token is expired, for another server or wrongly signed, or its call has ended."""
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    """400: the agent no longer has the grant for this server."""
    NOT_CONNECTED = "not_connected"
    """400: the owner has connected nothing of the type that was asked for."""
    NEEDS_RECONNECT = "needs_reconnect"
    """400: the owner must connect again; ``error_uri`` is the link."""
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    """503: the vendor does not answer; ``Retry-After`` says when to ask again."""


class ExchangeRefusal(Contract):
    """A refused exchange, with the names of RFC 6749."""

    error: ExchangeError
    error_description: str
    error_uri: str | None = None
