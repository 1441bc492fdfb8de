"""Events of calls, and counts of them by day: what the overviews read, so that they stay quick however many calls there are."""

import struct
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import Mapped, mapped_column

from backend.analytics.counts import CLASSES
from backend.db import Base, Instant, Owned


class EventRow(Owned, Base):
    """One event of a call."""

    __tablename__ = "call_events"
    __table_args__ = (sa.Index("ix_call_events_timeline", "call_id", "at", "id"), sa.Index("ix_call_events_at", "at"))

    call_id: Mapped[str] = mapped_column(sa.ForeignKey("calls.id"), primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))
    at: Mapped[datetime] = mapped_column(Instant)
    data: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class DayCountRow(Owned, Base):
    """Calls of an agent on a day (UTC)."""

    __tablename__ = "day_counts"

    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), primary_key=True)
    calls: Mapped[int] = mapped_column(sa.BigInteger)
    seconds: Mapped[int] = mapped_column(sa.BigInteger)
    cost: Mapped[int] = mapped_column(sa.BigInteger)


class ByClass(sa.TypeDecorator[tuple[int, ...]]):
    """Calls by class of latency (``counts.class_of``), packed: as JSON they would take ten times as long to read."""

    impl = sa.LargeBinary
    cache_ok = True
    _packed = struct.Struct(f"<{CLASSES}I")

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> bytes | None:
        """To bytes."""
        del dialect
        return None if value is None else self._packed.pack(*value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> tuple[int, ...] | None:
        """From bytes."""
        del dialect
        return None if value is None else self._packed.unpack(value)


class ToolDayRow(Owned, Base):
    """Tool calls of an agent, and of all agents together, on a day (UTC).

    One row a tool, and all classes of latency in it from the first call on: an overview reads as much after a million calls.
    """

    __tablename__ = "tool_days"

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    """The agent's id, or ``EVERY_AGENT``."""
    day: Mapped[date] = mapped_column(sa.Date, primary_key=True)
    server: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    tool: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    outcomes: Mapped[dict[str, int]] = mapped_column(sa.JSON)
    """Calls by outcome."""
    latencies: Mapped[tuple[int, ...]] = mapped_column(ByClass)
    """Calls by class of latency."""
    cost: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    """Millionths of the currency."""


class PriceRow(Owned, Base):
    """What a unit costs a workspace."""

    __tablename__ = "prices"

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), primary_key=True)
    item: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    price: Mapped[int] = mapped_column(sa.BigInteger)
    """Millionths of the currency for a million units."""


class IntegrationPriceRow(Owned, Base):
    """What a successful call of an integration's tool costs a workspace."""

    __tablename__ = "integration_prices"

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), primary_key=True)
    server: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    price: Mapped[int] = mapped_column(sa.BigInteger)
    """Millionths of the currency for a million calls."""


class KeepingRow(Owned, Base):
    """How long a workspace keeps what was said."""

    __tablename__ = "keeping"

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.id"), primary_key=True)
    keep_text: Mapped[bool] = mapped_column(sa.Boolean)
    text_days: Mapped[int] = mapped_column(sa.Integer)
    event_days: Mapped[int] = mapped_column(sa.Integer)
    summaries: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.true())


class SummaryRow(Owned, Base):
    """What a model made of a call that has ended; None while it has not."""

    __tablename__ = "call_summaries"

    call_id: Mapped[str] = mapped_column(sa.ForeignKey("calls.id"), primary_key=True)
    text: Mapped[str | None] = mapped_column(sa.Text)
    model: Mapped[str] = mapped_column(sa.String(100))
    tries: Mapped[int] = mapped_column(sa.Integer)
    tried_at: Mapped[datetime] = mapped_column(Instant, index=True)


class IntentRow(Owned, Base):
    """A flow of several writes."""

    __tablename__ = "intents"

    call_id: Mapped[str] = mapped_column(sa.ForeignKey("calls.id"), primary_key=True)
    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    flow: Mapped[str] = mapped_column(sa.String(100))
    state: Mapped[str] = mapped_column(sa.String(16), index=True)
    opened_at: Mapped[datetime] = mapped_column(Instant)


class IntentStepRow(Owned, Base):
    """A write of a flow."""

    __tablename__ = "intent_steps"
    __table_args__ = (sa.ForeignKeyConstraint(["call_id", "intent_id"], ["intents.call_id", "intents.id"]),)

    call_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    intent_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    operation: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer)
    tool: Mapped[str] = mapped_column(sa.String(100))
    server: Mapped[str] = mapped_column(sa.String(100))
    state: Mapped[str] = mapped_column(sa.String(16))
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
