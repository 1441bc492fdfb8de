"""The one OAuth flow, for every vendor whose manifest declares it: code, PKCE, state, offline access."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from backend.connections import repository
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


class OAuthFlows:
    """Takes owners to a vendor's consent page and back.

    Args:
        database: where flows are kept while the owner is away.
        vault: seals what must not be read there.
        vendors: the vendors.
        http: talks to them.
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
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._vendors = vendors
        self._http = http
        self._redirect_uri = base_url + CALLBACK_PATH
        self._now = now

    async def start(self, workspace: str, actor: str, server: str, *, browser: str) -> StartedOAuth:
        """Begin.

        Args:
            workspace: what the account will be connected to.
            actor: who connects it, for the audit log.
            server: the integration.
            browser: a secret that only the owner's browser has; it must come back with the answer.

        Raises:
            ApiError: the integration is not there, has no OAuth, or the operator's client is missing.
        """
        vendor = self._vendors[server]
        client = vendor.oauth_client()
        # The workspace in front lets the answer be looked up among that workspace's flows alone.
        state = f"{workspace}.{secrets.token_urlsafe(32)}"
        verifier = secrets.token_urlsafe(64)
        expires_at = self._now() + FLOW_LIFETIME
        async with self._database.scoped(workspace) as session:
            await repository.forget_old_flows(session, self._now())
            session.add(
                OAuthFlowRow(
                    state_hash=_hash(state),
                    browser_hash=_hash(browser),
                    server=server,
                    actor=actor,
                    sealed=self._vault.seal(_hash(state), {"verifier": verifier}),
                    expires_at=expires_at,
                )
            )
        query = {
            **vendor.oauth.authorize_parameters,
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(vendor.oauth.scopes),
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        url = f"{vendor.at(vendor.oauth.authorize_url)}?{urlencode(query)}"
        return StartedOAuth(authorize_url=url, expires_at=expires_at)

    async def finish(self, state: str, *, code: str | None, error: str | None, browser: str) -> tuple[str, str, Proved]:
        """End: the workspace, who began, and a credential that is proved.

        Args:
            state: as the vendor returned it.
            code: the authorization code, when the owner agreed.
            error: what the vendor says otherwise.
            browser: the secret of the browser that comes back.

        Raises:
            ApiError: it was not begun here, the owner said no, a scope is missing, or the vendor refuses.
            VendorDown: the vendor does not answer.
        """
        workspace = state.partition(".")[0]
        async with self._database.scoped(workspace) as session:
            flow = await repository.take_flow(session, _hash(state))
        if flow is None or flow.expires_at <= self._now() or not hmac.compare_digest(flow.browser_hash, _hash(browser)):
            raise START_AGAIN
        vendor = self._vendors[flow.server]
        if code is None:
            raise _denied(vendor, error)
        verifier = str(self._vault.open(flow.state_hash, flow.sealed)["verifier"])
        answer = await self._exchange(vendor, code, verifier)
        return workspace, flow.actor, await self._prove(vendor, answer)

    async def _exchange(self, vendor: Vendor, code: str, verifier: str) -> Mapping[str, Any]:
        client = vendor.oauth_client()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": self._redirect_uri,
            "client_id": client.id,
            "client_secret": client.secret.get_secret_value(),
        }
        answer = await self._http.form(vendor.at(vendor.oauth.token_url), form)
        if answer.status != 200 or not answer.body.get("access_token"):
            raise ApiError(422, "credential_refused", f"{vendor.manifest.title} refused the code: start again")
        return answer.body

    async def _prove(self, vendor: Vendor, answer: Mapping[str, Any]) -> Proved:
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
            access_expires_at=now + timedelta(seconds=float(answer.get("expires_in", 0))),
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


def _denied(vendor: Vendor, error: str | None) -> ApiError:
    if error == "access_denied":
        return ApiError(403, "oauth_denied", f"{vendor.manifest.title} was not connected: the permission was refused")
    return ApiError(422, "credential_refused", f"{vendor.manifest.title} answered with an error: start again")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
