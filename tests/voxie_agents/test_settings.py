"""The agents' settings."""

import pytest

from contracts.deadlines import Deadlines
from voxie_agents.settings import AgentSettings


def test_a_caller_waits_as_long_as_the_servers_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AgentSettings(_env_file=None).deadlines == Deadlines()  # pyright: ignore[reportCallIssue]
    for name, seconds in (("READ", "7"), ("WRITE", "8"), ("LISTING", "1.5")):
        monkeypatch.setenv(f"MCP_{name}_SECONDS", seconds)
    assert AgentSettings(_env_file=None).deadlines == Deadlines(read=7, write=8, listing=1.5)  # pyright: ignore[reportCallIssue]
