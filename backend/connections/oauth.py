"""The one OAuth flow, for every vendor whose manifest declares it: code, PKCE, state, offline access."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from backend.connections import repository
from backend.connections.grantors import Grantor, TokenEndpoints, life_in, token_in, vendor_grantor
from backend.connections.repository import Proved
from backend.connections.schemas import StartedOAuth, Way
from backend.connections.tables import OAuthFlowRow
from backend.connections.vendors import Vendor, VendorHttp, Vendors
from backend.db import Database
from backend.errors import ApiError
from backend.vault.vault import Vault
from contracts.manifest import Proof

CALLBACK_PATH = "/oauth/callback"
FLOW_LIFETIME = timedelta(minutes=10)
START_AGAIN = ApiError(
    400, "oauth_state_invalid", "this consent was not begun in this browser, or is too old: start again", field="state"
)


@dataclass(frozen=True)
class BackFromVendor:
    """What the owner's browser brings back.

    Args:
        code: the authorization code, when the owner agreed.
        error: what the vendor says otherwise.
        issuer: who answers, where the vendor says so.
        browser: the secret of the browser that comes back.
    """

    code: str | None
    error: str | None
    issuer: str | None
    browser: str


@dataclass(frozen=True)
class Consent:
    """What an owner consented to.

    Args:
        workspace: what is connected.
        actor: who began.
        server: the integration, or the name of a foreign server.
        grantor: who granted.
        answer: the grantor's tokens.
        carried: of a foreign server: what was given to ``begin``; None for a vendor of a manifest.
    """

    workspace: str
    actor: str
    server: str
    grantor: Grantor
    answer: Mapping[str, Any]
    carried: Mapping[str, Any] | None


class OAuthFlows:
    """Takes owners to a vendor's consent page and back.

    Args:
        database: where flows are kept while the owner is away.
        vault: seals what must not be read there.
        vendors: the vendors.
        http: reads at them.
        endpoints: asks for tokens.
        base_url: where browsers reach this backend.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        vendors: Vendors,
        http: VendorHttp,
        endpoints: TokenEndpoints,
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._vendors = vendors
        self._http = http
        self._endpoints = endpoints
        self.redirect_uri = base_url + CALLBACK_PATH
        self._now = now

    async def start(self, workspace: str, actor: str, server: str, *, browser: str) -> StartedOAuth:
        """Begin with the vendor of a manifest; see ``begin``.

        Raises:
            ApiError: the integration is not there, has no OAuth, or the operator's client is missing.
        """
        grantor = vendor_grantor(self._vendors[server])
        return await self.begin(workspace, actor, server, grantor, browser=browser)

    async def begin(
        self,
        workspace: str,
        actor: str,
        server: str,
        grantor: Grantor,
        *,
        browser: str,
        carried: Mapping[str, Any] | None = None,
    ) -> StartedOAuth:
        """Begin.

        Args:
            workspace: what the account will be connected to.
            actor: who connects it, for the audit log.
            server: the integration, or the name of a foreign MCP server.
            grantor: who is asked.
            browser: a secret that only the owner's browser has; it must come back with the answer.
            carried: for a foreign server: what is needed when the owner comes back. It is sealed meanwhile.
        """
        # The workspace in front lets the answer be looked up among that workspace's flows alone.
        state = f"{workspace}.{secrets.token_urlsafe(32)}"
        verifier = secrets.token_urlsafe(64)
        expires_at = self._now() + FLOW_LIFETIME
        kept = {"verifier": verifier}
        if carried is not None:
            kept |= {"grantor": grantor.model_dump(mode="json"), "carried": dict(carried)}
        async with self._database.scoped(workspace) as session:
            await repository.forget_old_flows(session, self._now())
            session.add(
                OAuthFlowRow(
                    state_hash=_hash(state),
                    browser_hash=_hash(browser),
                    server=server,
                    actor=actor,
                    sealed=self._vault.seal(_hash(state), kept),
                    expires_at=expires_at,
                )
            )
        return StartedOAuth(authorize_url=self._authorize_url(grantor, state, verifier), expires_at=expires_at)

    def _authorize_url(self, grantor: Grantor, state: str, verifier: str) -> str:
        query = {
            **grantor.authorize_parameters,
            "response_type": "code",
            "client_id": grantor.client_id,
            "redirect_uri": self.redirect_uri,
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if grantor.scopes:
            query["scope"] = " ".join(grantor.scopes)
        if grantor.resource is not None:
            query["resource"] = grantor.resource
        return f"{grantor.authorize_url}{'&' if '?' in grantor.authorize_url else '?'}{urlencode(query)}"

    async def finish(self, state: str, back: BackFromVendor) -> Consent:
        """End: what the owner consented to, with the vendor's tokens.

        Args:
            state: as the vendor returned it.
            back: the rest of what the browser brings.

        Raises:
            ApiError: it was not begun here, the owner said no, or the vendor refuses.
            VendorDown: the vendor does not answer.
        """
        workspace = state.partition(".")[0]
        async with self._database.scoped(workspace) as session:
            flow = await repository.take_flow(session, _hash(state))
        known = flow is not None and hmac.compare_digest(flow.browser_hash, _hash(back.browser))
        if flow is None or flow.expires_at <= self._now() or not known:
            raise START_AGAIN
        kept = self._vault.open(flow.state_hash, flow.sealed)
        carried = kept.get("carried")
        grantor = (
            vendor_grantor(self._vendors[flow.server]) if carried is None else Grantor.model_validate(kept["grantor"])
        )
        _check_issuer(grantor, back.issuer)
        if back.code is None:
            raise _denied(grantor, back.error)
        answer = await self._exchange(grantor, back.code, str(kept["verifier"]))
        return Consent(workspace, flow.actor, flow.server, grantor, answer, carried)

    async def _exchange(self, grantor: Grantor, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": self.redirect_uri,
        }
        answer = await self._endpoints.ask(grantor, form)
        if answer.status != 200 or token_in(answer.body) is None:
            raise ApiError(422, "credential_refused", f"{grantor.title} refused the code: start again")
        return answer.body

    async def prove(self, consent: Consent) -> Proved:
        """What a vendor of a manifest granted, tried.

        Raises:
            ApiError: a scope is missing, or the vendor refuses.
            VendorDown: the vendor does not answer.
        """
        vendor, answer = self._vendors[consent.server], consent.answer
        scopes = _granted(vendor, answer)
        if not answer.get("refresh_token"):
            message = f"{vendor.manifest.title} gave no lasting access: remove Voxie from the account, then start again"
            raise ApiError(422, "credential_refused", message)
        token = str(answer["access_token"])
        account = await prove(vendor, vendor.oauth.proof, token, self._http)
        now = self._now()
        return Proved(
            server=vendor.manifest.name,
            way=Way.OAUTH,
            secret={"refresh_token": str(answer["refresh_token"]), "access_token": token},
            account=account,
            scopes=scopes,
            access_expires_at=now + timedelta(seconds=life_in(answer, 0)),
            expires_at=_ends_at(answer, now),
        )


async def prove(vendor: Vendor, proof: Proof, bearer: str, http: VendorHttp) -> str | None:
    """Read with a credential; the account that the vendor names.

    Raises:
        ApiError: 422 when the vendor refuses it.
        VendorDown: the vendor does not answer.
    """
    answer = await http.read(vendor.at(proof.url), bearer=bearer)
    if answer.status != 200:
        message = f"{vendor.manifest.title} refused the credential ({answer.status}): check it and try again"
        raise ApiError(422, "credential_refused", message)
    account = answer.body.get(proof.account_field) if proof.account_field else None
    return str(account)[:320] if account else None


def _granted(vendor: Vendor, answer: Mapping[str, Any]) -> tuple[str, ...]:
    """What the owner left ticked. Without a word from the vendor it is all that was asked for (RFC 6749, 5.1)."""
    granted = tuple(str(answer.get("scope") or " ".join(vendor.oauth.scopes)).split())
    missing = [scope for scope in vendor.oauth.scopes if scope not in granted]
    if missing:
        message = f"the permission {missing[0]} was not given: start again and leave its box ticked"
        raise ApiError(422, "scope_missing", message, field=missing[0])
    return granted


def _ends_at(answer: Mapping[str, Any], now: datetime) -> datetime | None:
    seconds = answer.get("refresh_token_expires_in")
    return now + timedelta(seconds=float(seconds)) if isinstance(seconds, int | float) and seconds > 0 else None


def _check_issuer(grantor: Grantor, issuer: str | None) -> None:
    """An answer of another authorization server than the one that was asked is refused (RFC 9207)."""
    if not grantor.foreign or (issuer is None and not grantor.names_itself):
        return
    if issuer != grantor.issuer:
        raise ApiError(422, "credential_refused", f"this answer is not of {grantor.title}'s authorization server")


def _denied(grantor: Grantor, error: str | None) -> ApiError:
    if error == "access_denied":
        return ApiError(403, "oauth_denied", f"{grantor.title} was not connected: the permission was refused")
    return ApiError(422, "credential_refused", f"{grantor.title} answered with an error: start again")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
