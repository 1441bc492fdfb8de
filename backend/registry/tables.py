"""MCP servers and their tools in the database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Instant, Owned

OPERATOR = "_operator"
"""The workspace of the operator's own servers, which serve every other. No id that a client sends can name it."""


class ServerRow(Owned, Base):
    """One server of a workspace."""

    __tablename__ = "mcp_servers"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "name"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64))
    title: Mapped[str] = mapped_column(sa.String(200))
    origin: Mapped[str] = mapped_column(sa.String(300))
    """What may be shown of its address: the rest can hold a secret."""
    credential: Mapped[str] = mapped_column(sa.String(16))
    sealed: Mapped[str] = mapped_column(sa.Text)
    """Its address, and what it wants to see; empty for the operator's own."""
    made_at: Mapped[datetime] = mapped_column(Instant)
    listed_at: Mapped[datetime | None] = mapped_column(Instant)
    checked_at: Mapped[datetime | None] = mapped_column(Instant)
    next_check_at: Mapped[datetime] = mapped_column(Instant, index=True)
    failures: Mapped[int] = mapped_column(sa.Integer, default=0)
    """In a row."""
    problem: Mapped[str | None] = mapped_column(sa.String(32))
    left_out: Mapped[int] = mapped_column(sa.Integer, default=0)
    """Tools of the last listing that no model may be shown."""


class ServerToolRow(Owned, Base):
    """One tool of a server, as it is listed and as somebody approved it."""

    __tablename__ = "mcp_tools"

    server_id: Mapped[str] = mapped_column(sa.ForeignKey("mcp_servers.id"), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(16))
    listed: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    approved: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    changed_at: Mapped[datetime] = mapped_column(Instant)
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    approved_by: Mapped[str | None] = mapped_column(sa.String(80))
