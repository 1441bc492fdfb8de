"""The vendor's credential of a call, from the backend's broker by token exchange (RFC 8693).

The call token is the subject, so a server gets the credentials of live calls only; what a call left to be delivered has
a grant of its own, for one hook. What it gets is kept per call token and per connection, in memory, and never crosses
from one workspace to another.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import structlog
from pydantic import SecretStr, ValidationError

from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    DEFERRED_TOKEN_TYPE,
    HOOKS_TOKEN_TYPE,
    SUBJECT_TOKEN_TYPE,
    TOKEN_EXCHANGE_GRANT,
    TOKEN_PATH,
    BrokeredHook,
    ExchangedToken,
    ExchangeError,
    ExchangeRefusal,
)
from contracts.manifest import Manifest
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import NeedsReconnect, NotAllowed, ServerError, TryLater, Unavailable
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience, retry_after
from mcp_servers.shared.settings import ServerSettings, SettingsError

log = structlog.get_logger()

EARLY_SECONDS = 10.0
LONGEST_SECONDS = 600.0
"""The life of a call token: each new one is exchanged again, so that a grant that was taken away is noticed."""

CredentialKind = Literal["access_token", "hooks"]
_TYPES: dict[CredentialKind, str] = {"access_token": ACCESS_TOKEN_TYPE, "hooks": HOOKS_TOKEN_TYPE}


class NotConnected(NeedsReconnect):
    """The owner has connected nothing that would do, or has disconnected it."""


class GrantEnded(NotAllowed):
    """What stood for an earlier call is not good any more."""


@dataclass(frozen=True)
class _Wanted:
    """What is asked for; the key of what is held and of the question under way."""

    subject: str
    """The subject token's hash."""
    kind: CredentialKind
    ways: tuple[str, ...] = ()


