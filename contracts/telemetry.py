"""Every name that may stand in a span or a metric. What is not here is not told: no test of ours lets it pass."""

from enum import StrEnum


class SpanName(StrEnum):
    """What a span covers. One trace holds a tool call from the agent to the vendor."""

    AGENT_TOOL = "voxie.agent.tool"
    """A tool call as the caller waits for it."""
    SERVER_TOOL = "voxie.server.tool"
    """The same on its MCP server."""
    VENDOR_REQUEST = "voxie.vendor.request"
    """One try of one request to a vendor. Our trace does not go with it."""


class SpanKey(StrEnum):
    """What is told of it: names of ours, kinds of outcome, methods and statuses."""

    TOOL = "voxie.tool"
    OUTCOME = "voxie.outcome"
    METHOD = "http.request.method"
    STATUS = "http.response.status_code"


METRICS = {
    "voxie_tool_calls": ("tool", "kind"),
    "voxie_tool_seconds": ("tool",),
    "voxie_backend_requests": ("method", "route", "status"),
    "voxie_backend_request_seconds": ("method", "route"),
    "voxie_backend_chores": ("chore", "outcome"),
}
"""Every metric and its labels, all of them bounded: names of ours, kinds, methods, statuses."""
