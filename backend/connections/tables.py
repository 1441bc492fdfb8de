"""Connections in the database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Instant, Owned


class ConnectionRow(Owned, Base):
    """One credential of a workspace for one integration."""

    __tablename__ = "connections"
    __table_args__ = (sa.UniqueConstraint("workspace_id", "server", "way", "name"),)

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    server: Mapped[str] = mapped_column(sa.String(64))
    way: Mapped[str] = mapped_column(sa.String(32))
    """As in the manifest's ``credentials``."""
    name: Mapped[str] = mapped_column(sa.String(64), default="")
    """Of a hook; empty otherwise."""
    account: Mapped[str | None] = mapped_column(sa.String(320))
    status: Mapped[str] = mapped_column(sa.String(32))
    reason: Mapped[str | None] = mapped_column(sa.String(300))
    scopes: Mapped[list[str]] = mapped_column(sa.JSON)
    details: Mapped[dict[str, Any]] = mapped_column(sa.JSON)
    sealed: Mapped[str] = mapped_column(sa.Text)
    revision: Mapped[int] = mapped_column(sa.Integer, default=1)
    """Rises whenever ``sealed`` changes, so that two who change it at once notice."""
    access_expires_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the vendor ends the connection unless the owner connects again, where it says so."""
    lease_owner: Mapped[str | None] = mapped_column(sa.String(64))
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    """Who refreshes it now, and until when nobody else does."""
    connected_at: Mapped[datetime] = mapped_column(Instant)
    checked_at: Mapped[datetime] = mapped_column(Instant, index=True)


class OAuthFlowRow(Owned, Base):
    """An owner who is at the vendor's consent page. Used once, for ten minutes."""

    __tablename__ = "oauth_flows"

    state_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    browser_hash: Mapped[str] = mapped_column(sa.String(64))
    server: Mapped[str] = mapped_column(sa.String(64))
    actor: Mapped[str] = mapped_column(sa.String(128))
    sealed: Mapped[str] = mapped_column(sa.Text)
    expires_at: Mapped[datetime] = mapped_column(Instant)
