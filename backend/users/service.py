"""What can be done with people and their sessions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from backend.access.passwords import hash_password, is_password
from backend.access.principal import Principal, UserRole
from backend.access.secrets import csrf_token, hash_token, new_id, new_token
from backend.access.tables import OwnerLinkRow, SessionRow, UserRow
from backend.audit.service import record
from backend.db import Database, rows_changed
from backend.errors import ApiError, not_found
from backend.pages import Page, after, decode_cursor, encode_cursor
from backend.users.logins import LoginLimit
from backend.users.schemas import Login, NewOwner, NewUser, OwnerLink, SessionView, UserView

SESSION_LIFETIME = timedelta(days=7)
LINK_LIFETIME = timedelta(hours=24)
MOST_WORKSPACES = 5
"""Workspaces whose passwords are tried when an address is in several."""


@dataclass(frozen=True)
class SignedIn:
    """A new session: its cookie, and what the page is told."""

    token: str
    view: SessionView


class UserService:
    """People of a workspace.

    Args:
        database: where they are.
        base_url: where browsers reach us.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, *, base_url: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._base_url = base_url
        self._now = now
        self._limit = LoginLimit(database, now)

    async def sign_in(self, login: Login, address: str) -> SignedIn:
        """Start a session.

        Args:
            login: who, and the password.
            address: where from.

        Raises:
            ApiError: 401 wrong, 429 too often wrong.
        """
        await self._limit.check(login.email, address)
        user = await self._by_password(login)
        if user is None:
            await self._limit.failed(login.email, address)
            raise ApiError(401, "wrong_login", "the address or the password is wrong")
        await self._limit.succeeded(login.email)
        return await self._start(user)

    async def _by_password(self, login: Login) -> UserRow | None:
        query = sa.select(UserRow).where(UserRow.email == login.email).order_by(UserRow.id).limit(MOST_WORKSPACES)
        async with self._database.unscoped("nobody is signed in yet") as session:
            users = (await session.execute(query)).scalars().all()
        for user in users:
            if await is_password(login.password.get_secret_value(), user.password_hash):
                return user
        if not users:
            await is_password(login.password.get_secret_value(), None)
        return None

    async def _start(self, user: UserRow) -> SignedIn:
        token, now = new_token(), self._now()
        async with self._database.scoped(user.workspace_id) as session:
            await session.execute(sa.delete(SessionRow).where(SessionRow.expires_at <= now))
            session.add(
                SessionRow(
                    token_hash=hash_token(token), user_id=user.id, created_at=now, expires_at=now + SESSION_LIFETIME
                )
            )
        return SignedIn(token, SessionView(user=_view(user), csrf_token=csrf_token(token)))

    async def current(self, principal: Principal, token: str | None) -> SessionView:
        """The session of whoever asks.

        Raises:
            ApiError: 404, a program asks.
        """
        kind, _, user_id = principal.actor.partition(":")
        async with self._database.scoped(principal.workspace) as session:
            user = await session.get(UserRow, user_id) if kind == "user" else None
        if user is None or token is None:
            raise not_found("session: this is not a person's cookie")
        return SessionView(user=_view(user), csrf_token=csrf_token(token))

    async def sign_out(self, principal: Principal, token: str | None) -> None:
        """End a session; without one nothing changes."""
        async with self._database.scoped(principal.workspace) as session:
            await session.execute(sa.delete(SessionRow).where(SessionRow.token_hash == hash_token(token or "")))

    async def add(self, principal: Principal, new: NewUser) -> UserView:
        """Add a person.

        Raises:
            ApiError: 409, the address is taken in this workspace.
        """
        return _view(await self._add(principal, new.email, new.name, new.password, new.role))

    async def _add(self, principal: Principal, email: str, name: str, password: SecretStr, role: UserRole) -> UserRow:
        hashed = await hash_password(password.get_secret_value())
        user = UserRow(
            id=new_id("usr"), email=email, name=name, role=role.value, password_hash=hashed, created_at=self._now()
        )
        try:
            async with self._database.scoped(principal.workspace) as session:
                session.add(user)
                record(session, principal, "user.added", user.id, at=self._now(), role=role.value)
        except IntegrityError:
            raise ApiError(409, "taken", "somebody with this address is here already", field="email") from None
        return user

    async def page(self, workspace: str, *, limit: int, cursor: str | None) -> Page[UserView]:
        """A page of the people, by id."""
        query = sa.select(UserRow).order_by(UserRow.id).limit(limit + 1)
        if cursor:
            query = query.where(after(UserRow.id, values=decode_cursor(cursor, 1)))
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(query)).scalars().all()
        items = [_view(row) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor([items[-1].id]) if len(rows) > limit else None)

    async def remove(self, principal: Principal, user_id: str) -> None:
        """Remove a person; their sessions end.

        Raises:
            ApiError: 404, or 409 for the last owner.
        """
        async with self._database.scoped(principal.workspace) as session:
            user = await session.get(UserRow, user_id)
            if user is None:
                raise not_found("user")
            others = sa.select(sa.func.count(UserRow.id)).where(
                UserRow.role == UserRole.OWNER.value, UserRow.id != user_id
            )
            if user.role == UserRole.OWNER.value and not (await session.execute(others)).scalar():
                raise ApiError(409, "last_owner", "a workspace keeps one owner; make somebody else one first")
            await session.execute(sa.delete(SessionRow).where(SessionRow.user_id == user_id))
            await session.delete(user)
            record(session, principal, "user.removed", user_id, at=self._now())

    async def owner_link(self, principal: Principal) -> OwnerLink:
        """A link by which whoever opens it first becomes an owner. Earlier links end."""
        token, expires = new_token(), self._now() + LINK_LIFETIME
        async with self._database.scoped(principal.workspace) as session:
            await session.execute(sa.delete(OwnerLinkRow))
            session.add(OwnerLinkRow(token_hash=hash_token(token), created_at=self._now(), expires_at=expires))
            record(session, principal, "owner_link.made", principal.workspace, at=self._now())
        # Behind '#': a fragment is sent to no server and stands in no log.
        return OwnerLink(url=f"{self._base_url}/setup#token={token}", expires_at=expires)

    async def become_owner(self, new: NewOwner) -> SignedIn:
        """Redeem a link and sign in.

        Raises:
            ApiError: 410 used, expired or unknown; 409 the address is taken.
        """
        hashed = hash_token(new.token.get_secret_value())
        redeem = (
            sa.update(OwnerLinkRow)
            .where(
                OwnerLinkRow.token_hash == hashed,
                OwnerLinkRow.used_at.is_(None),
                OwnerLinkRow.expires_at > self._now(),
            )
            .values(used_at=self._now())
        )
        async with self._database.unscoped("a link tells whose it is") as session:
            if rows_changed(await session.execute(redeem)) == 0:
                raise ApiError(410, "link_spent", "this link is used or too old; `voxie owner-link` makes a new one")
            found = sa.select(OwnerLinkRow.workspace_id).where(OwnerLinkRow.token_hash == hashed)
            workspace = (await session.execute(found)).scalar_one()
        principal = Principal(workspace, "owner-link", frozenset())
        return await self._start(await self._add(principal, new.email, new.name, new.password, UserRole.OWNER))


def _view(row: UserRow) -> UserView:
    return UserView.model_validate(row, from_attributes=True)
