"""Where a client connects for an address that somebody gave, and where never."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from tests.fakes.certificate import make_certificate
from tests.fakes.mcp_server import TOKEN, FakeMcp, answer
from tests.running import running
from voxie_agents.mcp_client import McpClient
from voxie_agents.mcp_errors import AddressForbidden, ProtocolError, ServerUnreachable, WrongAddress
from voxie_agents.mcp_guard import AddressRefused, UrlGuard, is_public

PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    "url",
    [
        "https://tools.example/mcp",
        "https://tools.example:8443/mcp?key=x",
        "https://93.184.216.34/mcp",
        "https://[2606:4700::1111]/mcp",
        "https://bücher.example/mcp",
        "https://xn--bcher-kva.example/",
        "https://localhost.example/",
        "https://10.example/",
    ],
)
def test_an_ordinary_address_passes(url: str) -> None:
    UrlGuard().check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tools.example/mcp",
        "http://tools.example/mcp",
        "ftp://tools.example/",
        "file:///etc/passwd",
        "https:///mcp",
        "https://user:secret@tools.example/",
        "https://tools.example@127.0.0.1/",
        "https://@tools.example/",
        "https://tools.example/#x",
        "https://tools.example:22/",
        "https://tools.example:0/",
        "https://tools.example:99999/",
        "https://tools.example\\@127.0.0.1/",
        "https://tools .example/",
        "https://tools.example/\r\nhost: x",
        "https://tools.example./",
        "https://" + "a" * 3000 + ".example/",
        # Names of this machine and of networks at home.
        "https://localhost/",
        "https://LOCALHOST/",
        "https://localhost./",
        "https://app.localhost/",
        "https://ⓛocalhost/",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://nas.home.arpa/",
        "https://redis/",
        # This machine, in every spelling that some resolver takes.
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://１２７.０.０.１/",
        "https://127。0。0。1/",
        "https://0/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_by_its_spelling(url: str) -> None:
    with pytest.raises(AddressRefused):
        UrlGuard().check(url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        (PUBLIC, True),
        ("1.1.1.1", True),
        ("172.15.255.255", True),
        ("172.32.0.1", True),
        ("100.63.255.255", True),
        ("100.128.0.1", True),
        ("2606:4700::1111", True),
        ("64:ff9b::5db8:d822", True),
        ("0.1.2.3", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("127.255.255.254", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("172.31.255.255", False),
        ("192.0.0.192", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("192.168.0.1", False),
        ("198.18.0.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:93.184.216.34", False),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::1", False),
        ("100::1", False),
        ("2001::1", False),
        ("2001:db8::1", False),
        ("2002:a00:1::1", False),
        ("3fff::1", False),
        ("fc00::1", False),
        ("fd12:3456::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("nonsense", False),
    ],
)
def test_an_address_is_public_or_not(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@dataclass
class Names:
    """A resolver whose answers a test writes: one after the other, the last for ever."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        del port
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def listening() -> AsyncGenerator[tuple[int, list[str]]]:
    """Something on this machine, and who connected to it."""
    seen: list[str] = []

    async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append("connected")
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


@pytest.mark.parametrize("answers", [["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1"], []])
async def test_a_name_that_leads_inside_is_not_connected_to(answers: list[str]) -> None:
    async with listening() as (port, seen):
        client = McpClient(f"https://tools.example:{port}/mcp", guard=UrlGuard(resolve=Names([answers]).resolve))
        async with client:
            with pytest.raises(AddressForbidden):
                await client.list_tools()
    assert seen == []


async def test_a_name_that_changes_its_answer_after_it_was_looked_at_gains_nothing() -> None:
    """DNS rebinding: public when it is checked, this machine when it is connected to."""
    names = Names([[PUBLIC], ["127.0.0.1"]])
    guard = UrlGuard(resolve=names.resolve)
    async with listening() as (port, seen):
        assert await guard.addresses("tools.example", port) == [PUBLIC]
        async with McpClient(f"https://tools.example:{port}/mcp", guard=guard) as client:
            with pytest.raises(AddressForbidden):
                await client.list_tools()
    assert seen == []
    assert names.asked == ["tools.example", "tools.example"]


async def test_names_that_are_not_there_and_names_within_are_refused_in_the_same_words() -> None:
    async def missing(_: str, __: int) -> Sequence[str]:
        raise OSError("no such name")

    async def words(guard: UrlGuard) -> str:
        with pytest.raises(AddressRefused) as refused:
            await guard.addresses("intranet.example", 443)
        return str(refused.value)

    assert await words(UrlGuard(resolve=missing)) == await words(UrlGuard(resolve=Names([["10.0.0.1"]]).resolve))


async def test_a_host_that_the_operator_allows_is_reached_by_its_name_and_no_other_port() -> None:
    fake = FakeMcp(tokens={TOKEN})
    async with running(fake.app()) as served:
        guard = UrlGuard(private=frozenset({f"127.0.0.1:{served.port}"}), resolve=Names([["127.0.0.1"]]).resolve)
        async with McpClient(served.url, token=SecretStr(TOKEN), guard=guard) as client:
            assert len(await client.list_tools()) == 12
        async with McpClient("http://127.0.0.1:9/mcp", guard=guard) as client:
            with pytest.raises(AddressForbidden):
                await client.list_tools()


async def test_the_connection_goes_to_the_resolved_address_with_the_name_in_host_and_sni(tmp_path: Path) -> None:
    """The certificate is nobody's, so that it must be refused: after the server has seen which name was asked for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(tmp_path, "tools.example"))
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        names = Names([["127.0.0.1"]])
        guard = UrlGuard(private=frozenset({"tools.example"}), resolve=names.resolve)
        async with McpClient(f"https://tools.example:{port}/mcp", guard=guard) as client:
            with pytest.raises(ServerUnreachable):
                await client.list_tools()
    assert (asked, names.asked) == (["tools.example"], ["tools.example"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_strangers_server_is_never_followed(status: int) -> None:
    async with listening() as (port, seen):
        hosts: list[bytes] = []

        async def moved(scope: Scope, receive: Receive, send: Send) -> None:
            del receive
            hosts.append(dict(scope["headers"])[b"host"])
            await answer(send, status, b"", location=f"http://127.0.0.1:{port}/mcp")

        async with running(moved, lifespan="off") as served:
            guard = UrlGuard(private=frozenset({"tools.example"}), resolve=Names([["127.0.0.1"]]).resolve)
            async with McpClient(f"http://tools.example:{served.port}/mcp", guard=guard) as client:
                with pytest.raises(WrongAddress):
                    await client.list_tools()
    assert seen == []
    assert hosts
    assert set(hosts) == {f"tools.example:{served.port}".encode()}


def stranger(url: str) -> McpClient:
    """A client of a server on this machine that is treated as others'."""
    return McpClient(url, guard=UrlGuard(private=frozenset({"127.0.0.1"})))


async def test_a_move_within_a_strangers_origin_is_not_followed_either() -> None:
    paths: list[str] = []

    async def moved(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        paths.append(scope["path"])
        await answer(send, 307, b"", location="/elsewhere")

    async with running(moved, lifespan="off") as served, stranger(served.url) as client:
        with pytest.raises(WrongAddress):
            await client.list_tools()
    assert set(paths) == {"/mcp"}


async def test_a_stranger_s_answer_is_read_to_two_megabytes_and_no_further() -> None:
    async def huge(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await answer(send, 200, b" " * (2 * 1024 * 1024 + 1))

    async with running(huge, lifespan="off") as served, stranger(served.url) as client:
        with pytest.raises(ProtocolError, match="too_large"):
            await client.list_tools()
