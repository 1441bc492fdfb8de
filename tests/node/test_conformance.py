"""MCP's own conformance suite runs against both servers, in both revisions, through a proxy that adds the bearer."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest
import pytest_asyncio
from pydantic import Field

from mcp_servers.shared.app import create_app
from mcp_servers.shared.settings import ServerSettings
from mcp_servers.shared.tools import Arguments, ToolSpec
from tests.mcp_servers.shared.test_tools import MANIFEST, Heard, Tried
from tests.mcp_servers.wire import LEGACY, MODERN, REVISIONS
from tests.node.packages import NodePackages
from tests.node.proxy import bearer_proxy
from tests.node.scenarios import APPLIES, DOES_NOT_APPLY, NOT_CHECKED, NOT_IN
from tests.running import running
from tests.world import TOKEN, World, open_world

pytestmark = [
    pytest.mark.needs_node,
    # Where the packages are not installed yet, that is within the first test's time.
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

SERVERS = ["google-calendar", pytest.param("zapier", marks=pytest.mark.needs_zapier)]
LISTED = re.compile(r"^ +- (\S+) \[(.+)\]$", re.MULTILINE)
REPORT = re.compile(r"^server-(.+)-\d{4}-\d\d-\d\dT")

Checks = list[dict[str, Any]]
TRIES = 3


@dataclass
class Suite:
    """The suite and what it found.

    Args:
        packages: where it is.
        scenarios: those that it has for servers, with their revisions.
        found: each scenario's checks by server and revision.
    """

    packages: NodePackages
    scenarios: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    found: dict[tuple[str, str], dict[str, Checks]] = field(default_factory=dict[tuple[str, str], dict[str, Checks]])

    async def list(self) -> None:
        listed = await self._run("list", "--server")
        self.scenarios = {name: set(revisions.split(",")) for name, revisions in LISTED.findall(listed)}

    async def report(self, url: str, revision: str, results: Path, *which: str) -> dict[str, Checks]:
        """Run scenarios in one revision. How the process ends says nothing: of all scenarios some always fail."""
        await self._run("server", "--url", f"{url}/mcp", *which, "--spec-version", revision, "-o", str(results))
        return await asyncio.to_thread(_read, results)

    async def _run(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self.packages.node,
            self.packages.conformance,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            env=self.packages.environment,
        )
        return (await process.communicate())[0].decode()


def _read(results: Path) -> dict[str, Checks]:
    return {REPORT.findall(path.parent.name)[0]: json.loads(path.read_text()) for path in results.glob("*/checks.json")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(node_packages: NodePackages, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Suite]:
    """All runs at once, since each of them mostly waits."""
    suite = Suite(node_packages)
    results = tmp_path_factory.mktemp("results")
    # As the owner, to whom resources are shown too.
    async with open_world(tmp_path_factory.mktemp("state"), MCP_STATIC_ROLE="owner") as world:
        await asyncio.gather(
            suite.list(), *(_try(suite, world, name, results) for name in ("google-calendar", "zapier"))
        )
        yield suite


async def _report(suite: Suite, url: str, revision: str, results: Path) -> dict[str, Checks]:
    """Every scenario. The suite waits less than a second for some answers, so on a busy machine what failed is tried again, alone."""
    found = await suite.report(url, revision, results / "all", "--suite", "all")
    for attempt in range(1, TRIES):
        for name in [name for name in APPLIES & set(found) if (name, revision) not in NOT_IN and problems(found[name])]:
            found |= await suite.report(url, revision, results / f"{attempt}-{name}", "--scenario", name)
    return found


async def _try(suite: Suite, world: World, name: str, results: Path) -> None:
    server = {"google-calendar": world.calendar, "zapier": world.zapier}[name]
    if server is None:
        return
    async with bearer_proxy(server.url, TOKEN) as proxy:
        runs = (_report(suite, proxy.url, revision, results / name / revision) for revision in REVISIONS)
        for revision, found in zip(REVISIONS, await asyncio.gather(*runs), strict=True):
            suite.found[name, revision] = found


def problems(checks: Checks) -> dict[str, str]:
    """What did not pass of that which applies; a scenario without one check that passed shows nothing."""
    if not any(check["status"] == "SUCCESS" for check in checks):
        return {"": "nothing was checked"}
    return {
        check["id"]: check.get("errorMessage", "")
        for check in checks
        if check["status"] in {"FAILURE", "WARNING"} and check["id"] not in NOT_CHECKED
    }


async def test_every_scenario_is_known_to_apply_or_not(suite: Suite) -> None:
    assert set(suite.scenarios) == APPLIES | set(DOES_NOT_APPLY)
    assert not APPLIES & set(DOES_NOT_APPLY)


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_passes_every_scenario_that_applies(suite: Suite, server: str, revision: str) -> None:
    here = {name for name in APPLIES if revision in suite.scenarios[name] and (name, revision) not in NOT_IN}
    found = {name: problems(suite.found[server, revision].get(name, [])) for name in here}
    assert {name: unmet for name, unmet in found.items() if unmet} == {}
    checked = {check["id"] for checks in suite.found[server, MODERN].values() for check in checks}
    assert set(NOT_CHECKED) <= checked


class Counted(Arguments):
    count: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Count"})] = 1
    note: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Note"})] = ""


class ByHeader(Tried):
    """An integration whose tool takes its arguments by header too."""

    @property
    def tools(self) -> Sequence[ToolSpec[Any]]:
        return (ToolSpec(name="count", title="c", description="c", arguments=Counted, result=Heard, run=self.hear),)


async def test_a_tool_may_take_arguments_by_header(suite: Suite, tmp_path: Path) -> None:
    scenario = "http-custom-header-server-validation"
    settings = ServerSettings(_env_file=None, VOXIE_STATE=str(tmp_path), MCP_SERVER_TOKEN=TOKEN)
    async with (
        running(create_app(MANIFEST, settings, ByHeader())) as served,
        bearer_proxy(served.url, TOKEN) as proxy,
    ):
        found = await suite.report(proxy.url, MODERN, tmp_path / "results", "--scenario", scenario)
    assert problems(found[scenario]) == {}
    assert len(found[scenario]) > 5
