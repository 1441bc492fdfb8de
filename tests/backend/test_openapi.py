"""The API does what its description says, whatever is sent to it: no 5xx, no undocumented answer."""

import asyncio
import re
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from tests.backend.conftest import SERVICE_TOKEN, Backend, open_backend
from tests.backend.served import ISSUER, MCP_SERVICE_TOKEN
from tests.backend.test_doors import LIVEKIT
from tests.fakes.oauth_vendor import Vendor, serve_vendor

IN_PATH = re.compile(r"\{(\w+)\}")
FEW, MANY = 2, 25
SEED = 20261124
ENDLESS = "/api/live/calls"
"""A stream without an end has a test of its own."""
AUTH = {"HTTPBearer": {"bearer": SERVICE_TOKEN}, "McpService": {"bearer": MCP_SERVICE_TOKEN}}
JUDGED_FURTHER = {
    "POST /api/agents": (422, "zones, tools and servers must be known; the tools must fit together"),
    "PUT /api/agents/{agent_id}/draft": (422, "the same"),
    "POST /api/agents/{agent_id}/publishable-keys": (422, "an origin must be one"),
    "POST /api/calls/{call_id}/events": (422, "what a receipt says must fit its action"),
    "POST /api/owner-links/redeem": (410, "the link is over"),
    "POST /api/servers": (422, "it is listed before it is saved"),
    "POST /api/servers/oauth": (422, "it is asked who grants access"),
    "POST /api/servers/{server_id}/approve": (422, "a tool must wait for it"),
    "PUT /api/servers/{server_id}/credential": (422, "it is listed before it is saved"),
    "GET /api/analytics/tools": (422, "the last day is not before the first, and a year at most"),
    "GET /api/analytics/calls": (422, "the same"),
    "GET /api/analytics/integrations": (422, "the same"),
    "GET /oauth/callback": (400, "the state must be of a consent that was begun"),
    "POST /oauth/token": (400, "the token must be a live call's"),
}
"""What is wrong with a request here no schema can say, so one that fits the schema may be refused, by this status."""
ACCEPTING = ("2xx", "3xx", "401", "403", "404", "409", "429")
"""What a request that fits its schema may be answered: what it names may be missing, taken or not for whoever asks."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def settings_of(vendor: Vendor) -> dict[str, Any]:
    """Whatever is asked of vendors and strangers' servers stays on this machine."""
    return {
        "BACKEND_SANDBOX_URL": vendor.url,
        "MCP_AUTH": "jwks",
        "MCP_SERVER_TOKEN": None,
        "MCP_SERVICE_TOKEN": MCP_SERVICE_TOKEN,
        "BACKEND_ISSUER_URL": ISSUER,
    }


@pytest.fixture
def served(tmp_path: Path) -> Generator[str]:
    """A backend in a thread of its own; its address."""
    found: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def _serve() -> None:
        async with serve_vendor() as vendor, open_backend(tmp_path, **LIVEKIT, **settings_of(vendor)) as backend:
            found.append(backend.url)
            ready.set()
            await stop.wait()

    def _run() -> None:
        # It cancels what is left and waits for it before it closes the loop.
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_serve())

    thread = threading.Thread(target=_run)
    thread.start()
    assert ready.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)


@pytest.mark.parametrize(
    "examples",
    [
        # One limit each: of a function's and a parameter's, the function's holds.
        pytest.param(FEW, marks=pytest.mark.timeout(300)),
        pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_whatever_is_sent_is_answered_as_the_description_says(served: str, examples: int) -> None:
    document: dict[str, Any] = requests.get(f"{served}/openapi.json", timeout=60).json()
    del document["paths"][ENDLESS]
    problems: list[str] = []
    with requests.Session() as session:
        config = SchemathesisConfig.from_dict(_config(document, _made(served, session)))
        schema = schemathesis.openapi.from_dict(document, config=config)
        for found in schema.get_all_operations():
            for mode in MODES:
                problems += _problems(found.ok(), mode, served, session, examples)
    assert not problems, "\n".join(problems)


def _made(url: str, session: requests.Session) -> dict[str, list[str]]:
    """Ids of what there is, by the parameters that take them: without, every request would be answered that there is nothing."""

    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {SERVICE_TOKEN}"}
        return session.post(f"{url}{path}", json=body, headers=headers, timeout=60).json()

    return {
        "x-voxie-workspace": ["demo"],
        "agent_id": ["restaurant"],
        "call_id": [made("/api/calls", {"agent_id": "restaurant"})["id"] for _ in range(2)],
        "key_id": [made("/api/keys", {"name": "a program", "scopes": ["agents:read"]})["key"]["id"]],
        "server_id": ["own.google-calendar"],
        "number": ["+15550100"],
    }


def _config(document: dict[str, Any], made: dict[str, list[str]]) -> dict[str, Any]:
    """All checks; what each takes for right is said by operation."""
    judged = {label: status for label, (status, _) in JUDGED_FURTHER.items()} | {
        # A cursor is opaque: its schema is any text, and most texts are none.
        f"{method.upper()} {path}": 422
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ()))
    }
    return {
        "auth": {"openapi": AUTH},
        "dictionaries": {name: {"values": values} for name, values in made.items()},
        "parameters": {
            name: {"dictionary": name, "probability": 1.0 if name == "x-voxie-workspace" else 0.7} for name in made
        },
        "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTING]}},
        "operations": [
            {
                "include-name": label,
                "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTING, str(status)]}},
            }
            for label, status in judged.items()
        ],
    }


def _problems(operation: Any, mode: GenerationMode, url: str, session: requests.Session, examples: int) -> list[str]:
    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def sent(case: Case) -> None:
        case.call_and_validate(base_url=url, session=session, timeout=60)

    try:
        sent()
    except Unsatisfiable:
        # Whatever is sent to some operations is right: they take nothing.
        assert mode is GenerationMode.NEGATIVE, operation.label
    except FailureGroup as group:
        return [f"{operation.label} ({mode.value}): {group}"]
    return []


async def test_a_method_that_a_path_does_not_take_is_refused_with_those_that_it_takes(backend: Backend) -> None:
    paths: dict[str, dict[str, Any]] = backend.app.openapi()["paths"]
    for path in paths:
        url = IN_PATH.sub(lambda found: "+15550100" if found.group(1) == "number" else "some-id", path)
        # Where two paths fit an address, it takes what either does.
        fitting = [one for one in paths if re.fullmatch(IN_PATH.sub("[^/]+", one.replace(".", "\\.")), url)]
        taken = {method.upper() for one in fitting for method in paths[one]}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"} - taken:
            answer = await backend.client.request(method, url)
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), f"{method} {url}"
            allowed = set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"}
            assert allowed == taken, f"{method} {url}"
