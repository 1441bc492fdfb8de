"""Agents are written, published, rolled back and taken out of use; a call keeps what it began with."""

from typing import Any

import pytest

from backend.agents.templates import MOST_TEMPLATE_TOOLS
from tests.backend.conftest import ON_BOTH, Backend

pytestmark = ON_BOTH
HOURS = {"week": {"monday": [{"opens": "09:00", "closes": "17:00"}]}}


def draft(**more: Any) -> dict[str, Any]:
    business = {"name": "Molar & Co", "hours": HOURS, "zone": "Europe/Madrid"}
    return {"name": "Molar & Co", "kind": "dental", "business": business, "servers": ["google-calendar"], **more}


async def made(backend: Backend, **more: Any) -> str:
    return (await backend.post("/api/agents", draft(publish=True, **more)))["spec"]["id"]


async def test_an_agent_is_a_draft_until_it_is_published(backend: Backend) -> None:
    new = await backend.post("/api/agents", draft())
    agent = new["spec"]["id"]
    assert (new["state"], new["version"]) == ("draft", 1)
    assert agent.startswith("molar-co-")
    refused = await backend.client.post("/api/calls", json={"agent_id": agent})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_published")
    await backend.post(f"/api/agents/{agent}/publish")
    call = await backend.post("/api/calls", {"agent_id": agent})
    assert call["agent_version"] == 1


async def test_a_call_keeps_the_version_that_it_began_with(backend: Backend) -> None:
    agent = await made(backend, greeting="Hello from one")
    call = await backend.post("/api/calls", {"agent_id": agent})
    written = await backend.client.put(f"/api/agents/{agent}/draft", json=draft(greeting="Hello from two"))
    assert written.json()["version"] == 2
    await backend.post(f"/api/agents/{agent}/publish")
    boot = await backend.post(f"/api/calls/{call['id']}/bootstrap")
    assert boot["agent"]["greeting"] == "Hello from one"
    later = await backend.post("/api/calls", {"agent_id": agent})
    assert later["agent_version"] == 2


async def test_one_can_go_back_to_an_earlier_version(backend: Backend) -> None:
    agent = await made(backend, greeting="one")
    await backend.client.put(f"/api/agents/{agent}/draft", json=draft(greeting="two"))
    await backend.post(f"/api/agents/{agent}/publish")
    await backend.post(f"/api/agents/{agent}/rollback", {"version": 1})
    assert (await backend.get(f"/api/agents/{agent}"))["greeting"] == "one"
    versions = (await backend.get(f"/api/agents/{agent}/versions"))["items"]
    assert [(version["version"], version["state"]) for version in versions] == [(2, "archived"), (1, "published")]


async def test_a_draft_is_replaced_and_published_versions_never_change(backend: Backend) -> None:
    agent = await made(backend)
    for greeting in ("two", "two, better"):
        await backend.client.put(f"/api/agents/{agent}/draft", json=draft(greeting=greeting))
    versions = (await backend.get(f"/api/agents/{agent}/versions"))["items"]
    assert [(v["version"], v["spec"]["greeting"]) for v in versions] == [(2, "two, better"), (1, None)]
    not_yet = await backend.client.post(f"/api/agents/{agent}/rollback", json={"version": 2})
    assert (not_yet.status_code, not_yet.json()["code"]) == (409, "is_draft")


async def test_an_agent_out_of_use_takes_no_calls_and_its_calls_stay_readable(backend: Backend) -> None:
    agent = await made(backend)
    call = await backend.post("/api/calls", {"agent_id": agent})
    assert (await backend.client.delete(f"/api/agents/{agent}")).status_code == 204
    assert (await backend.client.post("/api/calls", json={"agent_id": agent})).status_code == 404
    assert agent not in {item["id"] for item in (await backend.get("/api/agents"))["items"]}
    assert (await backend.get(f"/api/calls/{call['id']}"))["agent_id"] == agent
    assert (await backend.post(f"/api/calls/{call['id']}/bootstrap"))["agent"]["id"] == agent


@pytest.mark.parametrize(
    ("change", "field", "fix"),
    [
        ({"servers": ["gogle-calendar"]}, "servers", "there are: google-calendar"),
        ({"servers": [], "tools": ["calendar_create_event"]}, "servers", "name the MCP servers"),
        ({"notify_hook": "bookings"}, "notify_hook", "add it to tools"),
        ({"tools": ["a", "a"]}, "tools", "stands there twice"),
        ({"tools": [f"t{number}" for number in range(13)]}, "tools", "at most 12"),
        ({"name": ""}, "name", "at least 1"),
        ({"name": "a\x00b"}, "name", "control characters"),
        ({"kind": "spaceport"}, "kind", "restaurant"),
        ({"business": {"name": "x", "hours": HOURS, "zone": "Madrid"}}, "business.zone", "Europe/Madrid"),
        ({"business": {"name": "x"}}, "business.hours", "required"),
        ({"colour": "red"}, "colour", "no such field"),
    ],
)
async def test_what_cannot_work_is_refused_with_the_field_and_the_fix(
    backend: Backend, change: dict[str, Any], field: str, fix: str
) -> None:
    answer = await backend.client.post("/api/agents", json=draft() | change)
    assert answer.status_code == 422
    assert answer.json()["field"].startswith(field)
    assert fix in answer.json()["message"]


async def test_agents_come_page_by_page_in_one_order(backend: Backend) -> None:
    for name in ("Same", "Same", "Same", "Zoo"):
        await made(backend, name=name)
    seen, cursor = [], None
    while True:
        page = await backend.get("/api/agents", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [(item["name"], item["id"]) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert seen == sorted(seen)


@pytest.mark.needs_zapier
async def test_each_kind_of_business_has_a_template_of_few_tools_that_works_at_once(backend: Backend) -> None:
    templates = (await backend.get("/api/templates"))["items"]
    assert {template["kind"] for template in templates} == {"restaurant", "dental", "medical", "business"}
    for template in templates:
        new = await backend.post("/api/agents", template["draft"] | {"publish": True})
        assert new["state"] == "published"
        assert len(template["draft"]["tools"]) <= MOST_TEMPLATE_TOOLS


async def test_a_demo_agent_that_was_changed_by_a_newer_release_is_published_anew_and_calls_keep_theirs(
    backend: Backend,
) -> None:
    call = await backend.post("/api/calls", {"agent_id": "restaurant"})
    await backend.client.put("/api/agents/restaurant/draft", json=draft(greeting="mine"))
    await backend.post("/api/agents/restaurant/publish")
    await backend.app.state.agents.seed_demo()
    assert (await backend.get("/api/agents/restaurant"))["version"] == 3
    assert (await backend.post(f"/api/calls/{call['id']}/bootstrap"))["agent"]["version"] == 1
