"""Call tokens of the backend, checked here: signature, issuer, audience, time, and that the call has not ended."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import httpx
import jwt
import structlog
from mcp.server.auth.provider import AccessToken, TokenVerifier
from pydantic import ValidationError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.broker import JWKS_PATH, REVOKED_CALLS_PATH
from contracts.calls import CallTokenClaims, RevokedCalls
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience

log = structlog.get_logger()

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068)
LIFETIME_SECONDS = 600.0
LEEWAY_SECONDS = 60.0
"""How far the backend's clock and ours may differ."""
KEYS_FRESH, KEYS_USABLE = 300.0, 3600.0
REVOKED_FRESH, REVOKED_USABLE = 10.0, 25.0
"""An ended call is refused within 30 s: no answer is given from an older list."""
LOOK_AGAIN_SECONDS = 5.0
"""How often an unknown key id may make us fetch the keys: anyone can send one."""
REFUSAL = "voxie.refusal"

T = TypeVar("T")


class AuthorityUnavailable(Exception):
    """The backend cannot be reached, and what we know of it is too old to let anybody in."""


class Published(Generic[T]):
    """A document of the backend: used while fresh, fetched anew in the background, never used when too old.

    Args:
        outbound: sends.
        url: where it is.
        read: makes it of the answer's bytes; ``ValueError`` when it is not one.
        fresh: seconds that it is used without another look.
        usable: seconds after which it is not used at all.
        now: seconds since 1970.
    """

    def __init__(
        self,
        outbound: Outbound,
        url: str,
        *,
        read: Callable[[bytes], T],
        fresh: float,
        usable: float,
        now: Callable[[], float],
    ) -> None:
        self._outbound = outbound
        self._url = url
        self._read = read
        self._fresh = fresh
        self._usable = usable
        self._now = now
        self._known: tuple[float, T] | None = None
        self._fetching: asyncio.Task[None] | None = None

    @property
    def age(self) -> float:
        """Seconds since it was fetched; endless when it never was."""
        return float("inf") if self._known is None else self._now() - self._known[0]

    async def get(self) -> T:
        """The document.

        Raises:
            AuthorityUnavailable: it is too old, and the backend does not answer.
        """
        if self.age > self._usable:
            await self.refresh()
        elif self.age > self._fresh:
            self._fetch()
        if self._known is None or self.age > self._usable:
            raise AuthorityUnavailable
        return self._known[1]

    async def refresh(self) -> None:
        """Fetch it now; who asks at once shares one request. Keeps what is known when there is no answer."""
        await asyncio.shield(self._fetch())

    async def aclose(self) -> None:
        """Give up the request under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _fetch(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._ask())
        return self._fetching

    async def _ask(self) -> None:
        asked_at = self._now()
        policy = Policy(repeatable=True, refused=asks_for_patience)
        try:
            response = await self._outbound.send(
                httpx.Request("GET", self._url), policy=policy, within=self._outbound.deadlines.credential
            )
            if response.status_code == 200:
                self._known = (asked_at, self._read(response.content))
                return
        except (NoAnswer, ValueError) as error:
            log.warning("backend's document not fetched", error_type=type(error).__name__)
            return
        log.warning("backend's document not fetched", status=response.status_code)


class CallTokenVerifier(TokenVerifier):
    """Lets in who holds a live call token for this server.

    Args:
        outbound: fetches the backend's keys and its list of ended calls; closed with the verifier.
        issuer: the backend's address, which is also its name in tokens.
        resource: this server's resource id, the only audience that is accepted.
        now: seconds since 1970.
    """

    def __init__(self, outbound: Outbound, *, issuer: str, resource: str, now: Callable[[], float]) -> None:
        self._outbound = outbound
        self._issuer = issuer.rstrip("/")
        self._resource = resource
        self._now = now
        self._keys: Published[Mapping[str, jwt.PyJWK]] = Published(
            outbound, self._issuer + JWKS_PATH, read=_keys, fresh=KEYS_FRESH, usable=KEYS_USABLE, now=now
        )
        self._revoked: Published[frozenset[str]] = Published(
            outbound,
            self._issuer + REVOKED_CALLS_PATH,
            read=lambda body: frozenset(RevokedCalls.model_validate_json(body).calls),
            fresh=REVOKED_FRESH,
            usable=REVOKED_USABLE,
            now=now,
        )

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who holds the token, or None.

        Raises:
            AuthorityUnavailable: the backend must be asked first, and does not answer.
        """
        claims = await self._claims(token)
        if claims is None or not self._is_now(claims) or claims.call in await self._revoked.get():
            return None
        return AccessToken(
            token=token,
            client_id=claims.sub,
            scopes=claims.scope.split(),
            resource=claims.aud,
            subject=claims.sub,
            claims=claims.model_dump(mode="json"),
        )

    async def aclose(self) -> None:
        """Release everything."""
        await self._keys.aclose()
        await self._revoked.aclose()
        await self._outbound.aclose()

    async def _claims(self, token: str) -> CallTokenClaims | None:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM or header.get("typ") != TOKEN_TYPE:
                return None
            key = await self._key(str(header.get("kid")))
            if key is None:
                return None
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._resource,
                issuer=self._issuer,
                # Time is ours to compare, with the injected clock.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            return CallTokenClaims.model_validate(payload)
        except (jwt.PyJWTError, ValidationError):
            return None

    async def _key(self, key_id: str) -> jwt.PyJWK | None:
        key = (await self._keys.get()).get(key_id)
        if key is None and self._keys.age > LOOK_AGAIN_SECONDS:
            # A new key signs as soon as it is published.
            await self._keys.refresh()
            key = (await self._keys.get()).get(key_id)
        return key

    def _is_now(self, claims: CallTokenClaims) -> bool:
        now = self._now()
        return claims.iat - LEEWAY_SECONDS <= now < claims.exp <= claims.iat + LIFETIME_SECONDS


def _keys(body: bytes) -> Mapping[str, jwt.PyJWK]:
    try:
        entries = json.loads(body)["keys"]
        # Only keys of our own kind: what else is published is not for call tokens.
        mine = [entry for entry in entries if entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519"]
        return {str(entry["kid"]): jwt.PyJWK(entry, algorithm=ALGORITHM) for entry in mine}
    except (KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise ValueError("not a key set") from error


class TokenRefusals:
    """What HTTP says of a token beyond 401: 403 for a tool that it does not open, 503 while the backend is away.

    Args:
        app: what is wrapped.
        metadata_url: of the protected-resource metadata (RFC 9728).
    """

    def __init__(self, app: ASGIApp, metadata_url: str) -> None:
        self._app = app
        self._metadata_url = metadata_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and give a refusal inside it its status."""
        refusal: list[str] = []
        scope[REFUSAL] = refusal

        async def with_status(message: Message) -> None:
            if refusal and message["type"] == "http.response.start":
                challenge = (
                    f'Bearer error="insufficient_scope", scope="{refusal[0]}", resource_metadata="{self._metadata_url}"'
                )
                headers = [*message.get("headers", ()), (b"www-authenticate", challenge.encode())]
                message = {**message, "status": 403, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, with_status)
        except AuthorityUnavailable:
            body = {"error": "temporarily_unavailable", "error_description": "call tokens cannot be checked now"}
            await JSONResponse(body, 503, headers={"retry-after": "5"})(scope, receive, send)
