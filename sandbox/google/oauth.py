"""Google's OAuth 2.0: the consent page, tokens, revocation and who is signed in."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.google.events import E_MAIL
from sandbox.google.grants import LIVES_FOR, Grant, Grants
from sandbox.google.knobs import Knobs
from sandbox.google.scopes import EMAIL, IDENTITY, OPENID, PROFILE, known_scopes, read_scopes
from sandbox.pages import html_page
from sandbox.part import SandboxContext

AUTH_PATH = "/o/oauth2/v2/auth"
CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class TokenError(Exception):
    """A refusal of the token endpoint.

    Args:
        error: OAuth's code.
        description: Google's text.
        status: HTTP status.
    """

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description}


class OAuth:
    """The endpoints.

    Args:
        grants: who allowed what.
        context: clock.
        knobs: whether refresh tokens rotate, and how many live.
        accounts: the accounts that there are.
        open_account: makes an account's calendar where it is missing.
    """

    def __init__(
        self,
        grants: Grants,
        context: SandboxContext,
        knobs: Knobs,
        *,
        accounts: Callable[[], Awaitable[list[str]]],
        open_account: Callable[[str], Awaitable[None]],
    ) -> None:
        self._grants = grants
        self._context = context
        self._knobs = knobs
        self._accounts = accounts
        self._open_account = open_account

    def routes(self) -> tuple[Route, ...]:
        """Google's paths, of today and of before."""
        return (
            *(Route(path, self._ask, methods=["GET"]) for path in (AUTH_PATH, "/o/oauth2/auth")),
            Route(AUTH_PATH, self._decide, methods=["POST"]),
            *(Route(path, self._token, methods=["POST"]) for path in ("/token", "/oauth2/v4/token", "/o/oauth2/token")),
            *(Route(path, self._revoke, methods=["POST"]) for path in ("/revoke", "/o/oauth2/revoke")),
            *(Route(path, self._userinfo, methods=["GET", "POST"]) for path in ("/oauth2/v3/userinfo", "/v1/userinfo")),
            Route("/tokeninfo", self._tokeninfo, methods=["GET", "POST"]),
        )

    # The person

    async def _ask(self, request: Request) -> Response:
        query = dict(request.query_params)
        problem = await self._problem(query)
        if problem is not None:
            return html_page("google/refused.html", status=400, error=problem[0], detail=problem[1])
        asked = read_scopes(query["scope"])
        ticket = await self._grants.keep(query, now=self._context.now(), prefix="consent-")
        known = known_scopes()
        return html_page(
            "google/consent.html",
            ticket=ticket,
            client=query["client_id"],
            host=urlsplit(query["redirect_uri"]).netloc,
            accounts=await self._accounts(),
            hint=query.get("login_hint", ""),
            identity=[known[scope] for scope in sorted(asked & set(IDENTITY))],
            scopes=[(scope, known[scope]) for scope in sorted(asked - set(IDENTITY))],
        )

    async def _problem(self, query: Mapping[str, str]) -> tuple[str, str] | None:
        for name in ("client_id", "redirect_uri", "response_type", "scope"):
            if not query.get(name):
                return "invalid_request", f"Missing required parameter: {name}"
        registered = await self._grants.client(query["client_id"])
        address = urlsplit(query["redirect_uri"])
        if address.scheme not in {"http", "https"} or not address.hostname or address.fragment:
            return "invalid_request", "redirect_uri must be an absolute http or https address without a fragment"
        if registered is not None and query["redirect_uri"] not in registered[1]:
            return "redirect_uri_mismatch", f"redirect_uri={query['redirect_uri']} is not registered for this client"
        if query["response_type"] != "code":
            return "unsupported_response_type", "response_type must be code"
        unknown = sorted(read_scopes(query["scope"]) - set(known_scopes()))
        if unknown:
            return "invalid_scope", f"Some requested scopes were invalid: {' '.join(unknown)}"
        if query.get("code_challenge_method", "plain") not in {"S256", "plain"}:
            return "invalid_request", "code_challenge_method must be S256 or plain"
        return None

    async def _decide(self, request: Request) -> Response:
        form = await request.form()
        query = await self._grants.fetch(_text(form, "ticket"), now=self._context.now())
        if query is None:
            detail = "This page has expired or was answered already. Go back to the app and begin again."
            return html_page("google/refused.html", status=400, error="invalid_request", detail=detail)
        asked = read_scopes(query["scope"])
        ticked = {str(scope) for scope in form.getlist("scope")}
        given = {scope for scope in asked if scope in IDENTITY or scope in ticked}
        account = (_text(form, "other_account") or _text(form, "account")).strip().lower()
        if _text(form, "decision") != "allow" or not given or not E_MAIL.fullmatch(account):
            return _back(query, error="access_denied")
        if query.get("include_granted_scopes") == "true":
            given |= await self._grants.scopes_of(account, query["client_id"])
        await self._open_account(account)
        kept = {**query, "account": account, "given": " ".join(sorted(given))}
        code = await self._grants.keep(kept, now=self._context.now(), prefix="4/0")
        return _back(query, code=code, scope=kept["given"], authuser="0", prompt="consent")

    # The client

    async def _token(self, request: Request) -> Response:
        form = _with_client(request, await request.form())
        exchanges = {"authorization_code": self._exchange_code, "refresh_token": self._refresh}
        try:
            exchange = exchanges.get(_text(form, "grant_type"))
            if exchange is None:
                raise TokenError("unsupported_grant_type", f"Invalid grant_type: {_text(form, 'grant_type')}")
            await self._check_client(form)
            answer = await exchange(form)
        except TokenError as error:
            return JSONResponse(error.body, status_code=error.status)
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    async def _check_client(self, form: FormData) -> None:
        registered = await self._grants.client(_text(form, "client_id"))
        if registered is not None and registered[0] != _text(form, "client_secret"):
            raise TokenError("invalid_client", "Unauthorized", status=401)

    async def _exchange_code(self, form: FormData) -> dict[str, Any]:
        kept = await self._grants.fetch(_text(form, "code"), now=self._context.now())
        if kept is None or "account" not in kept or kept["client_id"] != _text(form, "client_id"):
            raise TokenError("invalid_grant", "Malformed auth code.")
        if kept["redirect_uri"] != _text(form, "redirect_uri"):
            raise TokenError("redirect_uri_mismatch", "Bad Request")
        _check_verifier(kept, _text(form, "code_verifier"))
        grant = await self._grants.allow(
            kept["account"],
            kept["client_id"],
            frozenset(kept["given"].split()),
            offline=kept.get("access_type") == "offline",
            fresh="consent" in kept.get("prompt", "").split(),
            most=self._knobs.most_refresh_tokens,
        )
        refresh = {} if grant.refresh_token is None else {"refresh_token": grant.refresh_token}
        return {**await self._issue(grant, grant.scopes), **refresh}

    async def _refresh(self, form: FormData) -> dict[str, Any]:
        grant = await self._grants.by_refresh_token(_text(form, "refresh_token"))
        if grant is None:
            raise TokenError("invalid_grant", "Token has been expired or revoked.")
        if grant.client is not None and grant.client != _text(form, "client_id"):
            raise TokenError("unauthorized_client", "Unauthorized", status=401)
        wanted = read_scopes(_text(form, "scope")) or grant.scopes
        if not wanted <= grant.scopes:
            raise TokenError("invalid_scope", "Bad Request")
        rotates = self._knobs.rotate_refresh_tokens and grant.client is not None
        rotated = {"refresh_token": await self._grants.rotate(grant)} if rotates else {}
        return {**await self._issue(grant, wanted), **rotated}

    async def _issue(self, grant: Grant, scopes: frozenset[str]) -> dict[str, Any]:
        return {
            "access_token": await self._grants.issue(grant, scopes, now=self._context.now()),
            "expires_in": int(LIVES_FOR.total_seconds()),
            "scope": " ".join(sorted(scopes)),
            "token_type": "Bearer",
        }

    async def _revoke(self, request: Request) -> Response:
        form = await request.form()
        if not await self._grants.revoke(_text(form, "token") or request.query_params.get("token", "")):
            body = {"error": "invalid_token", "error_description": "Token expired or revoked"}
            return JSONResponse(body, status_code=400)
        return JSONResponse({})

    async def _userinfo(self, request: Request) -> Response:
        access = await self._grants.access(bearer_of(request), now=self._context.now())
        if access is None or OPENID not in access.scopes:
            body = {"error": "invalid_request", "error_description": "Invalid Credentials"}
            return JSONResponse(body, status_code=401)
        person: dict[str, Any] = {"sub": subject_of(access.account)}
        if EMAIL in access.scopes:
            person |= {"email": access.account, "email_verified": True}
        if PROFILE in access.scopes:
            person |= {"name": access.account.partition("@")[0].title()}
        return JSONResponse(person)

    async def _tokeninfo(self, request: Request) -> Response:
        access = await self._grants.access(request.query_params.get("access_token", ""), now=self._context.now())
        if access is None:
            return JSONResponse({"error": "invalid_token", "error_description": "Invalid Value"}, status_code=400)
        client = access.client or "sandbox"
        answer = {"azp": client, "aud": client, "scope": " ".join(sorted(access.scopes)), "access_type": "offline"}
        if access.expires_at is not None:
            left = int(access.expires_at - self._context.now().timestamp())
            answer |= {"exp": str(int(access.expires_at)), "expires_in": str(left)}
        if EMAIL in access.scopes:
            answer |= {"email": access.account, "email_verified": "true"}
        return JSONResponse(answer)