@dataclass(frozen=True)
class Credential:
    """What a call may use at the vendor.

    Args:
        workspace: whose it is.
        connection: which of their connections; the key of every cache, reservation and ledger row about it.
        token: the access token or API key; empty for hooks.
        hooks: named hooks.
        scope: what the vendor granted, separated by spaces; empty when the vendor has no scopes.
        way: how the owner connected it, as in the manifest's ``credentials``.
        expires_at: seconds since 1970.
    """

    workspace: str
    connection: str
    token: SecretStr
    hooks: dict[str, BrokeredHook]
    scope: str
    way: str
    expires_at: float
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the owner set for the connection."""


class Broker:
    """Exchanges call tokens for credentials, once at a time for each.

    Args:
        outbound: sends.
        url: the backend's address, without a path.
        service_token: says which server asks; gets nothing by itself.
        resource: this server's resource id.
        now: seconds since 1970.
    """

    def __init__(
        self, outbound: Outbound, *, url: str, service_token: SecretStr, resource: str, now: Callable[[], float]
    ) -> None:
        self._outbound = outbound
        self._url = url.rstrip("/") + TOKEN_PATH
        self._service_token = service_token
        self._resource = resource
        self._now = now
        self._held: dict[_Wanted, Credential] = {}
        self._asking: dict[tuple[_Wanted, str | None], asyncio.Task[Credential]] = {}

    @classmethod
    def of(
        cls, settings: ServerSettings, manifest: Manifest, outbound: Outbound, *, now: Callable[[], float]
    ) -> "Broker":
        """The broker that the settings name.

        Raises:
            SettingsError: ``MCP_SERVICE_TOKEN`` is missing.
        """
        if settings.service_token is None:
            raise SettingsError("MCP_SERVICE_TOKEN is missing: with MCP_AUTH=jwks credentials come from the backend")
        return cls(
            outbound,
            url=settings.issuer_url or "",
            service_token=settings.service_token,
            resource=settings.resource or manifest.service.resource,
            now=now,
        )

    async def credential(
        self,
        call: Call,
        kind: CredentialKind = "access_token",
        *,
        refused: str | None = None,
        ways: Sequence[str] = (),
    ) -> Credential:
        """What this call may use.

        Args:
            call: made with a call token.
            kind: what is wanted.
            refused: a token that the vendor just refused; it is not given out again.
            ways: which ways to connect are of use, the preferred first; any when empty.

        Raises:
            NotAllowed: the call has ended, or its agent may not use this server.
            NeedsReconnect: the owner must connect (``NotConnected``), or connect again.
            TryLater: the vendor asks for patience.
            Unavailable: the backend cannot be reached, or does not know this server.
        """
        if call.token is None:
            raise NotAllowed("there is no call token to exchange")
        wanted = _Wanted(_hashed(call.token), kind, tuple(ways))
        subject = {"subject_token": call.token, "subject_token_type": SUBJECT_TOKEN_TYPE}
        return await self._held_or_asked(wanted, call.workspace, subject, refused)

    async def deferred(self, workspace: str, grant: SecretStr) -> Credential:
        """The one hook that a deferred grant opens, for a delivery that a call of this workspace left.

        Raises:
            NotConnected: the owner has disconnected the hook.
            GrantEnded: the grant has expired, or its key was retired.
            Unavailable: the backend cannot be reached.
        """
        token = grant.get_secret_value()
        subject = {"subject_token": token, "subject_token_type": DEFERRED_TOKEN_TYPE}
        try:
            return await self._held_or_asked(_Wanted(_hashed(token), "hooks"), workspace, subject, None)
        except NotAllowed:
            raise GrantEnded("the grant for later deliveries is not good any more") from None

    async def _held_or_asked(
        self, wanted: _Wanted, workspace: str, subject: dict[str, str], refused: str | None
    ) -> Credential:
        held = self._held.get(wanted)
        if held is not None and self._usable(held, refused):
            return held
        # In a task of its own: one caller who hangs up does not take the answer from the others who wait for it.
        question = (wanted, refused)
        task = self._asking.get(question)
        if task is None:
            task = asyncio.create_task(self._exchange(workspace, subject, wanted, refused))
            self._asking[question] = task
            task.add_done_callback(lambda done: self._answered(question, done))
        fresh = await asyncio.shield(task)
        if refused is not None and fresh.token.get_secret_value() == refused:
            raise NeedsReconnect("the vendor refuses the connection's token: the owner must connect the account again")
        return fresh

    def of_connection(self, workspace: str, connection: str, kind: CredentialKind = "access_token") -> Credential:
        """A credential that a call of this workspace brought lately, for settling what an earlier call left open.

        Raises:
            Unavailable: no live call has brought one; the next will.
        """
        for wanted, held in self._held.items():
            mine = (held.workspace, held.connection, wanted.kind) == (workspace, connection, kind)
            if mine and self._usable(held, None):
                return held
        raise Unavailable("no live call has brought this connection's credential")

    async def aclose(self) -> None:
        """Give up the exchanges under way and forget what is held."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()

    def _answered(self, question: tuple[_Wanted, str | None], task: asyncio.Task[Credential]) -> None:
        del self._asking[question]
        if not task.cancelled():
            # Read here too: when everybody who waited has hung up, nobody else reads it.
            task.exception()

    def _usable(self, held: Credential, refused: str | None) -> bool:
        return held.expires_at > self._now() and (refused is None or held.token.get_secret_value() != refused)

    async def _exchange(
        self, workspace: str, subject: dict[str, str], wanted: _Wanted, refused: str | None
    ) -> Credential:
        answer = await self._ask(subject, wanted, refused)
        seconds = min(answer.expires_in - EARLY_SECONDS, LONGEST_SECONDS)
        credential = Credential(
            workspace=workspace,
            connection=answer.connection,
            token=answer.access_token,
            hooks=answer.hooks,
            scope=answer.scope,
            way=answer.way,
            expires_at=self._now() + seconds,
            settings=answer.settings,
        )
        self._held = {k: held for k, held in self._held.items() if self._usable(held, None)} | {wanted: credential}
        return credential

    async def _ask(self, subject: dict[str, str], wanted: _Wanted, refused: str | None) -> ExchangedToken:
        form = {
            "grant_type": TOKEN_EXCHANGE_GRANT,
            **subject,
            "resource": self._resource,
            "requested_token_type": _TYPES[wanted.kind],
            **({"ways": " ".join(wanted.ways)} if wanted.ways else {}),
            **({} if refused is None else {"refused_token": refused}),
        }
        headers = {"authorization": f"Bearer {self._service_token.get_secret_value()}"}
        request = httpx.Request("POST", self._url, data=form, headers=headers)
        policy = Policy(repeatable=True, refused=asks_for_patience)
        try:
            response = await self._outbound.send(request, policy=policy, within=self._outbound.deadlines.credential)
        except NoAnswer:
            raise Unavailable("the backend does not answer") from None
        if response.status_code != 200:
            raise _refusal(response)
        try:
            return ExchangedToken.model_validate_json(response.content)
        except ValidationError:
            # Without the cause: its text holds the answer, and the answer holds a token.
            raise Unavailable("the backend's answer is not a token exchange's") from None


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _refusal(response: httpx.Response) -> ServerError:
    """What a refused exchange means for the call. The text is ours: the backend's may name what a caller may not know."""
    try:
        reason = ExchangeRefusal.model_validate_json(response.content).error
    except ValidationError:
        return Unavailable(f"the backend answered {response.status_code} to a token exchange")
    match reason:
        case ExchangeError.INVALID_GRANT:
            return NotAllowed("the call has ended, or its token is not good for this server")
        case ExchangeError.UNAUTHORIZED_CLIENT:
            return NotAllowed("the agent may not use this server any more")
        case ExchangeError.NOT_CONNECTED:
            return NotConnected("the owner has not connected an account yet")
        case ExchangeError.NEEDS_RECONNECT:
            return NeedsReconnect("the connection is broken: the owner must connect the account again")
        case ExchangeError.TEMPORARILY_UNAVAILABLE:
            return TryLater("the vendor's token endpoint asks for patience", retry_after=retry_after(response))
        case ExchangeError.INVALID_CLIENT | ExchangeError.INVALID_REQUEST:
            log.error("broker refuses this server", reason=reason.value, fix="MCP_SERVICE_TOKEN, MCP_RESOURCE")
            return Unavailable("the backend does not accept this server's exchange")
