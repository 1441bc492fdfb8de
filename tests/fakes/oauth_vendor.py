"""A vendor at the wire: OAuth with consent, refresh, rotation and revocation, an account to read, hooks, keys, clients.

It follows Google's names and answers; what a test changes are its moods.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.running import running

GOOD_KEY = "canary-api-key-5f2e"
GOOD_SECRET = "canary-client-secret-77aa"


@dataclass
class Vendor:
    """What it grants, what it remembers, and what it was asked.

    Args:
        account: of whoever consents.
        consents: whether the person agrees.
        unticked: the scopes that the person leaves out.
        rotates: whether a refresh gives a new refresh token.
        grace: whether the one before a rotation still works.
        lasting: whether it gives refresh tokens at all.
        expires_in: seconds that access tokens live.
        token_status: what the token endpoint answers instead, when set.
        hook_status: what hooks answer.
        hold: while set, the token endpoint has acted (or not, see ``acts_before_holding``) and does not answer.
        drops: whether it forgets what it was asked.
    """

    url: str = ""
    account: str = "owner@restaurant.example"
    consents: bool = True
    unticked: tuple[str, ...] = ()
    rotates: bool = False
    grace: bool = False
    lasting: bool = True
    expires_in: int = 3600
    refresh_expires_in: int | None = None
    token_status: int | None = None
    hook_status: int = 200
    hold: asyncio.Event | None = None
    acts_before_holding: bool = True
    drops: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    refreshes: int = 0
    clients: int = 0
    delivered: list[Any] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    authorizations: list[dict[str, str]] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def secrets(self) -> set[str]:
        """Every credential that it ever gave out."""
        return self._given

    def __post_init__(self) -> None:
        self._given: set[str] = {GOOD_KEY, GOOD_SECRET}

    def expire_access(self) -> None:
        """Refuse every access token from now on."""
        self.access_tokens.clear()

    def revoke_all(self) -> None:
        """What the account's owner does at the vendor."""
        self.access_tokens.clear()
        self.refresh_tokens.clear()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/o/oauth2/v2/auth", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/oauth/token/", self._client_token, methods=["POST"]),
                Route("/revoke", self._revoke, methods=["POST"]),
                Route("/calendar/v3/users/me/calendarList/primary", self._account),
                Route("/v2/zaps", self._zaps),
                Route("/hooks/catch/{account}/{hook}/", self._hook, methods=["POST"]),
            ]
        )

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.authorizations.append(query)
        back = {"state": query["state"]}
        if not self.consents:
            return RedirectResponse(f"{query['redirect_uri']}?{urlencode({**back, 'error': 'access_denied'})}", 302)
        code = self._secret("code")
        self._codes[code] = query
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({**back, 'code': code})}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if self.token_status is not None:
            return JSONResponse({}, self.token_status, headers={"retry-after": "7"})
        if form["grant_type"] == "authorization_code":
            return self._code_exchanged(form)
        self.refreshes += 1
        drops = self.drops
        if not self.acts_before_holding:
            await self._held()
        if drops:
            return JSONResponse({}, 503)
        answer = self._refreshed(form)
        if self.acts_before_holding:
            await self._held()
        return answer

    async def _held(self) -> None:
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()

    def _code_exchanged(self, form: dict[str, str]) -> Response:
        query = self._codes.pop(form["code"], None)
        if query is None or query["redirect_uri"] != form["redirect_uri"] or query["client_id"] != form["client_id"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return JSONResponse({"error": "invalid_grant", "error_description": "Invalid code verifier."}, 400)
        granted = [scope for scope in query["scope"].split() if scope not in self.unticked]
        return JSONResponse(self._tokens(scope=" ".join(granted), lasting=self.lasting))

    def _refreshed(self, form: dict[str, str]) -> Response:
        if form["refresh_token"] not in self.refresh_tokens:
            body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
            return JSONResponse(body, 400)
        if self.rotates and not self.grace:
            self.refresh_tokens.discard(form["refresh_token"])
        return JSONResponse(self._tokens(scope="", lasting=self.rotates))

    def _tokens(self, *, scope: str, lasting: bool) -> dict[str, Any]:
        access = self._secret("access")
        self.access_tokens.add(access)
        answer: dict[str, Any] = {"access_token": access, "expires_in": self.expires_in, "token_type": "Bearer"}
        if scope:
            answer["scope"] = scope
        if lasting:
            answer["refresh_token"] = self._secret("refresh")
            self.refresh_tokens.add(answer["refresh_token"])
        if self.refresh_expires_in is not None:
            answer["refresh_token_expires_in"] = self.refresh_expires_in
        return answer

    def _secret(self, kind: str) -> str:
        made = f"canary-{kind}-{secrets.token_hex(12)}"
        self._given.add(made)
        return made

    async def _client_token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if form.get("client_secret") != GOOD_SECRET or form.get("audience") != "zapier.com":
            return JSONResponse({"error": "invalid_client"}, 401)
        self.clients += 1
        return JSONResponse({"access_token": self._secret("client-access"), "expires_in": self.expires_in})

    async def _revoke(self, request: Request) -> Response:
        form = await request.form()
        self.revoked.append(str(form["token"]))
        return JSONResponse({})

    async def _account(self, request: Request) -> Response:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.access_tokens:
            return JSONResponse({"error": {"code": 401}}, 401)
        return JSONResponse({"id": self.account})

    async def _zaps(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {GOOD_KEY}":
            return JSONResponse({"errors": []}, 401)
        return JSONResponse({"data": []})

    async def _hook(self, request: Request) -> Response:
        self.delivered.append(await request.json())
        return JSONResponse({"status": "success"}, self.hook_status)


@asynccontextmanager
async def serve_vendor() -> AsyncGenerator[Vendor]:
    """Serve one on a real socket within a block."""
    vendor = Vendor()
    async with running(vendor.app()) as served:
        vendor.url = served.url
        yield vendor
