"""The ledger's tables. Instants are stored as seconds since 1970 in UTC, which both databases compare alike."""

import sqlalchemy as sa

metadata = sa.MetaData()

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("tool", sa.String(64), nullable=False),
    sa.Column("workspace", sa.String(128), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("receipt", sa.Text),
    sa.Column("resource_id", sa.String(1024), index=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.UniqueConstraint("key", "epoch", name="operations_key_epoch"),
    sa.Index("operations_state_lease", "state", "lease_until"),
)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("operation_id", sa.String(64), primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("calendar", sa.String(512), nullable=False),
    sa.Column("starts_at", sa.Float, nullable=False),
    sa.Column("ends_at", sa.Float, nullable=False),
    sa.Column("resource_id", sa.String(1024), nullable=False),
    sa.Column("confirmed", sa.Boolean, nullable=False),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.UniqueConstraint("calendar", "sequence", name="reservations_sequence"),
    sa.Index("reservations_span", "calendar", "starts_at", "ends_at"),
)
