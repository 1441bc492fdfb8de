"""What the API says of MCP servers. A credential goes in and never comes out, and with it the address."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from backend.text import WHOLE, Identifier, Line, Sent

MOST_HEADERS = 8
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
OURS = re.compile(
    r"accept.*|connection|content-.*|cookie|expect|host|keep-alive|mcp-.*|origin|proxy-.*|te|trailer"
    r"|transfer-encoding|upgrade|via|forwarded|x-forwarded-.*"
)
"""Headers that the protocol or the connection needs."""


class Credential(StrEnum):
    """What a server wants to see."""

    NONE = "none"
    BEARER = "bearer"
    HEADERS = "headers"
    OAUTH = "oauth"
    OPERATOR = "operator"
    """The operator's own server: call tokens, or the operator's bearer."""


class ServerState(StrEnum):
    """Whether calls are offered a server."""

    NEW = "new"
    """Not listed yet."""
    UP = "up"
    FAILING = "failing"
    """The last look failed; calls are still offered it."""
    DOWN = "down"
    """Several looks failed; calls are not offered it until it answers."""
    NEEDS_CREDENTIAL = "needs_credential"
    """It refuses ours; calls are not offered it until the owner gives another."""


class Problem(StrEnum):
    """Why the last look failed."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    BUSY = "busy"
    BROKEN = "broken"
    """It failed, or the line was cut."""
    NOT_MCP = "not_mcp"
    """What answers there makes no sense."""
    ADDRESS_REFUSED = "address_refused"
    """Its address is not one that we connect to (any more)."""


class ToolState(StrEnum):
    """Whether calls can be offered a tool."""

    APPROVED = "approved"
    NEW = "new"
    """Nobody approved it yet."""
    CHANGED = "changed"
    """It is not what was approved; it is held back."""


def _header(name: str) -> str:
    if not HEADER_NAME.fullmatch(name) or OURS.fullmatch(name.lower()):
        msg = "not the name of a header that a server may want"
        raise ValueError(msg)
    return name


def _value(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.isascii() or not text.isprintable() or text != text.strip():
        msg = "only printable ASCII can be sent in a header"
        raise ValueError(msg)
    return secret


ServerName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9-]{0,23}$", description="How agents name it, and what its tools begin with")
]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=8192), WHOLE, AfterValidator(_value)]
Address = Annotated[
    SecretStr, Field(min_length=1, max_length=2048, description="The server's URL; it is not shown again"), WHOLE
]


class NoCredential(Sent):
    """Anybody may call it."""

    kind: Literal["none"] = "none"


class BearerCredential(Sent):
    """A token in the ``Authorization`` header."""

    kind: Literal["bearer"]
    token: Secret


class HeaderCredential(Sent):
    """Headers of its own."""

    kind: Literal["headers"]
    headers: Annotated[
        dict[Annotated[str, AfterValidator(_header)], Secret], Field(min_length=1, max_length=MOST_HEADERS)
    ]


GivenCredential = Annotated[NoCredential | BearerCredential | HeaderCredential, Field(discriminator="kind")]


class NewServer(Sent):
    """A server to add. It is listed with its credential before either is saved."""

    name: ServerName
    title: Line | None = None
    url: Address
    credential: GivenCredential = NoCredential()


class NewCredential(Sent):
    """Another credential for a server. The server is listed with it before it is saved."""

    credential: GivenCredential


class OAuthClientChoice(Sent):
    """Our client at the server's authorization server, where that registers none by itself."""

    client_id: Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^[\x21-\x7e]+$")]
    client_secret: Secret | None = None


class NewOAuthServer(Sent):
    """A server to add whose access is granted by OAuth. It is saved when the owner comes back from the consent."""

    name: ServerName
    title: Line | None = None
    url: Address
    client: OAuthClientChoice | None = None


class ToolChoice(Sent):
    """Tools to approve: each as it was seen."""

    tools: Annotated[
        dict[Annotated[str, Field(max_length=128)], Annotated[str, Field(max_length=64)]],
        Field(min_length=1, max_length=500, description="Name → the fingerprint of what is approved"),
    ]


class Health(BaseModel):
    """How a server does."""

    state: ServerState
    last_seen_at: Annotated[datetime | None, Field(description="When it last listed its tools")]
    checked_at: datetime | None
    problem: Annotated[Problem | None, Field(description="Why the last look failed")]
    failures: Annotated[int, Field(description="In a row")]


class ServerView(BaseModel):
    """A server."""

    id: str
    name: str
    title: str
    origin: Annotated[str, Field(description="Of its URL; the rest may hold a secret and is not shown")]
    own: Annotated[bool, Field(description="Whether the operator runs it")]
    credential: Credential
    reconnect_url: Annotated[str | None, Field(description="Where the owner grants access again, when that is needed")]
    health: Health
    approved_tools: int
    waiting_tools: Annotated[int, Field(description="New or changed: not offered until they are approved")]
    left_out: Annotated[int, Field(description="Tools that no model can be offered: odd names, schemas too large")]
    made_at: datetime


class Difference(BaseModel):
    """What changed in one part of a tool."""

    part: str
    old: Any
    new: Any


class ToolView(BaseModel):
    """A tool of a server."""

    name: str
    grant: Annotated[str, Field(description="How the list of tools of an agent names it")]
    state: ToolState
    title: str | None
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: dict[str, Any]
    fingerprint: Annotated[str, Field(description="Of what the server lists now; an approval names it")]
    differences: Annotated[list[Difference], Field(description="From what was approved, part by part")]
    changed_at: datetime
    approved_at: datetime | None
    approved_by: str | None


ServerId = Identifier
