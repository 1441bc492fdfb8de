"""What an agent's list of tools grants: a whole tool, or one tool for exactly one thing.

``zapier_get_runs`` is the tool, for whoever has one of its roles. ``zapier_run_action:slack/write/channel_message`` is that
tool for that value of its one argument that says what it acts on (``voxie/grantArgument`` in the tool's own ``_meta``), for
any caller of the agent. Both are entries of ``AgentSpec.tools`` and of a call token's ``scope``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TOOL_GRANT = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(:[!#-\[\]-~]{1,200})?$"
"""A tool's name, and after a colon what it may act on: characters of an OAuth scope (RFC 6749, 3.3)."""


@dataclass(frozen=True)
class Granted:
    """How far one tool is granted.

    Args:
        whole: whatever its arguments, within its roles.
        only: for these values of its grant argument, whatever the role.
    """

    whole: bool = True
    only: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether it is granted at all."""
        return self.whole or bool(self.only)


WHOLE = Granted()
NOT_GRANTED = Granted(whole=False)


def granted(tool: str, grants: Iterable[str]) -> Granted:
    """How far a list of grants opens a tool."""
    mine = [grant.partition(":") for grant in grants if grant == tool or grant.startswith(f"{tool}:")]
    return Granted(any(not colon for _, colon, _ in mine), frozenset(value for _, colon, value in mine if colon))
