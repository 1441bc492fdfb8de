"""Agents in the database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Instant, Owned


class AgentRow(Owned, Base):
    """An agent; what it is stands in its versions."""

    __tablename__ = "agents"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    published_version: Mapped[int | None] = mapped_column(sa.Integer)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)


class AgentVersionRow(Owned, Base):
    """What an agent is. A draft may change; once published it never does: every call pins one."""

    __tablename__ = "agent_versions"

    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), primary_key=True)
    version: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    spec: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    created_by: Mapped[str] = mapped_column(sa.String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)


class AgentLimitRow(Owned, Base):
    """How much an agent may be used. None: not limited."""

    __tablename__ = "agent_limits"

    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), primary_key=True)
    simultaneous_calls: Mapped[int | None] = mapped_column(sa.Integer)
    minutes_a_day: Mapped[int | None] = mapped_column(sa.Integer)
    spend_a_day: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Millionths of the price table's currency."""


class PublishableKeyRow(Owned, Base):
    """A key that stands in a public page. It can start calls of one agent, from the pages named, and nothing else."""

    __tablename__ = "publishable_keys"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    """In the clear: it is public by its nature."""
    origins: Mapped[list[str]] = mapped_column(sa.JSON)
    created_at: Mapped[datetime] = mapped_column(Instant)


class PhoneNumberRow(Owned, Base):
    """A dialled number and who answers it. A number rings in one place, so it is in one workspace."""

    __tablename__ = "phone_numbers"

    number: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    agent_id: Mapped[str] = mapped_column(sa.ForeignKey("agents.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
