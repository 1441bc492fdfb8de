"""How long things last in a ledger whose service has the usual deadlines, in seconds."""

from contracts.deadlines import Deadlines
from mcp_servers.shared.ledger.database import lease_seconds
from mcp_servers.shared.ledger.reservations import HOLD_LEASES

LEASE_SECONDS = lease_seconds(Deadlines())
HOLD_SECONDS = HOLD_LEASES * LEASE_SECONDS
