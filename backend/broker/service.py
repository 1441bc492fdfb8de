"""Which live call gets which credential."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
from pydantic import SecretStr

from backend.agents import repository as agents
from backend.calls.tables import CallRow
from backend.connections import repository as connections
from backend.connections.schemas import Status, Way
from backend.connections.service import reconnect_url
from backend.connections.tables import ConnectionRow
from backend.connections.tokens import AccessTokens, Gone, MustReconnect
from backend.connections.vendors import VendorDown
from backend.db import Database
from backend.registry.doors import ServerDoor
from backend.tokens.deferred import DeferredGrant, DeferredGrants, GrantRefused
from backend.tokens.service import CallTokens, TokenRefused
from backend.vault.vault import Vault
from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    DEFERRED_TOKEN_TYPE,
    HOOKS_TOKEN_TYPE,
    SUBJECT_TOKEN_TYPE,
    TOKEN_EXCHANGE_GRANT,
    BrokeredHook,
    ExchangedToken,
    ExchangeError,
)
from contracts.calls import CallTokenClaims

LONGEST_SECONDS = 300
"""A server asks again by then, so that what an owner takes away is gone soon."""
TOKEN_WAYS = (Way.OAUTH.value, Way.API_KEY.value, Way.CLIENT_CREDENTIALS.value)


class Refused(Exception):
    """An exchange is refused.

    Args:
        error: why.
        description: for whoever runs the server.
        uri: where the owner connects again.
        retry_after: seconds.
    """

    def __init__(
        self, error: ExchangeError, description: str, *, uri: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(description)
        self.error = error
        self.uri = uri
        self.retry_after = retry_after


class Broker:
    """Exchanges call tokens.

    Args:
        database: where calls, agents and connections are.
        vault: opens hooks.
        call_tokens: reads call tokens.
        deferred: makes and reads the grants for what is finished later.
        tokens: gives access tokens.
        doors: the operator's servers by name.
        base_url: where browsers reach this backend.
        now: the current instant, aware.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        call_tokens: CallTokens,
        deferred: DeferredGrants,
        tokens: AccessTokens,
        doors: Mapping[str, ServerDoor],
        base_url: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._call_tokens = call_tokens
        self._deferred = deferred
        self._tokens = tokens
        self._servers = {door.resource: door.name for door in doors.values()}
        self._base_url = base_url
        self._now = now

    async def exchange(self, form: dict[str, str]) -> ExchangedToken:
        """A credential for a live call, or the hook of a delivery that was accepted during one.

        Args:
            form: as ``contracts.broker`` describes it.

        Raises:
            Refused: with the reason.
        """
        server, wanted = self._asked(form)
        if form["subject_token_type"] == DEFERRED_TOKEN_TYPE:
            return await self._deferred_hook(server, form)
        try:
            claims = self._call_tokens.read(form.get("subject_token", ""), resource=form["resource"])
        except TokenRefused as refusal:
            raise Refused(ExchangeError.INVALID_GRANT, str(refusal)) from None
        rows = await self._connections_of(claims, server)
        if wanted == HOOKS_TOKEN_TYPE:
            return self._hooks(claims.workspace, claims.aud, [row for row in rows if row.way == Way.HOOKS.value])
        return await self._access_token(claims, rows, form)

    def _asked(self, form: dict[str, str]) -> tuple[str, str]:
        wanted = form.get("requested_token_type", ACCESS_TOKEN_TYPE)
        server = self._servers.get(form.get("resource", ""))
        subject = form.get("subject_token_type")
        if form.get("grant_type") != TOKEN_EXCHANGE_GRANT or subject not in {SUBJECT_TOKEN_TYPE, DEFERRED_TOKEN_TYPE}:
            raise Refused(ExchangeError.INVALID_REQUEST, "grant_type or subject_token_type is not a token exchange's")
        if server is None:
            raise Refused(ExchangeError.INVALID_REQUEST, "resource is no server of this operator")
        # What is finished later needs a hook and nothing else: an access token is for live calls alone.
        possible = {HOOKS_TOKEN_TYPE} if subject == DEFERRED_TOKEN_TYPE else {ACCESS_TOKEN_TYPE, HOOKS_TOKEN_TYPE}
        if wanted not in possible:
            raise Refused(ExchangeError.INVALID_REQUEST, "requested_token_type is not known here")
        return server, wanted

    async def _connections_of(self, claims: CallTokenClaims, server: str) -> list[ConnectionRow]:
        """The workspace's connections, if the call is live and its agent still has the server."""
        async with self._database.scoped(claims.workspace) as session:
            query = sa.select(CallRow).where(CallRow.id == claims.call, CallRow.agent_id == claims.sub)
            call = (await session.execute(query)).scalar()
            if call is None or call.ended_at is not None:
                raise Refused(ExchangeError.INVALID_GRANT, "the call has ended")
            agent = await agents.published_spec(session, claims.sub)
            if agent is None or server not in agent.servers:
                raise Refused(ExchangeError.UNAUTHORIZED_CLIENT, "the agent may no longer use this server")
            return await connections.of_server(session, server)

    async def _deferred_hook(self, server: str, form: dict[str, str]) -> ExchangedToken:
        """The call may have ended, and its agent be gone: that the delivery was accepted is enough, while the hook is there."""
        try:
            grant = self._deferred.read(form.get("subject_token", ""), resource=form["resource"])
        except GrantRefused as refusal:
            raise Refused(ExchangeError.INVALID_GRANT, str(refusal)) from None
        async with self._database.scoped(grant.workspace) as session:
            row = await connections.named(session, server, Way.HOOKS, grant.hook)
        return self._hooks(grant.workspace, grant.resource, [row] if row is not None else [])

    def _hooks(self, workspace: str, resource: str, rows: list[ConnectionRow]) -> ExchangedToken:
        if not rows:
            raise Refused(ExchangeError.NOT_CONNECTED, "no hook is connected")
        return ExchangedToken(
            access_token=SecretStr(""),
            issued_token_type=HOOKS_TOKEN_TYPE,
            token_type="N_A",  # noqa: S106 - a name of RFC 8693
            expires_in=LONGEST_SECONDS,
            way=Way.HOOKS.value,
            connection=f"hooks:{workspace}",
            hooks={row.name: self._hook(row, DeferredGrant(workspace, resource, row.name)) for row in rows},
        )

    def _hook(self, row: ConnectionRow, grant: DeferredGrant) -> BrokeredHook:
        return BrokeredHook(
            url=SecretStr(str(self._vault.open(row.id, row.sealed)["url"])),
            title=row.details["title"],
            key_fields=tuple(row.details["key_fields"]),
            payload_schema=row.details["payload_schema"],
            retry_safe=row.details.get("retry_safe", False),
            contact_on_file=row.details.get("contact_on_file"),
            deferred=self._deferred.issue(grant),
        )

    async def _access_token(
        self, claims: CallTokenClaims, rows: list[ConnectionRow], form: dict[str, str]
    ) -> ExchangedToken:
        wanted = form.get("ways", " ".join(TOKEN_WAYS)).split()
        usable = [row for way in wanted if way in TOKEN_WAYS for row in rows if row.way == way]
        if not usable:
            raise Refused(ExchangeError.NOT_CONNECTED, "no account is connected")
        # One that works before one that must be connected again.
        chosen = min(usable, key=lambda row: row.status != Status.CONNECTED.value)
        try:
            token = await self._tokens.get(claims.workspace, chosen.id, refused=form.get("refused_token"))
        except Gone:
            raise Refused(ExchangeError.NOT_CONNECTED, "the account was disconnected") from None
        except MustReconnect as broken:
            link = reconnect_url(self._base_url, broken.connection)
            raise Refused(ExchangeError.NEEDS_RECONNECT, "the owner must connect again", uri=link) from None
        except VendorDown as down:
            reason = "the vendor does not answer"
            raise Refused(ExchangeError.TEMPORARILY_UNAVAILABLE, reason, retry_after=down.retry_after) from None
        left = (token.expires_at - self._now()).total_seconds() if token.expires_at else math.inf
        return ExchangedToken(
            access_token=SecretStr(token.value),
            issued_token_type=ACCESS_TOKEN_TYPE,
            token_type="Bearer",  # noqa: S106 - a scheme
            expires_in=int(min(left, LONGEST_SECONDS)),
            scope=" ".join(token.scopes),
            way=chosen.way,
            connection=token.connection,
            settings=connections.settings_of(chosen),
        )
