"""The audit log in the database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Instant, Owned


class AuditRow(Owned, Base):
    """One change."""

    __tablename__ = "audit_log"
    __table_args__ = (sa.Index("ix_audit_log_recent", "workspace_id", "at", "id"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(sa.String(80))
    action: Mapped[str] = mapped_column(sa.String(64))
    subject: Mapped[str] = mapped_column(sa.String(128))
    detail: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
