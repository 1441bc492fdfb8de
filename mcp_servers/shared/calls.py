"""Who is calling a tool, and how long they will wait."""

import asyncio
from dataclasses import dataclass

from contracts.grants import WHOLE, Granted
from contracts.meta import Role
from contracts.operations import operation_key


@dataclass(frozen=True)
class Call:
    """One tool call: what the trusted side says beside the arguments."""

    workspace: str
    role: Role
    caller: str | None
    """Verified number or signed-in user; nobody verified is None."""
    call: str | None
    """The call session, which also stands for an unverified caller."""
    tool: str
    deadline: float
    """When the answer must be there, on the event loop's clock."""
    operation: str | None = None
    epoch: int | None = None
    token: str | None = None
    """The call token, to be exchanged at the broker; None with a static bearer."""
    granted: Granted = WHOLE
    """How far the tool is open to this call."""
    connection: str | None = None
    """The vendor's account that an earlier call used; only for settling what that call left open."""

    @property
    def is_owner(self) -> bool:
        """Whether owner tools and other people's events are open to this call."""
        return self.role is Role.OWNER

    @property
    def person(self) -> str:
        """Whose things these are: the verified caller, else this call alone."""
        return self.caller or f"call:{self.call or 'none'}"

    def remaining(self) -> float:
        """Seconds until the deadline; never below zero."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def key(self, **key_arguments: object) -> str:
        """The operation's key: the one the trusted client computed, else ours from the same ingredients.

        With a call token the client's key counts for this person alone: a key that somebody guessed repeats no receipt
        of another caller's.
        """
        if self.operation is not None and self.token is None:
            return self.operation
        if self.operation is not None:
            key_arguments = {"operation": self.operation}
        return operation_key(workspace=self.workspace, tool=self.tool, caller=self.person, key_arguments=key_arguments)


BACKGROUND_SECONDS = 10.0


def background_call(tool: str, workspace: str, connection: str | None = None) -> Call:
    """A call by nobody, for settling what an earlier process left open. It has no more rights than the public."""
    return Call(
        workspace=workspace,
        role=Role.PUBLIC,
        caller=None,
        call=None,
        tool=tool,
        deadline=asyncio.get_running_loop().time() + BACKGROUND_SECONDS,
        connection=connection,
    )
