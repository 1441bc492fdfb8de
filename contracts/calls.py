"""What a worker needs for one call, and what a call token says."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_serializer

from contracts.agents import AgentSpec
from contracts.base import Contract
from contracts.hooks import DescribedHook
from contracts.meta import Role
from contracts.results import Receipt


class CatalogueTool(Contract):
    """One approved tool of a server, as the registry knows it."""

    name: str
    title: str | None = None
    description: str = ""
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any] = Field(default_factory=dict)
    meta: Annotated[dict[str, Any], Field(description="Of the operator's own servers alone")] = Field(
        default_factory=dict
    )


class ServerAccess(Contract):
    """How a worker reaches one MCP server during one call."""

    name: str
    url: str
    token: Annotated[
        SecretStr | None, Field(description="A call token, or a foreign server's own bearer; None when it takes none")
    ] = None
    token_expires_at: Annotated[datetime | None, Field(description="None for a static bearer")] = None
    headers: Annotated[dict[str, SecretStr], Field(description="That a foreign server wants")] = Field(
        default_factory=dict
    )
    foreign: Annotated[bool, Field(description="Run by others: it gets no call token and is not believed")] = False
    private: Annotated[bool, Field(description="The operator allows its address although it is not public")] = False
    tools: Annotated[
        tuple[CatalogueTool, ...] | None, Field(description="None when the registry has not listed it yet")
    ] = None
    hooks: Annotated[
        tuple[DescribedHook, ...] | None,
        Field(description="The workspace's, by name; None where the server has its own, or takes none"),
    ] = None

    @field_serializer("token", when_used="json")
    def _token_crosses_the_wire(self, token: SecretStr | None) -> str | None:
        return None if token is None else token.get_secret_value()

    @field_serializer("headers", when_used="json")
    def _headers_cross_the_wire(self, headers: dict[str, SecretStr]) -> dict[str, str]:
        return {name: value.get_secret_value() for name, value in headers.items()}


class CallBootstrap(Contract):
    """The one answer that starts a call."""

    call_id: str
    agent: AgentSpec
    caller: Annotated[str | None, Field(description="Verified number or signed-in user")] = None
    role: Role = Role.PUBLIC
    servers: tuple[ServerAccess, ...]
    demo: bool = False
    resumed: Annotated[bool, Field(description="The worker before this one died; somebody waits in the room")] = False
    receipts: Annotated[tuple[Receipt, ...], Field(description="Of the writes that it made in this call")] = ()


class CallTokenClaims(Contract):
    """The claims of a call token (EdDSA JWT)."""

    iss: str
    sub: Annotated[str, Field(description="Agent id")]
    aud: Annotated[str, Field(description="Resource id of one MCP server, from its manifest")]
    workspace: str
    call: str
    caller: str | None = None
    role: Role
    scope: Annotated[str, Field(description="Tools, or name:value for one thing alone, separated by spaces")]
    iat: int
    exp: int
    jti: str


class RenewedAccess(Contract):
    """Fresh tokens for a call that goes on (``POST /api/calls/{id}/tokens``)."""

    servers: tuple[ServerAccess, ...]


class RevokedCalls(Contract):
    """The calls whose tokens are refused although they have not expired (``contracts.broker.REVOKED_CALLS_PATH``)."""

    calls: Annotated[tuple[str, ...], Field(description="Ids of calls that ended within a token's lifetime")]
    lifetime_seconds: Annotated[int, Field(description="How old the oldest of them may be")]
