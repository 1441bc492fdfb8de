"""Zapier's stand-in: catch hooks and the Workflow API."""

from sandbox.part import SandboxContext
from sandbox.zapier.part import ZapierPart


def create_part(context: SandboxContext) -> ZapierPart:
    """The part that the sandbox mounts."""
    return ZapierPart(context)


__all__ = ["create_part"]
