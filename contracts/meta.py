"""What travels beside the arguments of a tool call, in the request's ``_meta`` under ``voxie/…``."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from contracts.base import Contract

PREFIX = "voxie/"
KEY_ARGUMENTS = "voxie/keyArguments"
"""In a tool's own ``_meta``: the arguments that make two calls the same operation."""
INSTANT_ARGUMENTS = "voxie/instantArguments"
"""In a tool's own ``_meta``: ``{"start": <argument>, "end": <argument>}``, the instants, which no model may author.
An agent offers one ``when`` (the caller's words) in their place."""
PURPOSE = "voxie/purpose"
"""In a tool's ``_meta``: what it is for in a conversation (``book``, ``check``, ``list``, ``cancel``)."""
SLOTS = "voxie/slots"
"""In a tool's ``_meta``: argument → ``{"kind": …, "ask": …}``: what to listen for and the question that asks for it."""
CONSENT = "voxie/consent"
"""In a tool's ``_meta``: true when a read-back and the caller's yes must come before the call."""
ROLES = "voxie/roles"
"""In a tool's own ``_meta``: the roles that may call it."""
GRANT_ARGUMENT = "voxie/grantArgument"
"""In a tool's own ``_meta``: the argument whose value an agent can be granted alone (``contracts.grants``)."""
HOOK_ARGUMENTS = "voxie/hookArguments"
"""In a tool's own ``_meta``: ``{"name": <argument>, "payload": <argument>}``, a named hook and what it takes. An agent shows
the model the hooks of its business there."""
NEEDS = "voxie/needs"
"""In a tool's own ``_meta``: the credential that the server lacks for it. It is not offered to a model then."""


class Role(StrEnum):
    """Who is calling. Anyone may be ``public``."""

    PUBLIC = "public"
    OWNER = "owner"


class RequestMeta(Contract):
    """The trusted client's side channel. With call tokens only the token's claims say who calls."""

    operation: Annotated[str | None, Field(min_length=16, max_length=128, description="Key of the operation")] = None
    epoch: Annotated[int | None, Field(ge=0, description="Rises when the key's receipt is undone")] = None
    deadline: Annotated[float | None, Field(gt=0, le=120, description="Seconds the client will wait")] = None
    call: Annotated[str | None, Field(max_length=128)] = None
    caller: Annotated[str | None, Field(max_length=256, description="Verified number or signed-in user")] = None
    role: Role | None = None
    grants: Annotated[
        tuple[str, ...],
        Field(max_length=32, description="What this tool may act on beyond the role; see contracts.grants"),
    ] = ()
    workspace: Annotated[str | None, Field(max_length=128)] = None

    def to_wire(self) -> dict[str, Any]:
        """As keys of ``_meta``."""
        values = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return {PREFIX + key: value for key, value in values.items()}

    @classmethod
    def from_wire(cls, meta: Mapping[str, Any]) -> "RequestMeta":
        """Read our keys out of a request's ``_meta``.

        Raises:
            pydantic.ValidationError: one of our keys is unknown or has a wrong value.
        """
        return cls.model_validate(
            {key.removeprefix(PREFIX): value for key, value in meta.items() if key.startswith(PREFIX)}
        )
