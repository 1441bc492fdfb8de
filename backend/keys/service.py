"""What can be done with API keys."""

from datetime import timedelta

import sqlalchemy as sa

from backend.access.principal import Principal
from backend.access.secrets import API_KEY_PREFIX, hash_token, new_id, new_token
from backend.access.tables import ApiKeyRow
from backend.audit.service import record
from backend.errors import ApiError, not_found
from backend.keys.schemas import KeyView, MadeKey, NewKey
from backend.pages import Page, after, decode_cursor, encode_cursor
from backend.service import Service


class KeyService(Service):
    """API keys of a workspace."""

    async def make(self, principal: Principal, new: NewKey) -> MadeKey:
        """Make a key; nobody gives away what they have not.

        Raises:
            ApiError: 403.
        """
        beyond = [scope for scope in new.scopes if scope not in principal.scopes]
        if beyond:
            raise ApiError(403, "forbidden", f"you do not have {beyond[0]} yourself", field="scopes")
        secret, now = new_token(API_KEY_PREFIX), self._now()
        row = ApiKeyRow(
            id=new_id("key"),
            name=new.name,
            key_hash=hash_token(secret),
            scopes=[scope.value for scope in new.scopes],
            created_by=principal.actor,
            created_at=now,
            expires_at=now + timedelta(days=new.valid_days) if new.valid_days else None,
        )
        async with self._database.scoped(principal.workspace) as session:
            session.add(row)
            record(session, principal, "key.made", row.id, at=now, scopes=row.scopes)
        return MadeKey(key=_view(row), secret=secret)

    async def page(self, workspace: str, *, limit: int, cursor: str | None) -> Page[KeyView]:
        """A page of the keys, by id."""
        query = sa.select(ApiKeyRow).order_by(ApiKeyRow.id).limit(limit + 1)
        if cursor:
            query = query.where(after(ApiKeyRow.id, values=decode_cursor(cursor, 1)))
        async with self._database.scoped(workspace) as session:
            rows = (await session.execute(query)).scalars().all()
        more = len(rows) > limit
        items = [_view(row) for row in rows[:limit]]
        return Page(items=items, next_cursor=encode_cursor([items[-1].id]) if more else None)

    async def revoke(self, principal: Principal, key_id: str) -> None:
        """Revoke a key; a second time changes nothing.

        Raises:
            ApiError: 404.
        """
        async with self._database.scoped(principal.workspace) as session:
            row = await session.get(ApiKeyRow, key_id)
            if row is None:
                raise not_found("key")
            if row.revoked_at is None:
                row.revoked_at = self._now()
                record(session, principal, "key.revoked", key_id, at=self._now())


def _view(row: ApiKeyRow) -> KeyView:
    return KeyView.model_validate(row, from_attributes=True)
