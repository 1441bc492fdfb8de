"""Asks a server for its tools."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from backend.errors import ApiError
from backend.registry.schemas import Problem
from contracts.calls import CatalogueTool
from voxie_agents.mcp_catalogue import catalogued
from voxie_agents.mcp_client import MODERN, McpClient
from voxie_agents.mcp_errors import (
    AddressForbidden,
    DeadlineExceeded,
    McpClientError,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    Unauthorized,
)
from voxie_agents.mcp_guard import UrlGuard
from voxie_agents.mcp_offers import offerable
from voxie_agents.mcp_transport import TokenSource

LIST_SECONDS = 10.0
MOST_TOOLS = 500
PROBLEMS: tuple[tuple[type[McpClientError], Problem], ...] = (
    (AddressForbidden, Problem.ADDRESS_REFUSED),
    (Unauthorized, Problem.UNAUTHORIZED),
    (ServerUnreachable, Problem.UNREACHABLE),
    (DeadlineExceeded, Problem.TIMEOUT),
    (ServerBusy, Problem.BUSY),
    (ServerFailed, Problem.BROKEN),
    (McpClientError, Problem.NOT_MCP),
)


@dataclass(frozen=True)
class Target:
    """How a server is reached.

    Args:
        name: in the registry.
        url: its address.
        token: its bearer, if it wants one.
        headers: that it wants.
        guard: judges the address of a foreign server; None for the operator's own.
    """

    name: str
    url: str
    token: SecretStr | TokenSource | None = None
    headers: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])
    guard: UrlGuard | None = None


@dataclass(frozen=True)
class Listing:
    """What a server lists.

    Args:
        tools: those that a model may be offered.
        left_out: how many others there are.
    """

    tools: tuple[CatalogueTool, ...]
    left_out: int


async def list_server(target: Target) -> Listing:
    """Every tool of a server, within ten seconds.

    Raises:
        McpClientError: it cannot be asked.
    """
    foreign = target.guard is not None
    client = McpClient(
        target.url,
        token=target.token,
        name=target.name,
        protocol="auto" if foreign else MODERN,
        headers=target.headers,
        guard=target.guard,
    )
    async with client:
        listed = await client.list_tools(timeout=LIST_SECONDS)
    kept = offerable(target.name, listed)[:MOST_TOOLS]
    return Listing(tuple(catalogued(tool, foreign=foreign) for tool in kept), len(listed) - len(kept))


def problem_of(error: McpClientError) -> Problem:
    """Why a server could not be listed."""
    return next(problem for kind, problem in PROBLEMS if isinstance(error, kind))


def refusal(error: McpClientError, *, with_credential: bool) -> ApiError:
    """Why a server that somebody wants to add is not added, and what to do.

    Args:
        error: of listing it.
        with_credential: whether one was given.
    """
    match problem_of(error):
        case Problem.ADDRESS_REFUSED:
            return address_refused(error.detail)
        case Problem.UNAUTHORIZED if with_credential:
            message = "the server refuses this credential: check it and try again"
            return ApiError(422, "credential_refused", message, field="credential")
        case Problem.UNAUTHORIZED:
            message = "the server wants a credential: give a bearer or headers, or connect it by OAuth"
            return ApiError(422, "credential_needed", message, field="credential")
        case Problem.NOT_MCP:
            message = "what answers there is no MCP server: check the path, which often ends in /mcp"
            return ApiError(422, "not_mcp", message, field="url")
        case problem:
            message = f"the server did not list its tools ({problem.value}): check the address, or try again later"
            return ApiError(422, "server_unavailable", message, field="url")


def address_refused(why: str) -> ApiError:
    """An address that nobody gets to connect to."""
    message = f"this address is not connected to: {why}; the operator can allow it by BACKEND_PRIVATE_HOSTS"
    return ApiError(422, "address_refused", message, field="url")
