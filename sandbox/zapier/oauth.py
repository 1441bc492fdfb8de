"""Zapier's token endpoint. The client ``sandbox`` with the secret ``sandbox`` gets a token for what it asks for."""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.zapier.answers import BEARER
from sandbox.zapier.store import TOKEN, Store

LIFE_SECONDS = 36_000
AUDIENCE = "zapier.com"
CODE = "sandbox"
"""An authorization code and a refresh token that are always good; the browser's part is the backend's to test."""


class OAuth:
    """``/oauth/token/``.

    Args:
        store: keeps the tokens.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> Sequence[BaseRoute]:
        """The token endpoint, and the SDK's telemetry, which is answered and forgotten."""
        return (
            Route("/oauth/token/", self._token, methods=["POST"]),
            Route("/api/v4/tracking/event/", self._tracked, methods=["POST"]),
        )

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        client, secret = _client(request, form)
        if (client, secret) != (BEARER, BEARER):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            if form.get("audience") != AUDIENCE:
                return JSONResponse({"error": "invalid_request", "error_description": "audience"}, status_code=400)
            return await self._issue(form.get("scope", "external"), refreshable=False)
        proof = {"authorization_code": "code", "refresh_token": "refresh_token"}.get(grant or "")
        if proof is None:
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        if form.get(proof) != CODE:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return await self._issue(form.get("scope", "zap zap:write zap:runs"), refreshable=True)

    async def _issue(self, scope: str, *, refreshable: bool) -> Response:
        token = secrets.token_urlsafe(24)
        await self._store.put(TOKEN, token, {"scope": scope})
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_SECONDS, "scope": scope}
        return JSONResponse({**answer, "refresh_token": CODE} if refreshable else answer)

    async def _tracked(self, _: Request) -> Response:
        return Response(status_code=204)


def _client(request: Request, form: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The client from the header, else from the form."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        return name, secret
    return form.get("client_id"), form.get("client_secret")
