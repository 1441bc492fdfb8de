"""The ledger: what was asked, what is certain, and what is promised to whom.

It is what the project exists for: a retry, a repeated tool call, a crash or a cut line never books twice and never loses a write.
"""

from mcp_servers.shared.ledger.database import LedgerDatabase
from mcp_servers.shared.ledger.operations import Begun, Operation, Operations, OperationState
from mcp_servers.shared.ledger.reservations import Reservation, Reservations, SlotTaken
from mcp_servers.shared.ledger.writes import Done, Gone, Settler, Write, Writer

__all__ = [
    "Begun",
    "Done",
    "Gone",
    "LedgerDatabase",
    "Operation",
    "OperationState",
    "Operations",
    "Reservation",
    "Reservations",
    "Settler",
    "SlotTaken",
    "Write",
    "Writer",
]
