"""One tool of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mcp.types import Tool

from contracts.grants import WHOLE, Granted
from contracts.hooks import DescribedHook
from contracts.meta import GRANT_ARGUMENT, HOOK_ARGUMENTS, INSTANT_ARGUMENTS
from voxie_agents.mcp_links import ServerLink
from voxie_agents.mcp_offers import OutputCheck


@dataclass
class Found:
    """A tool, where it is, and how far this call may use it."""

    link: ServerLink
    tool: Tool
    output: OutputCheck
    extent: Granted = WHOLE

    @property
    def meta(self) -> Mapping[str, Any]:
        """What a trusted server tells beside the schema."""
        return {} if self.link.foreign else self.tool.meta or {}

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing, as a trusted server says."""
        return not self.link.foreign and bool(self.tool.annotations and self.tool.annotations.read_only_hint)

    @property
    def destructive(self) -> bool:
        """Whether a yes must come before it."""
        return self.link.foreign or bool(self.tool.annotations and self.tool.annotations.destructive_hint)

    @property
    def instants(self) -> Mapping[str, str]:
        """The arguments that no model may author: ``start`` and ``end`` → argument."""
        return self.meta.get(INSTANT_ARGUMENTS, {})

    @property
    def only(self) -> tuple[str, frozenset[str]] | None:
        """The argument that is bound to what was granted, and the values that it may have; None for any."""
        argument = self.meta.get(GRANT_ARGUMENT)
        return (argument, self.extent.only) if argument and not self.extent.whole else None

    @property
    def hooks(self) -> Sequence[DescribedHook] | None:
        """The business's hooks as far as they are granted; None when the tool takes none, or its server tells them."""
        if HOOK_ARGUMENTS not in self.meta or self.link.hooks is None:
            return None
        return [hook for hook in self.link.hooks if self.only is None or hook.name in self.only[1]]

    @property
    def needs_when(self) -> bool:
        """Whether it cannot be called without an instant."""
        required = cast("list[str]", self.tool.input_schema.get("required", []))
        return any(name in required for name in self.instants.values())
