"""A stand-in for the backend's side of call tokens: keys, ended calls and the token exchange, on the wire of contracts."""

import base64
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.broker import JWKS_PATH, REVOKED_CALLS_PATH, TOKEN_PATH
from tests.running import running

SERVICE_TOKEN = "a-service-token-for-tests"


class SigningKey:
    """An Ed25519 key pair with an id."""

    def __init__(self, key_id: str | None = None) -> None:
        self.id = key_id or secrets.token_hex(8)
        self.private = Ed25519PrivateKey.generate()

    def jwk(self) -> dict[str, Any]:
        x = base64.urlsafe_b64encode(self.private.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id, "use": "sig", "alg": "EdDSA"}


@dataclass
class StandInBackend:
    """What it publishes, what it answers, and what it was asked.

    Args:
        now: seconds since 1970, as its tokens have it.
    """

    now: Callable[[], float] = time.time
    url: str = ""
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey()])
    ended: list[str] = field(default_factory=list)
    up: bool = True
    asked: list[str] = field(default_factory=list)
    exchanges: list[dict[str, str]] = field(default_factory=list)
    exchange: Callable[[Mapping[str, str]], tuple[int, Mapping[str, Any]]] | None = None

    def claims(self, *, resource: str, tools: str = "", **changed: Any) -> dict[str, Any]:
        """The claims of a good token; a value of None leaves one out."""
        issued = int(self.now())
        good = {
            "iss": self.url, "sub": "agent-1", "aud": resource, "workspace": "workspace-1", "call": "call-1",
            "role": "public", "scope": tools, "iat": issued, "exp": issued + 600, "jti": secrets.token_hex(8),
        }  # fmt: skip
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def token(self, *, resource: str, tools: str = "", key: SigningKey | None = None, **changed: Any) -> str:
        """A call token, signed by the first key unless another is named."""
        signing = key or self.keys[0]
        claims = self.claims(resource=resource, tools=tools, **changed)
        return jwt.encode(claims, signing.private, algorithm="EdDSA", headers={"kid": signing.id, "typ": "at+jwt"})

    def app(self) -> Starlette:
        routes = [
            Route(JWKS_PATH, self._jwks),
            Route(REVOKED_CALLS_PATH, self._revoked),
            Route(TOKEN_PATH, self._exchange, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _jwks(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse({"keys": [key.jwk() for key in self.keys]} if self.up else {}, 200 if self.up else 503)

    async def _revoked(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        body = {"calls": self.ended, "lifetime_seconds": 660}
        return JSONResponse(body if self.up else {}, 200 if self.up else 503)

    async def _exchange(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.exchanges.append({**form, "authorization": request.headers.get("authorization", "")})
        status, body = self.exchange(form) if self.exchange else (200, self.exchanged())
        return JSONResponse(dict(body), status)

    @staticmethod
    def exchanged(**changed: Any) -> dict[str, Any]:
        """A successful exchange."""
        return {
            "access_token": f"vendor-{secrets.token_hex(4)}",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "",
            "connection": "connection-1",
            **changed,
        }


@asynccontextmanager
async def stand_in_backend(now: Callable[[], float] = time.time) -> AsyncGenerator[StandInBackend]:
    """Serve it on a real socket."""
    backend = StandInBackend(now)
    async with running(backend.app()) as served:
        backend.url = served.url
        yield backend
