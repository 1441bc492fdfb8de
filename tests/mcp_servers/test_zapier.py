"""The Zapier server, called by a real MCP client over real sockets, with the sandbox for Zapier."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts.results import Action, ErrorKind
from mcp_servers.shared.settings import SettingsError, load_settings
from mcp_servers.zapier.settings import PREFIX, ZapierSettings
from tests.mcp_servers.zapier.desk import HOOK_PATH, PAYLOAD, Desk, failed, open_desk
from tests.world import HOOK

pytestmark = pytest.mark.needs_zapier

NOT_SENT = "The notification has not been sent."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    """The server and the sandbox, on a clock that stands still."""
    async with open_desk(tmp_path) as opened:
        yield opened


# What a trigger answers


async def test_a_trigger_reaches_the_hook_once_with_a_delivery_id_and_says_accepted_and_no_more(desk: Desk) -> None:
    answer = await desk.trigger()
    assert not answer.is_error
    assert (answer.data["success"], answer.data["zap_id"], answer.data["status"]) == (True, HOOK, "accepted")
    assert answer.data["run_id"] is None, "a hook's id is not a run's id"
    (delivery,) = await desk.deliveries()
    assert delivery["hook"] == HOOK
    assert delivery["body"] == {**PAYLOAD, "voxie_delivery_id": answer.data["delivery_id"], "querystring": {}}
    receipt = answer.receipt
    assert receipt is not None
    assert (receipt.action, receipt.recipient, receipt.demo) == (Action.SENT, HOOK, True)
    assert receipt.speech == answer.data["speech"] == "The notification has been handed to Zapier."


async def test_the_same_payload_from_the_same_caller_is_one_delivery(desk: Desk) -> None:
    first = await desk.trigger(caller="tel:+15550100")
    second = await desk.trigger(caller="tel:+15550100")
    assert second.data["delivery_id"] == first.data["delivery_id"]
    assert second.receipt is not None
    assert second.receipt.replayed
    assert len(await desk.deliveries()) == 1


async def test_words_that_are_no_key_may_be_rephrased_and_it_is_still_one_delivery(desk: Desk) -> None:
    first = await desk.trigger()
    second = await desk.trigger({**PAYLOAD, "notes": "would like to sit at the window"})
    assert second.data["delivery_id"] == first.data["delivery_id"]
    (delivery,) = await desk.deliveries()
    assert delivery["body"]["notes"] == "a window table"


async def test_another_key_field_is_another_delivery(desk: Desk) -> None:
    first = await desk.trigger()
    second = await desk.trigger({**PAYLOAD, "booking": "b-2"})
    assert second.data["delivery_id"] != first.data["delivery_id"]
    assert len(await desk.deliveries()) == 2


async def test_the_same_operation_is_one_delivery_whatever_the_payload(desk: Desk) -> None:
    first = await desk.trigger(operation="operation-0123456789")
    second = await desk.trigger({"booking": "other"}, operation="operation-0123456789")
    assert second.data["delivery_id"] == first.data["delivery_id"]
    assert len(await desk.deliveries()) == 1


async def test_after_the_hold_the_same_words_are_a_new_delivery(desk: Desk) -> None:
    first = await desk.trigger()
    desk.clock.advance(minutes=16)
    second = await desk.trigger()
    assert second.data["delivery_id"] != first.data["delivery_id"]
    assert len(await desk.deliveries()) == 2


# What the hook answers

TRIPLE = {"attempt": "a", "id": "a", "request_id": "a", "status": "success"}


@pytest.mark.parametrize(
    "body",
    [TRIPLE, {**TRIPLE, "id": "another"}, {"status": "success"}, {}, [], "success", None],
    ids=["three-equal-ids", "another-id", "no-ids", "empty-object", "list", "text", "null"],
)
async def test_any_body_of_a_200_means_accepted(desk: Desk, body: Any) -> None:
    await desk.break_hooks(status=200, body=body)
    answer = await desk.trigger()
    assert not answer.is_error
    assert answer.data["status"] == "accepted"
    assert answer.data["run_id"] is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.BAD_REQUEST),
        (401, ErrorKind.BAD_REQUEST),
        (404, ErrorKind.NOT_FOUND),
        (410, ErrorKind.NOT_FOUND),
        (413, ErrorKind.BAD_REQUEST),
        (302, ErrorKind.BAD_REQUEST),
    ],
)
async def test_what_a_hook_refuses_is_not_sent_and_is_said_so(desk: Desk, status: int, kind: ErrorKind) -> None:
    await desk.break_hooks(status=status)
    answer = await desk.trigger()
    assert answer.is_error
    assert (failed(answer).kind, answer.failure.speech) == (kind, "The notification has not been sent.")
    assert answer.data["success"] is False
    assert await desk.deliveries() == []


@pytest.mark.parametrize("status", [429, 503])
async def test_a_hook_that_asks_for_a_moment_gets_it_and_one_delivery(desk: Desk, status: int) -> None:
    await desk.break_hooks(status=status, headers={"retry-after": "0"})
    answer = await desk.trigger()
    assert answer.data["status"] == "accepted"
    assert len(await desk.deliveries()) == 1


async def test_a_hook_that_asks_for_a_minute_is_not_waited_for_and_gets_it_later(desk: Desk) -> None:
    await desk.break_hooks(status=429, headers={"retry-after": "60"})
    answer = await desk.trigger()
    assert answer.data["status"] == "queued"
    assert answer.data["speech"] == "The notification is saved, but Zapier hasn't taken it yet."
    assert answer.receipt is not None
    assert answer.receipt.action is Action.QUEUED
    assert await desk.deliveries() == []
    desk.clock.advance(seconds=62)
    await desk.until(answer, "accepted")
    assert len(await desk.deliveries()) == 1


async def test_a_line_cut_after_zapier_took_it_is_unknown_and_never_sent_again(desk: Desk) -> None:
    await desk.break_hooks(cut="after")
    for _ in range(2):
        answer = await desk.trigger()
        assert answer.failure is not None
        assert answer.failure.kind is ErrorKind.OUTCOME_UNKNOWN
        assert answer.failure.speech == "I couldn't confirm that the notification was sent."
    assert len(await desk.deliveries()) == 1


async def test_a_line_cut_before_zapier_took_it_is_unknown_too_since_we_cannot_tell(desk: Desk) -> None:
    await desk.break_hooks(cut="before")
    for _ in range(2):
        answer = await desk.trigger()
        assert answer.failure is not None
        assert answer.failure.kind is ErrorKind.OUTCOME_UNKNOWN
    assert await desk.deliveries() == []


# What is refused before anything leaves


async def test_an_unknown_hook_is_named_with_those_that_exist(desk: Desk) -> None:
    answer = await desk.call("zapier_trigger_zap", zap_id="nope", payload=PAYLOAD)
    assert (failed(answer).kind, answer.failure.field) == (ErrorKind.NOT_FOUND, "zap_id")
    assert HOOK in answer.failure.error
    assert answer.failure.speech == "The notification has not been sent."


@pytest.mark.parametrize("payload", ["text", ["list"], 7, None, True])
async def test_a_payload_that_is_no_object_is_refused_with_the_field_named(desk: Desk, payload: Any) -> None:
    answer = await desk.call("zapier_trigger_zap", zap_id=HOOK, payload=payload)
    assert (failed(answer).kind, answer.failure.field) == (ErrorKind.BAD_REQUEST, "payload")


@pytest.mark.parametrize("zap_id", ["https://hooks.zapier.com/hooks/catch/1/x/", ""])
async def test_a_url_is_not_a_zap_id(desk: Desk, zap_id: str) -> None:
    answer = await desk.call("zapier_trigger_zap", zap_id=zap_id, payload=PAYLOAD)
    assert answer.failure is not None
    assert answer.failure.field == "zap_id"
    assert await desk.deliveries() == []


# Listing


async def test_the_owner_sees_the_zaps_and_the_hooks(desk: Desk) -> None:
    answer = await desk.own("zapier_list_zaps")
    assert [zap["title"] for zap in answer.data["zaps"]] == ["Restaurant reservation", "Weekly summary"]
    assert answer.data["hooks"] == [HOOK]


async def test_a_caller_does_not_see_the_zaps(desk: Desk) -> None:
    answer = await desk.call("zapier_list_zaps")
    assert answer.failure is not None
    assert answer.failure.kind is ErrorKind.NOT_ALLOWED


PAGE_IN_A_LIST = [{"links": {"next": None}, "data": [{"id": 7, "title": "Seven", "is_enabled": True}]}]


async def test_a_page_inside_a_list_is_read_too(desk: Desk) -> None:
    await desk.fault("GET /v2/zaps", status=200, body=PAGE_IN_A_LIST)
    answer = await desk.own("zapier_list_zaps")
    assert [zap["title"] for zap in answer.data["zaps"]] == ["Seven"]


ENVELOPE = {"errors": [{"status": "401", "code": "authentication_failed", "title": "x", "detail": "private detail"}]}
BARE = {"code": "authentication_failed", "detail": "private detail"}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 401, "body": ENVELOPE}, ErrorKind.NEEDS_RECONNECT),
        ({"status": 403, "body": BARE}, ErrorKind.NEEDS_RECONNECT),
        ({"status": 429, "headers": {"retry-after": "60"}}, ErrorKind.TRY_LATER),
        ({"status": 500, "times": 9}, ErrorKind.UNAVAILABLE),
        ({"cut": "before", "times": 9}, ErrorKind.UNAVAILABLE),
        ({"status": 200, "body": "text"}, ErrorKind.UNAVAILABLE),
        ({"status": 200, "body": []}, ErrorKind.UNAVAILABLE),
        ({"status": 200, "body": {"data": [1]}}, ErrorKind.UNAVAILABLE),
        ({"status": 200, "body": {"data": 5}}, ErrorKind.UNAVAILABLE),
    ],
    ids=["401", "bare-403", "429", "500", "cut", "text", "empty-list", "zap-is-a-number", "data-is-a-number"],
)
async def test_a_list_that_cannot_be_had_says_what_happens_next(
    desk: Desk, fault: dict[str, Any], kind: ErrorKind
) -> None:
    await desk.fault("GET /v2/zaps", **fault)
    answer = await desk.own("zapier_list_zaps")
    assert answer.failure is not None
    assert answer.failure.kind is kind
    assert "private detail" not in str(answer.data)


# Secrets


@pytest.mark.parametrize("fault", [None, {"status": 404}, {"status": 500, "times": 9}, {"cut": "after"}])
async def test_a_hooks_url_is_in_no_result_no_error_and_no_log(desk: Desk, fault: dict[str, Any] | None) -> None:
    if fault:
        await desk.break_hooks(**fault)
    with capture_logs() as logs:
        answer = await desk.trigger()
        listed = await desk.own("zapier_list_zaps")
    for text in (str(answer.data), str(listed.data), str(logs)):
        assert HOOK_PATH not in text
        assert "Maria Garcia" not in text


def settings(**given: str) -> ZapierSettings:
    return load_settings(ZapierSettings, prefix=PREFIX, _env_file=None, **given)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:3010/hooks/catch/1/secret/",
        "http://hooks.zapier.com/hooks/catch/1/secret/",
        "https://hooks.zapier.com.evil.example/hooks/catch/1/secret/",
        "https://hooks.zapier.com@evil.example/hooks/catch/1/secret/",
        "https://evil.example/?hooks.zapier.com",
    ],
)
@pytest.mark.parametrize("variable", ["ZAPIER_WEBHOOK_URL", "ZAPIER_HOOKS"])
def test_live_mode_refuses_a_hook_that_is_not_zapiers_and_names_the_variable_not_the_url(
    url: str, variable: str
) -> None:
    value = url if variable == "ZAPIER_WEBHOOK_URL" else f'{{"mine": {{"url": "{url}"}}}}'
    with pytest.raises(SettingsError) as refused:
        settings(VOXIE_MODE="live", **{variable: value})
    assert variable in str(refused.value)
    assert "secret" not in str(refused.value)


def test_live_mode_takes_zapiers_own_hook_and_calls_it_default() -> None:
    taken = settings(VOXIE_MODE="live", ZAPIER_WEBHOOK_URL="https://hooks.zapier.com/hooks/catch/1/secret/")
    assert list(taken.hooks) == ["default"]
    assert "catch/1" not in repr(taken)


def test_a_server_without_any_credential_does_not_start() -> None:
    with pytest.raises(SettingsError, match="ZAPIER_WEBHOOK_URL is missing"):
        settings(VOXIE_MODE="live")
