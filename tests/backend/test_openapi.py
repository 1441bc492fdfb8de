"""The API does what its description says, whatever is sent to it: no 5xx, no undocumented answer."""

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case
from schemathesis.core.failures import FailureGroup

from tests.backend.conftest import AS_SERVICE, open_backend
from tests.backend.test_doors import LIVEKIT

EXAMPLES = 4
SEED = 20261124
ENDLESS = "/api/live/calls"
"""A stream without an end has a test of its own."""
OF_CREDENTIALS = ("/api/connections", "/connections", "/oauth", "/.well-known", "/api/broker")
"""They ask the vendors; their own tests try them."""
WITHOUT_ANSWER = {
    "unsupported_method",  # asks with methods that a browser cannot send
    "use_after_free",  # wants a resource that was deleted to be gone: people, keys and agents keep their history
    "ensure_resource_availability",
    "ignored_auth",  # tests/backend/test_isolation.py tries every endpoint without a credential
    "missing_required_header",
    "max_response_time",
    "positive_data_acceptance",  # rightly 404 and 409 for ids that are not there
}


@pytest.fixture
def served(tmp_path: Path) -> Generator[str]:
    """A backend in a thread of its own; its address."""
    found: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def _serve() -> None:
        async with open_backend(tmp_path, **LIVEKIT) as backend:
            found.append(backend.url)
            ready.set()
            await stop.wait()

    def _run() -> None:
        # It cancels what is left and waits for it before it closes the loop.
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_serve())

    thread = threading.Thread(target=_run)
    thread.start()
    assert ready.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.mark.timeout(300)
def test_whatever_is_sent_is_answered_as_the_description_says(served: str) -> None:
    document: dict[str, Any] = requests.get(f"{served}/openapi.json", timeout=60).json()
    document["paths"] = {
        path: methods
        for path, methods in document["paths"].items()
        if path != ENDLESS and not path.startswith(OF_CREDENTIALS)
    }
    schema = schemathesis.openapi.from_dict(document)
    excluded = [check for check in schemathesis.checks.CHECKS.get_all() if check.__name__ in WITHOUT_ANSWER]
    problems: list[str] = []
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()

            @seed(SEED)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def sent(case: Case) -> None:
                case.call_and_validate(
                    base_url=served, session=session, headers=AS_SERVICE, excluded_checks=excluded, timeout=60
                )

            try:
                sent()
            except FailureGroup as group:
                problems += [f"{operation.label}: {type(one).__name__} {one}" for one in group.exceptions]
    assert not problems, "\n".join(problems)
