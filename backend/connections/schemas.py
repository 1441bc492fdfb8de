"""What the API says of connections. A credential goes in and never comes out."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from backend.text import WHOLE
from contracts.manifest import ConnectionSetting


class Way(StrEnum):
    """How an integration is connected, as manifests name it."""

    OAUTH = "oauth"
    HOOKS = "hooks"
    API_KEY = "api_key"
    CLIENT_CREDENTIALS = "client_credentials"


class Status(StrEnum):
    """Whether a connection works."""

    CONNECTED = "connected"
    NEEDS_RECONNECT = "needs_reconnect"


Server = Annotated[str, Field(min_length=1, max_length=64, description="An integration's name, as in its manifest")]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096), WHOLE]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartOAuth(_Request):
    """Begin to connect an account."""

    server: Server


class NewHook(_Request):
    """A hook to connect."""

    server: Server
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", description="What agents call it by")]
    url: Secret
    title: Annotated[str, Field(max_length=120)] = ""
    payload_schema: Annotated[dict[str, Any] | None, Field(description="JSON Schema of the payload")] = None
    key_fields: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...],
        Field(max_length=16, description="Fields that make two deliveries the same; all of them when empty"),
    ] = ()
    retry_safe: Annotated[
        bool, Field(description="Sending again what may have arrived does no harm: the Zap sorts by voxie_delivery_id")
    ] = False
    contact_on_file: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=64,
            description="For records: the field with the reference of a person whose contact is on file. Addresses, links "
            "and telephone numbers in any other field are refused",
        ),
    ] = None
    test_payload: Annotated[
        dict[str, Any] | None, Field(description="Sent once to prove the hook; it must fit the schema")
    ] = None


class NewKey(_Request):
    """An API key to connect."""

    server: Server
    api_key: Secret


class NewClient(_Request):
    """A client id and secret to connect."""

    server: Server
    client_id: Annotated[str, Field(min_length=1, max_length=256)]
    client_secret: Secret


class OwnerSettings(_Request):
    """What the owner sets for a connection; it takes the place of what was set before."""

    settings: Annotated[
        dict[str, Any], Field(max_length=32, description="As ``/api/connections/available`` lists them")
    ]


class StartedOAuth(BaseModel):
    """Where to send the owner's browser."""

    authorize_url: str
    expires_at: datetime


class ConnectionView(BaseModel):
    """A connection."""

    id: str
    server: str
    way: Way
    name: Annotated[str, Field(description="Of a hook; empty otherwise")]
    account: str | None
    status: Status
    reason: Annotated[str | None, Field(description="Why it must be connected again")]
    reconnect_url: Annotated[str | None, Field(description="Where the owner connects it again")]
    scopes: list[str]
    details: dict[str, Any]
    settings: Annotated[dict[str, Any], Field(description="What the owner set for it")]
    connected_at: datetime
    checked_at: datetime
    expires_at: Annotated[datetime | None, Field(description="When the vendor ends it, where it says so")]
    expires_soon: bool


class Connectable(BaseModel):
    """An integration and the ways to connect it."""

    server: str
    title: str
    description: str
    ways: list[Way]
    settings: Annotated[list[ConnectionSetting], Field(description="What an owner may set for a connection")]
