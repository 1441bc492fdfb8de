"""Who let which client do what: grants, access tokens and codes."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

LIVES_FOR = timedelta(seconds=3599)
CODE_LIVES_FOR = timedelta(minutes=10)

metadata = sa.MetaData()
clients = sa.Table(
    "google_clients",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("secret", sa.String(255), nullable=False),
    sa.Column("redirect_uris", sa.JSON, nullable=False),
)
grants = sa.Table(
    "google_grants",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account", sa.String(255), nullable=False, index=True),
    sa.Column("client", sa.String(255), nullable=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("refresh_token", sa.String(255), nullable=True, unique=True),
)
access_tokens = sa.Table(
    "google_access_tokens",
    metadata,
    sa.Column("token", sa.String(255), primary_key=True),
    sa.Column("grant", sa.Integer, nullable=False, index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=True),
)
codes = sa.Table(
    "google_codes",
    metadata,
    sa.Column("code", sa.String(255), primary_key=True),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class Access:
    """What an access token stands for."""

    account: str
    client: str | None
    scopes: frozenset[str]
    expires_at: float | None
    """Seconds since 1970; None for the demo account's fixed bearer."""


@dataclass(frozen=True)
class Grant:
    """What an account allowed a client."""

    id: int
    account: str
    client: str | None
    scopes: frozenset[str]
    refresh_token: str | None


class Grants:
    """The tables.

    Args:
        engine: the sandbox's database.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self) -> None:
        """Create the tables where they are missing."""
        async with self._engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def clear(self) -> None:
        """Delete every row."""
        async with self._engine.begin() as connection:
            for table in metadata.sorted_tables:
                await connection.execute(sa.delete(table))

    async def add_fixed(self, account: str, scopes: Iterable[str], *, refresh_token: str, bearer: str) -> None:
        """A grant whose tokens everybody knows and which do not expire: once, so that it can be revoked."""
        async with self._engine.begin() as connection:
            if await connection.scalar(sa.select(clients.c.id).where(clients.c.id == bearer)) is None:
                row: dict[str, Any] = {"id": bearer, "secret": bearer, "redirect_uris": []}
                await connection.execute(sa.insert(clients).values(row))
                grant = await _add_grant(connection, account, None, scopes, refresh_token)
                await _add_token(connection, bearer, grant, scopes, None)

    # Clients

    async def register(self, client: str, secret: str, redirect_uris: list[str]) -> None:
        """A client whose secret and addresses are checked from now on; any other client may be anything."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(clients).where(clients.c.id == client))
            row = {"id": client, "secret": secret, "redirect_uris": redirect_uris}
            await connection.execute(sa.insert(clients).values(row))

    async def client(self, client: str) -> tuple[str, list[str]] | None:
        """A registered client's secret and addresses."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(sa.select(clients).where(clients.c.id == client))).mappings().first()
        return (row["secret"], row["redirect_uris"]) if row else None

    # What a person agreed to, waiting to be fetched: first the question, then the code

    async def keep(self, data: dict[str, Any], *, now: datetime, prefix: str) -> str:
        """Keep something for ten minutes; what it is fetched by is returned."""
        code = f"{prefix}{secrets.token_urlsafe(32)}"
        async with self._engine.begin() as connection:
            row = {"code": code, "data": data, "expires_at": (now + CODE_LIVES_FOR).timestamp()}
            await connection.execute(sa.insert(codes).values(row))
        return code

    async def fetch(self, code: str, *, now: datetime) -> dict[str, Any] | None:
        """Fetch it, once."""
        async with self._engine.begin() as connection:
            gone = sa.delete(codes).where(codes.c.code == code).returning(codes.c.data, codes.c.expires_at)
            row = (await connection.execute(gone)).mappings().first()
        return row["data"] if row and row["expires_at"] > now.timestamp() else None

    # Grants

    async def allow(
        self, account: str, client: str, scopes: frozenset[str], *, offline: bool, fresh: bool, most: int
    ) -> Grant:
        """Record a consent.

        Args:
            account: who agreed.
            client: to whom.
            scopes: to what.
            offline: whether a refresh token is wanted.
            fresh: give one although this client has one already.
            most: refresh tokens of one account and client; the oldest dies for one more.
        """
        async with self._engine.begin() as connection:
            known = await _grants_of(connection, account, client)
            refresh = f"1//{secrets.token_urlsafe(48)}" if offline and (fresh or not known) else None
            for oldest in known[: max(0, len(known) + 1 - most)]:
                await _forget(connection, [oldest.id])
            number = await _add_grant(connection, account, client, scopes, refresh)
        return Grant(number, account, client, scopes, refresh)

    async def scopes_of(self, account: str, client: str) -> frozenset[str]:
        """All that an account allowed a client until now."""
        async with self._engine.connect() as connection:
            known = await _grants_of(connection, account, client)
        return frozenset(scope for grant in known for scope in grant.scopes)

    async def by_refresh_token(self, token: str) -> Grant | None:
        """The grant behind a refresh token."""
        async with self._engine.connect() as connection:
            row = (
                (await connection.execute(sa.select(grants).where(grants.c.refresh_token == token))).mappings().first()
            )
        return _grant(row) if row else None

    async def rotate(self, grant: Grant) -> str:
        """A new refresh token; the old one is no longer good."""
        token = f"1//{secrets.token_urlsafe(48)}"
        async with self._engine.begin() as connection:
            await connection.execute(sa.update(grants).where(grants.c.id == grant.id).values(refresh_token=token))
        return token

    async def issue(self, grant: Grant, scopes: frozenset[str], *, now: datetime) -> str:
        """A new access token."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        async with self._engine.begin() as connection:
            await _add_token(connection, token, grant.id, scopes, (now + LIVES_FOR).timestamp())
        return token

    async def access(self, token: str, *, now: datetime) -> Access | None:
        """What an access token stands for now."""
        query = (
            sa.select(access_tokens, grants.c.account, grants.c.client)
            .join(grants, grants.c.id == access_tokens.c.grant)
            .where(access_tokens.c.token == token)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= now.timestamp()):
            return None
        return Access(row["account"], row["client"], frozenset(row["scope"].split()), row["expires_at"])

    async def revoke(self, token: str) -> bool:
        """Take back the grant behind a token of either kind."""
        async with self._engine.begin() as connection:
            by_access = sa.select(access_tokens.c.grant).where(access_tokens.c.token == token)
            by_refresh = sa.select(grants.c.id).where(grants.c.refresh_token == token)
            found = [*(await connection.scalars(by_access)), *(await connection.scalars(by_refresh))]
            await _forget(connection, found)
        return bool(found)

    async def revoke_account(self, account: str) -> int:
        """Take back all that an account allowed, as its owner can in their settings."""
        async with self._engine.begin() as connection:
            found = list(await connection.scalars(sa.select(grants.c.id).where(grants.c.account == account)))
            await _forget(connection, found)
        return len(found)

    async def expire(self, account: str | None) -> int:
        """End the access tokens that can expire; of one account or of all."""
        here = access_tokens.c.expires_at.is_not(None)
        if account is not None:
            here &= access_tokens.c.grant.in_(sa.select(grants.c.id).where(grants.c.account == account))
        async with self._engine.begin() as connection:
            return (await connection.execute(sa.delete(access_tokens).where(here))).rowcount


