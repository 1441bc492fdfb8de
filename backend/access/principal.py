"""Who asks, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a principal may do."""

    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_WRITE = "connections:write"
    ANALYTICS_READ = "analytics:read"
    ADMIN = "admin"
    """Users, API keys, settings, the audit log."""
    WORKER = "worker"
    """What a room of ours does for a call: bootstrap, events, intents. Never given to an API key."""
    OPERATOR = "operator"
    """Workspaces and first owners. Never given to an API key or a person."""


class UserRole(StrEnum):
    """What a person is in a workspace."""

    OWNER = "owner"
    MEMBER = "member"


GRANTABLE = frozenset(Scope) - {Scope.WORKER, Scope.OPERATOR}
"""What an API key or a person can have."""
SCOPES_OF = {UserRole.OWNER: GRANTABLE, UserRole.MEMBER: GRANTABLE - {Scope.ADMIN}}


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Args:
        workspace: whose rows they reach.
        actor: for the audit log: ``service``, ``user:<id>``, ``key:<id>``.
        scopes: what they may do.
        named_workspace: whether the request itself named the workspace; a worker that names none gets the one of its call.
    """

    workspace: str
    actor: str
    scopes: frozenset[Scope]
    named_workspace: bool = True

    @property
    def is_service(self) -> bool:
        """Whether a room of ours asks."""
        return self.actor == "service"
