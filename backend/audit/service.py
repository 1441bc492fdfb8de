"""Writes and reads the audit log."""

from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from backend.access.principal import Principal
from backend.access.secrets import new_id
from backend.audit.tables import AuditRow
from backend.db import Database
from backend.pages import Page, after, decode_cursor, encode_cursor, instant_of


class AuditEntry(BaseModel):
    """One change."""

    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, str | int | bool | list[str] | None]


def record(
    session: AsyncSession, principal: Principal, action: str, subject: str, *, at: datetime, **detail: object
) -> None:
    """Note a change in the transaction that makes it. Never a secret, never what a caller said.

    Args:
        session: of the change.
        principal: who makes it.
        action: such as ``agent.published``.
        subject: the id of what is changed.
        at: when.
        detail: what else explains it.
    """
    session.add(AuditRow(id=new_id("aud"), at=at, actor=principal.actor, action=action, subject=subject, detail=detail))


async def page_of_audit(database: Database, workspace: str, *, limit: int, cursor: str | None) -> Page[AuditEntry]:
    """The changes of a workspace, the latest first."""
    query = sa.select(AuditRow).order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit + 1)
    if cursor:
        at, last = decode_cursor(cursor, 2)
        query = query.where(after(AuditRow.at, AuditRow.id, values=(instant_of(at), last), descending=True))
    async with database.scoped(workspace) as session:
        rows = (await session.execute(query)).scalars().all()
    items = [AuditEntry.model_validate(row, from_attributes=True) for row in rows[:limit]]
    last_row = rows[limit - 1] if len(rows) > limit else None
    return Page(items=items, next_cursor=encode_cursor((last_row.at.isoformat(), last_row.id)) if last_row else None)
