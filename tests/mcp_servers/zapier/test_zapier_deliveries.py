"""What is accepted is stored, and no trouble loses it or sends it twice."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contracts.results import Action, ToolAnswer
from mcp_servers.shared.ledger import LedgerDatabase
from mcp_servers.zapier import dead_letters
from mcp_servers.zapier.delivery import Delivery, NewDelivery, State
from mcp_servers.zapier.queue import DeliveryQueue
from mcp_servers.zapier.settings import ZapierSettings
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.mcp_servers.zapier.desk import PAYLOAD, WAIT_SECONDS, Desk, delivery_named_in, failed, open_desk
from tests.running import start
from tests.world import HOOK

pytestmark = pytest.mark.needs_zapier

LEASE_SECONDS = 15.0


async def restart_sandbox(desk: Desk, *, port: int) -> None:
    settings = SandboxSettings(_env_file=None, state=desk.state, zone="UTC")
    desk.sandbox = await start(create_sandbox(settings, now=desk.clock.now), port=port)


@pytest.mark.parametrize(
    "fault",
    [{"status": 429, "headers": {"retry-after": "30"}}, {"status": 429}, {"status": 503}, {"status": 500}],
    ids=["429-retry-after", "429", "503", "500"],
)
async def test_what_zapier_did_not_take_is_sent_later_and_once(desk: Desk, fault: dict[str, Any]) -> None:
    await desk.break_hooks(times=3, **fault)
    answer = await desk.trigger()
    assert answer.data["status"] == "queued"
    await desk.until(answer, "accepted", advancing=40)
    (delivery,) = await desk.deliveries()
    assert delivery["body"]["voxie_delivery_id"] == answer.data["delivery_id"]


async def test_a_day_without_network_loses_nothing(desk: Desk) -> None:
    port = desk.sandbox.port
    await desk.sandbox.stop()
    answer = await desk.trigger()
    assert answer.data["status"] == "queued"
    assert answer.data["speech"] == "The notification is saved, but Zapier hasn't taken it yet."
    for tries in (1, 2, 3):
        await tried(desk, answer, tries)
        desk.clock.advance(hours=8)
    await tried(desk, answer, 4)
    await restart_sandbox(desk, port=port)
    await desk.until(answer, "accepted", advancing=7200)
    assert len(await desk.deliveries()) == 1


async def tried(desk: Desk, answer: ToolAnswer, times: int) -> None:
    """Wait until so many tries have failed."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            seen = await desk.call("zapier_get_delivery", delivery_id=answer.data["delivery_id"])
            if (seen.data["attempts"], seen.data["status"]) == (times, "queued"):
                return
            await asyncio.sleep(0.05)


async def test_what_a_stopped_server_left_is_sent_by_the_next(desk: Desk) -> None:
    await desk.break_hooks(status=503, headers={"retry-after": "60"})
    answer = await desk.trigger()
    await desk.stop_server()
    desk.clock.advance(seconds=61)
    await desk.start_server()
    await desk.until(answer, "accepted")
    assert len(await desk.deliveries()) == 1


async def test_a_repeated_call_while_it_is_queued_is_the_same_delivery(desk: Desk) -> None:
    await desk.break_hooks(status=503, headers={"retry-after": "60"})
    first = await desk.trigger()
    second = await desk.trigger()
    assert second.data["delivery_id"] == first.data["delivery_id"]
    assert second.receipt is not None
    assert (second.receipt.action, second.receipt.replayed) == (Action.QUEUED, True)
    await desk.until(first, "accepted", advancing=61)
    assert len(await desk.deliveries()) == 1


async def test_a_hook_that_answers_slowly_keeps_the_caller_for_a_moment_only(tmp_path: Path) -> None:
    async with open_desk(tmp_path, ZAPIER_ACCEPTANCE_SECONDS="0.2") as desk:
        await desk.break_hooks(delay=2)
        answer = await desk.trigger()
        assert answer.data["status"] == "sending"
        assert answer.data["speech"] == "The notification is saved, but Zapier hasn't taken it yet."
        await desk.until(answer, "accepted")


def test_that_moment_is_a_second_and_a_half_unless_the_owner_says_otherwise() -> None:
    assert ZapierSettings.model_fields["acceptance_seconds"].default == 1.5


# Given up, and replayed by a person


async def test_a_delivery_that_is_refused_too_often_is_a_dead_letter_that_a_person_sees_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_desk(tmp_path, ZAPIER_MOST_TRIES="2") as desk:
        await desk.break_hooks(status=503, times=2)
        answer = await desk.trigger()
        seen = await desk.until(answer, "dead", advancing=60)
        assert (seen.data["reason"], seen.data["attempts"]) == ("too_many_tries", 2)
        assert seen.data["speech"] == "The notification has not been sent."
        listed = await command(desk, monkeypatch, capsys)
        assert answer.data["delivery_id"] in listed
        assert "too_many_tries (503)" in listed
        assert "Maria" not in listed
        await command(desk, monkeypatch, capsys, "replay", answer.data["delivery_id"])
        await desk.until(answer, "accepted", advancing=86_400)
        assert await command(desk, monkeypatch, capsys) == ""
        (delivery,) = await desk.deliveries()
        assert delivery["body"]["voxie_delivery_id"] == answer.data["delivery_id"]


async def test_a_replay_of_nothing_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = await command(desk, monkeypatch, capsys, "replay", "nothing", status=1)
    assert said == "nothing: no dead or unknown delivery of this id that still has its payload\n"


