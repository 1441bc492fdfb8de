"""Calls in the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Instant, Owned


class CallRow(Owned, Base):
    """One call."""

    __tablename__ = "calls"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    agent_version: Mapped[int] = mapped_column(sa.Integer)
    caller: Mapped[str | None] = mapped_column(sa.String(256))
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
