"""Google's stand-in: Calendar API v3 and an OAuth token endpoint."""

from sandbox.google.part import GooglePart
from sandbox.part import SandboxContext


def create_part(context: SandboxContext) -> GooglePart:
    """The part that the sandbox mounts."""
    return GooglePart(context)


__all__ = ["create_part"]
