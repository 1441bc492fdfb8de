"""Addresses that people give: where a client of ours connects for them, and where never.

An address is judged twice: as it is spelt, before anything is sent, and as the numbers that it leads to, by the very
connection that is made to them. Between the two nothing is resolved again, so a name that changes its answer gains nothing.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

LONGEST_URL = 2048
UNUSUAL = re.compile(r"[\x00-\x20\x7f\\]|\s")
AUTHORITY_END = re.compile(r"[/?#]")
LOWEST_PORT = 1024
"""Below it only HTTPS's own: what listens there is no MCP server."""
ENDS_IN_NUMBER = re.compile(r"(^|\.)(\d+|0x[0-9a-f]*)\.?$")
"""What some resolvers read as an IPv4 address, however it is written."""
LOCAL_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")
NOT_PUBLIC = "it does not lead to a public address"

_V4 = """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32"""
"""IANA's registry of special addresses, and the one public address at which Azure answers its own machines."""
_V6 = "2001::/23 2001:db8::/32 2002::/16 3fff::/20"
"""Of the global unicast addresses: tunnels that carry an IPv4 address, and those for documents."""
_NO_V4 = tuple(ipaddress.IPv4Network(network) for network in _V4.split())
_NO_V6 = tuple(ipaddress.IPv6Network(network) for network in _V6.split())
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Target = tuple[int, int, int, str, tuple[Any, ...]]
"""What a socket is opened for, as ``getaddrinfo`` has it."""
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host name."""


class AddressRefused(OSError):
    """No client of ours connects there. The message says why, without what was found."""


def is_public(address: str) -> bool:
    """Whether anybody on the internet could reach this address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _NO_V4)
    if found.scope_id is not None:
        return False
    if found in _NAT64:
        # How a machine without IPv4 reaches the rest: as good as the address within.
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found in _GLOBAL_V6 and not any(found in network for network in _NO_V6)


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True)
class UrlGuard:
    """Judges addresses.

    Args:
        private: hosts (``host`` or ``host:port``) that the operator allows although they are not public, or speak plain HTTP.
        resolve: gives the addresses of a name; injected in tests.
    """

    private: frozenset[str] = frozenset()
    resolve: Resolve = field(default=system_resolve)

    def allows_private(self, host: str, port: int | None) -> bool:
        """Whether the operator vouches for this host."""
        named = f"[{host}]" if ":" in host else host
        return not self.private.isdisjoint({host, named, f"{named}:{port}"})

    def check(self, url: str) -> URL:
        """A URL as it will be requested, judged by its spelling alone.

        Raises:
            AddressRefused: with the reason.
        """
        parsed = _parsed(url)
        host, port = (parsed.raw_host or "").lower(), parsed.port
        if parsed.scheme not in {"https", "http"} or not host or port is None:
            raise AddressRefused("write it like https://host.example/mcp")
        if "@" in AUTHORITY_END.split(url.partition("://")[2], maxsplit=1)[0]:
            raise AddressRefused("leave out the name and password; a credential is given apart")
        if parsed.raw_fragment:
            raise AddressRefused("leave out what follows the #")
        if self.allows_private(host, port):
            return parsed
        if parsed.scheme != "https":
            raise AddressRefused("it must begin with https://")
        if port != 443 and port < LOWEST_PORT:
            raise AddressRefused(f"its port must be 443, or {LOWEST_PORT} or higher")
        _check_host(host)
        return parsed

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to; all of them are good, or none is used.

        Raises:
            AddressRefused: one of them is not public, or there is none.
        """
        try:
            found = list(dict.fromkeys(await self.resolve(host, port)))
        except OSError:
            # The same words as for a private address: whoever asks learns nothing of names within.
            raise AddressRefused(NOT_PUBLIC) from None
        if self.allows_private(host.lower(), port):
            return found
        if not found or not all(is_public(address) for address in found):
            raise AddressRefused(NOT_PUBLIC)
        return found


def host_and_port(url: str) -> str:
    """Where a URL leads, as ``UrlGuard.private`` has it.

    Raises:
        AddressRefused: it is no URL.
    """
    parsed = _parsed(url)
    host = (parsed.raw_host or "").lower()
    return f"[{host}]:{parsed.port}" if ":" in host else f"{host}:{parsed.port}"


def _parsed(url: str) -> URL:
    if len(url) > LONGEST_URL or UNUSUAL.search(url):
        raise AddressRefused("it is too long, or holds a blank or a backslash")
    try:
        # Read by what will send to it, so that no two parsers disagree about where it leads.
        parsed = URL(url)
        _ = parsed.port
    except (ValueError, TypeError):
        raise AddressRefused("write it like https://host.example/mcp") from None
    return parsed


def _check_host(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        _check_name(host)
    else:
        if not is_public(host):
            raise AddressRefused(NOT_PUBLIC)


def _check_name(host: str) -> None:
    if host.endswith("."):
        raise AddressRefused("leave out the dot at the end of its host")
    if ENDS_IN_NUMBER.search(host) or "%" in host:
        raise AddressRefused("write an address in its usual form, such as 203.0.113.7")
    if "." not in host or host.endswith(tuple(f".{name}" for name in LOCAL_NAMES)):
        raise AddressRefused(NOT_PUBLIC)


class GuardedResolver(AbstractResolver):
    """aiohttp's way to addresses, through a guard, and the last look at what a socket is opened to.

    Args:
        guard: judges.
    """

    def __init__(self, guard: UrlGuard) -> None:
        self._guard = guard
        self._vouched: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses that will be connected to."""
        del family
        found = await self._guard.addresses(host, port)
        if self._guard.allows_private(host.lower(), port):
            self._vouched.update(found)
        return [_result(host, address, port) for address in found]

    def open_socket(self, target: Target) -> socket.socket:
        """A socket for one address; whatever came before, it is opened to nothing that is not public or vouched for."""
        family, kind, protocol, _, where = target
        address, port = str(where[0]), int(where[1])
        vouched = address in self._vouched or self._guard.allows_private(address, port)
        if not vouched and not is_public(address):
            raise AddressRefused(NOT_PUBLIC)
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing is kept open."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST)