async def _add_grant(
    connection: AsyncConnection, account: str, client: str | None, scopes: Iterable[str], refresh_token: str | None
) -> int:
    row = {"account": account, "client": client, "scope": " ".join(sorted(scopes)), "refresh_token": refresh_token}
    return (await connection.execute(sa.insert(grants).values(row).returning(grants.c.id))).scalar_one()


async def _add_token(
    connection: AsyncConnection, token: str, grant: int, scopes: Iterable[str], expires_at: float | None
) -> None:
    row = {"token": token, "grant": grant, "scope": " ".join(sorted(scopes)), "expires_at": expires_at}
    await connection.execute(sa.insert(access_tokens).values(row))


async def _grants_of(connection: AsyncConnection, account: str, client: str) -> list[Grant]:
    query = sa.select(grants).where(grants.c.account == account, grants.c.client == client).order_by(grants.c.id)
    return [_grant(row) for row in (await connection.execute(query)).mappings()]


async def _forget(connection: AsyncConnection, numbers: list[int]) -> None:
    await connection.execute(sa.delete(access_tokens).where(access_tokens.c.grant.in_(numbers)))
    await connection.execute(sa.delete(grants).where(grants.c.id.in_(numbers)))


def _grant(row: sa.RowMapping) -> Grant:
    return Grant(row["id"], row["account"], row["client"], frozenset(row["scope"].split()), row["refresh_token"])
