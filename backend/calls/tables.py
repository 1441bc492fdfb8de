"""Calls in the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Instant, Owned

STILL_LIVE = sa.column("ended_at").is_(None)


class CallRow(Owned, Base):
    """One call."""

    __tablename__ = "calls"
    __table_args__ = (
        sa.Index("ix_calls_recent", "workspace_id", "started_at", "id"),
        sa.Index("ix_calls_of_agent", "agent_id", "started_at", "id"),
        sa.Index(
            "ix_calls_live",
            "agent_id",
            "seen_at",
            sqlite_where=STILL_LIVE,
            postgresql_where=STILL_LIVE,
        ),
        sa.Index("ix_calls_ended_at", "ended_at"),
        sa.Index("ix_calls_room", "room"),
    )

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    agent_version: Mapped[int] = mapped_column(sa.Integer)
    channel: Mapped[str] = mapped_column(sa.String(16))
    caller: Mapped[str | None] = mapped_column(sa.String(256))
    room: Mapped[str | None] = mapped_column(sa.String(128))
    started_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    """When its worker was last heard of."""
    worker_left_at: Mapped[datetime | None] = mapped_column(Instant)
    """When LiveKit said that its worker left the room."""
    dispatched_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a worker was last dispatched in place of one that died."""
    dispatches: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    """How often that was."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    outcome: Mapped[str | None] = mapped_column(sa.String(16))
    seconds: Mapped[int] = mapped_column(sa.Integer)
    """How long it lasted, once it has ended."""
    cost: Mapped[int] = mapped_column(sa.BigInteger)
    """Millionths of the price table's currency."""
    unknown_steps: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    """Of its flows; counted by ``backend.analytics.intents``."""
