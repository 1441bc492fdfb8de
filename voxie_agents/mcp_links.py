"""The servers of one call, and which of their tools it may use."""

from dataclasses import dataclass

from contracts.calls import CatalogueTool
from contracts.grants import NOT_GRANTED, WHOLE, Granted, granted
from contracts.hooks import DescribedHook
from voxie_agents.mcp_client import McpClient
from voxie_agents.mcp_offers import qualified_name


@dataclass(frozen=True)
class ServerLink:
    """One server of this call.

    Args:
        name: in the registry.
        client: reaches it.
        tools: what the agent may use, as ``contracts.grants`` has it; None for all of them.
        foreign: run by others. Its tools have its name before theirs, also in ``tools``, and what it says of them beyond
            their descriptions (that one is harmless, that one takes instants) is not believed.
        approved: what the registry knows and somebody approved: offered before the server is listed, and of what it lists
            then nothing else; None when nothing is known of it yet.
        hooks: the business's, for the tools that take one by name; None where the server itself describes them.
    """

    name: str
    client: McpClient
    tools: frozenset[str] | None = None
    foreign: bool = False
    approved: tuple[CatalogueTool, ...] | None = None
    hooks: tuple[DescribedHook, ...] | None = None

    def extent(self, tool: str) -> Granted:
        """How far the agent may use a tool of this server."""
        if self.tools is None:
            return WHOLE
        if not self.foreign:
            return granted(tool, self.tools)
        # What a stranger's argument means nobody knows: its tools are granted whole or not at all.
        return WHOLE if qualified_name(self.name, tool) in self.tools else NOT_GRANTED