async def test_a_refused_delivery_that_is_asked_for_again_is_tried_again(desk: Desk) -> None:
    await desk.break_hooks(status=400)
    first = await desk.trigger()
    second = await desk.trigger({**PAYLOAD, "notes": "corrected"})
    assert second.data["delivery_id"] == delivery_named_in(first)
    (delivery,) = await desk.deliveries()
    assert delivery["body"]["notes"] == "corrected"


async def command(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0
) -> str:
    """The command as a person runs it, beside the server."""
    monkeypatch.chdir(desk.state)
    monkeypatch.setenv("VOXIE_MODE", "demo")
    monkeypatch.setenv("VOXIE_STATE", str(desk.state))
    monkeypatch.setenv("ZAPIER_HOOKS", json.dumps({HOOK: desk.hook(HOOK)}))
    capsys.readouterr()
    assert await asyncio.to_thread(dead_letters.main, list(arguments)) == status
    return capsys.readouterr().out


async def test_what_was_given_up_is_erased_after_thirty_days_and_its_row_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.break_hooks(status=400)
    named = delivery_named_in(await desk.trigger())
    desk.clock.advance(days=29)
    await desk.stop_server()
    assert "Maria Garcia" in kept_payload(desk, named)
    desk.clock.advance(days=2)
    await desk.start_server()
    async with asyncio.timeout(WAIT_SECONDS):
        while kept_payload(desk, named) != "None":  # noqa: ASYNC110 - another server erases it
            await asyncio.sleep(0.05)
    assert (await desk.call("zapier_get_delivery", delivery_id=named)).data["reason"] == "refused"
    said = await command(desk, monkeypatch, capsys, "replay", named, status=1)
    assert "no dead or unknown delivery of this id that still has its payload" in said


def kept_payload(desk: Desk, delivery_id: str) -> str:
    with closing(sqlite3.connect(desk.state / "zapier-ledger.sqlite3")) as ledger:
        query = "select payload from zapier_deliveries where id = ?"
        return str(ledger.execute(query, (delivery_id,)).fetchone()[0])


# Nobody knows whether Zapier has it


async def test_an_unknown_delivery_of_a_retry_safe_hook_is_sent_again_with_the_same_id(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await use_hook(desk, retry_safe=True)
        await desk.break_hooks(cut="after")
        answer = await desk.trigger()
        await desk.until(answer, "accepted", advancing=5)
        ids = [delivery["body"]["voxie_delivery_id"] for delivery in await desk.deliveries()]
        assert ids == [answer.data["delivery_id"]] * 2


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateway_that_lost_sight_leaves_it_unknown(desk: Desk, status: int) -> None:
    await desk.break_hooks(status=status)
    answer = await desk.trigger()
    assert "couldn't confirm" in failed(answer).speech
    desk.clock.advance(days=1)
    await asyncio.sleep(0.6)
    assert await desk.deliveries() == []


@pytest.mark.parametrize(("safe", "state", "arrived"), [(False, "unknown", 0), (True, "accepted", 1)])
async def test_what_a_killed_process_was_sending_is_taken_over(
    desk: Desk, *, safe: bool, state: str, arrived: int
) -> None:
    killed = LedgerDatabase.for_service("zapier", state=desk.state, url=None, now=desk.clock.seconds)
    queue = DeliveryQueue(killed, limits=(), lease_seconds=LEASE_SECONDS)
    left = (await stored(queue, retry_safe=safe))[0]
    assert left.state is State.SENDING
    await killed.aclose()
    await asyncio.sleep(0.4)
    assert (await desk.call("zapier_get_delivery", delivery_id=left.id)).data["status"] == "sending", "its lease holds"
    desk.clock.advance(seconds=LEASE_SECONDS + 1)
    await desk.until(left.id, state)
    assert len(await desk.deliveries()) == arrived


async def stored(queue: DeliveryQueue, *, retry_safe: bool = False, number: int = 0) -> tuple[Delivery, bool]:
    return await queue.store(
        NewDelivery(
            key=f"key-{number}",
            epoch=None,
            workspace="default",
            connection="settings",
            hook=HOOK,
            account="1",
            retry_safe=retry_safe,
            payload={**PAYLOAD, "booking": f"b-{number}"},
        )
    )


async def use_hook(desk: Desk, name: str = HOOK, **settings: Any) -> None:
    """Restart the server with one hook of these settings."""
    await desk.stop_server()
    desk.given["ZAPIER_HOOKS"] = json.dumps({name: desk.hook(name, **settings)})
    await desk.start_server()


# The rate


async def test_no_more_leaves_than_the_account_may_send_and_all_of_it_leaves_in_time(tmp_path: Path) -> None:
    async with open_desk(tmp_path, ZAPIER_RATE_PER_SECOND="12") as desk:
        answers = await asyncio.gather(*(desk.trigger({**PAYLOAD, "booking": f"b-{n}"}) for n in range(6)))
        left = [answer for answer in answers if answer.data["status"] != "queued"]
        assert len(left) == 2
        for answer in left:
            await desk.until(answer, "accepted")
        assert len(await desk.deliveries()) == 2
        for answer in answers:
            await desk.until(answer, "accepted", advancing=0.4)
        assert len(await desk.deliveries()) == 6


async def test_an_account_that_is_asked_to_wait_sends_nothing_else_meanwhile(desk: Desk) -> None:
    await desk.break_hooks(status=429, headers={"retry-after": "60"})
    await desk.trigger()
    other = await desk.trigger({**PAYLOAD, "booking": "b-2"})
    assert other.data["status"] == "queued"
    assert await desk.deliveries() == []
    await desk.until(other, "accepted", advancing=62)
    assert len(await desk.deliveries()) == 2
