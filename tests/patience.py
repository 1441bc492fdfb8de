"""Deadlines for tests that are about something else: a busy machine may stop for longer than a caller would wait."""

from contracts.deadlines import Deadlines

PATIENCE = Deadlines(read=30.0, write=30.0, listing=10.0, discovery=20.0, intent=10.0, silence=30.0, answer=60.0)
PATIENT = {"MCP_READ_SECONDS": PATIENCE.read, "MCP_WRITE_SECONDS": PATIENCE.write}
SECONDS = 30.0
"""How long a test waits for what is sure to come."""
