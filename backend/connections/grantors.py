"""Who grants access by OAuth: a vendor of a manifest, or whoever a foreign MCP server was found to trust."""

import base64
from collections.abc import Mapping
from typing import Any, Literal, Protocol
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from backend.connections.vendors import Vendor, VendorAnswer, VendorHttp

LONGEST_TOKEN = 8192
LONGEST_LIFE = 10 * 365 * 24 * 3600.0
DEFAULT_LIFE = 3600.0

Method = Literal["client_secret_post", "client_secret_basic", "none"]


class Grantor(BaseModel):
    """An authorization server and our client there. It is sealed where it holds a secret.

    Args:
        title: for people.
        authorize_url: where owners consent.
        token_url: where codes and refresh tokens are exchanged.
        revoke_url: where an access is ended, if anywhere.
        client_id: our client.
        client_secret: its secret; None for a public client.
        method: how the client shows who it is.
        scopes: asked for.
        authorize_parameters: further ones for the consent page.
        resource: the server that the tokens are for (RFC 8707).
        foreign: found through an address that somebody gave, so every request to it is guarded.
        issuer: how it names itself (RFC 9207).
        names_itself: whether its answers to the browser always say so.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    authorize_url: str
    token_url: str
    revoke_url: str | None = None
    client_id: str
    client_secret: str | None = None
    method: Method = "client_secret_post"
    scopes: tuple[str, ...] = ()
    authorize_parameters: dict[str, str] = {}
    resource: str | None = None
    foreign: bool = False
    issuer: str | None = None
    names_itself: bool = False


class Posts(Protocol):
    """Sends forms."""

    async def form(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> VendorAnswer:
        """Post a form."""
        ...


class TokenEndpoints:
    """Asks grantors for tokens.

    Args:
        vendors: sends to those of manifests.
        foreign: sends to all others, guarded.
    """

    def __init__(self, vendors: VendorHttp, foreign: Posts) -> None:
        self._vendors = vendors
        self._foreign = foreign

    async def ask(self, grantor: Grantor, form: Mapping[str, str]) -> VendorAnswer:
        """A token request, authenticated as the client.

        Raises:
            VendorDown: no answer, or one that says to come back later.
        """
        return await self._post(grantor, grantor.token_url, form)

    async def revoke(self, grantor: Grantor, token: str) -> None:
        """End an access (RFC 7009).

        Raises:
            VendorDown: no answer.
        """
        if grantor.revoke_url is not None:
            await self._post(grantor, grantor.revoke_url, {"token": token})

    async def _post(self, grantor: Grantor, url: str, form: Mapping[str, str]) -> VendorAnswer:
        sent, headers = dict(form), dict[str, str]()
        if grantor.resource is not None:
            sent["resource"] = grantor.resource
        match grantor.method:
            case "client_secret_basic":
                pair = f"{quote(grantor.client_id, safe='')}:{quote(grantor.client_secret or '', safe='')}"
                headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            case "client_secret_post":
                sent |= {"client_id": grantor.client_id, "client_secret": grantor.client_secret or ""}
            case "none":
                sent["client_id"] = grantor.client_id
        http = self._foreign if grantor.foreign else self._vendors
        return await http.form(url, sent, headers=headers)


def vendor_grantor(vendor: Vendor) -> Grantor:
    """The grantor that a manifest names.

    Raises:
        ApiError: the integration has no OAuth, or the operator's client is missing.
    """
    client, oauth = vendor.oauth_client(), vendor.oauth
    return Grantor(
        title=vendor.manifest.title,
        authorize_url=vendor.at(oauth.authorize_url),
        token_url=vendor.at(oauth.token_url),
        client_id=client.id,
        client_secret=client.secret.get_secret_value(),
        scopes=oauth.scopes,
        authorize_parameters=oauth.authorize_parameters,
    )


def token_in(answer: Mapping[str, Any], key: str = "access_token") -> str | None:
    """A token of an answer, when it is one that can be sent in a header."""
    token = answer.get(key)
    good = isinstance(token, str) and 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()
    return token if isinstance(token, str) and good else None


def life_in(answer: Mapping[str, Any], default: float = DEFAULT_LIFE) -> float:
    """Seconds that an answer's access token lives, as far as it can be believed."""
    try:
        seconds = float(answer.get("expires_in", default))
    except (TypeError, ValueError):
        return default
    return min(seconds, LONGEST_LIFE) if seconds > 0 else 0.0
