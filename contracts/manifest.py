"""What an integration declares about itself in its ``manifest.toml``.

The dashboard, the compose file, ``.env.example``, doctor and the backend's OAuth flow learn of an integration from here.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Contract


class Variable(Contract):
    """One environment variable of the server."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    description: str
    secret: bool = False
    required: Annotated[bool, Field(description="Needed when the server runs alone in live mode")] = False
    default: str | None = None
    demo: Annotated[
        str | None, Field(description="Value in demo mode; {sandbox} stands for the sandbox's base URL")
    ] = None


class Proof(Contract):
    """A read that shows that a credential works, made before it is saved."""

    url: str
    account_field: Annotated[
        str | None, Field(description="Field of the JSON answer that names the account; None when there is none")
    ] = None


class OAuthProvider(Contract):
    """The vendor's OAuth endpoints, for the backend's one generic flow."""

    authorize_url: str
    token_url: str
    revoke_url: str | None = None
    scopes: Annotated[tuple[str, ...], Field(description="All of them must be granted")]
    authorize_parameters: dict[str, str] = Field(default_factory=dict)
    client_id_variable: Annotated[str, Field(description="Variable of the backend that holds the OAuth client's id")]
    client_secret_variable: str
    proof: Proof

    @property
    def client_variables(self) -> tuple[str, str]:
        """The backend's two variables for its client at the vendor."""
        return self.client_id_variable, self.client_secret_variable


class HookProvider(Contract):
    """Named URLs that take payloads; the URL is the credential."""

    origin: Annotated[str, Field(description="Where every hook must be, such as https://hooks.vendor.example")]


class KeyProvider(Contract):
    """One key that the owner pastes; sent as a bearer."""

    proof: Proof


class ClientCredentialsProvider(Contract):
    """A client id and secret that are exchanged for access tokens."""

    token_url: str
    parameters: dict[str, str] = Field(default_factory=dict)


class ConnectionSetting(Contract):
    """What an owner may set for a connection. What is not set is as the server's own variable says."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    type: Annotated[
        Literal["number", "choice", "text", "hours"], Field(description="hours: as ``contracts.hours.OpeningHours``")
    ]
    minimum: int = 0
    maximum: int = 1_000_000
    choices: tuple[str, ...] = ()


class Service(Contract):
    """How the server runs."""

    port: Annotated[int, Field(gt=0, lt=65536)]
    url_variable: Annotated[str, Field(description="Variable that tells agents where the server is")]
    resource: Annotated[str, Field(description="Resource id: the audience of call tokens")]


class CacheTtl(Contract):
    """Seconds that lists may be reused; never used to decide a write."""

    tools: float = 60.0
    lists: float = 300.0


class Manifest(Contract):
    """The whole of ``manifest.toml``."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", description="As in ``voxie serve NAME``")]
    title: str
    description: str
    category: Literal["calendar", "automation", "example", "other"] = "other"
    service: Service
    cache: CacheTtl = CacheTtl()
    credentials: Annotated[
        tuple[Literal["oauth", "service_account", "hooks", "client_credentials", "api_key", "none"], ...],
        Field(description="The ways an owner can connect it"),
    ]
    oauth: OAuthProvider | None = None
    hooks: HookProvider | None = None
    api_key: KeyProvider | None = None
    client_credentials: ClientCredentialsProvider | None = None
    connection_settings: tuple[ConnectionSetting, ...] = ()
    demo_origins: Annotated[
        dict[str, str],
        Field(description="In demo mode, the vendor's origin → the sandbox's; {sandbox} stands for its base URL"),
    ] = Field(default_factory=dict)
    variables: tuple[Variable, ...] = ()