def bearer_of(request: Request) -> str:
    """The access token of a request; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def subject_of(account: str) -> str:
    """The number by which Google knows an account."""
    return str(int(hashlib.sha256(account.encode()).hexdigest()[:17], 16))


def _check_verifier(kept: Mapping[str, Any], verifier: str) -> None:
    challenge = kept.get("code_challenge")
    if challenge is None:
        return
    if not verifier:
        raise TokenError("invalid_grant", "Missing code verifier.")
    digest = hashlib.sha256(verifier.encode()).digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    shown = hashed if kept.get("code_challenge_method") == "S256" else verifier
    if shown != challenge or not CHALLENGE.fullmatch(verifier):
        raise TokenError("invalid_grant", "Invalid code verifier.")


def _back(query: Mapping[str, str], **answer: str) -> Response:
    """To the client, with its state."""
    if "state" in query:
        answer["state"] = query["state"]
    address = urlsplit(query["redirect_uri"])
    joined = "&".join(part for part in (address.query, urlencode(answer)) if part)
    return RedirectResponse(urlunsplit(address._replace(query=joined)), status_code=302)


def _with_client(request: Request, form: FormData) -> FormData:
    """The form, with the client's name and secret wherever they were sent; a library may send them by Basic."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return form
    client, _, secret = decoded.partition(":")
    return FormData([*form.multi_items(), ("client_id", unquote(client)), ("client_secret", unquote(secret))])


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
