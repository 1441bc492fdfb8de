"""What may be sent to a hook: what fits its schema, and to records no address from the call."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.results import ErrorKind
from mcp_servers.shared.errors import BadRequest, Unavailable
from mcp_servers.shared.settings import SettingsError, load_settings
from mcp_servers.zapier.hooks import NOT_SENT, account_of, check_payload
from mcp_servers.zapier.settings import PREFIX, Hook, ZapierSettings
from mcp_servers.zapier.tools import describe
from tests.mcp_servers.zapier.desk import Desk, failed, open_desk

pytestmark = pytest.mark.needs_zapier

URL = SecretStr("https://hooks.zapier.com/hooks/catch/100001/abc/")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "guests": {"type": "array", "items": {"type": "integer"}},
    },
}
ORDER = Hook(url=URL, title="Order", payload_schema=SCHEMA)
RECORD = Hook(url=URL, contact_on_file="patient")


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({}, "payload"),
        ({"name": 7}, "payload.name"),
        ({"name": "a secret that is far too long"}, "payload.name"),
        ({"name": "Ann", "guests": [1, "two"]}, "payload.guests.1"),
        ({"name": "Ann", "more": 1}, "payload"),
    ],
)
def test_a_payload_that_does_not_fit_names_the_field_and_not_the_value(payload: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_payload(ORDER, payload)
    assert refused.value.field == field
    assert refused.value.error.startswith(f"{field}: does not fit")
    assert "secret" not in refused.value.error
    assert "two" not in refused.value.error


def test_a_payload_that_fits_is_taken() -> None:
    check_payload(ORDER, {"name": "Ann", "guests": [1, 2]})


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_nothing_is_fetched_for_a_schema_and_nothing_is_sent_without_it(keyword: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as within:
        within.setblocking(False)
        elsewhere = {keyword: f"http://127.0.0.1:{within.getsockname()[1]}/latest/meta-data"}
        with pytest.raises(Unavailable) as refused:
            check_payload(Hook(url=URL, payload_schema={"properties": {"name": elsewhere}}), {"name": "Ann"})
        with pytest.raises(BlockingIOError):
            within.accept()
    assert refused.value.speech == NOT_SENT


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "#/nowhere"}])
def test_a_schema_that_leads_nowhere_is_a_failure_that_says_that_nothing_was_sent(schema: dict[str, Any]) -> None:
    with pytest.raises(Unavailable) as refused:
        check_payload(Hook(url=URL, payload_schema=schema), {"name": "Ann"})
    assert refused.value.speech == NOT_SENT


def test_more_than_ten_megabytes_are_refused() -> None:
    with pytest.raises(BadRequest, match="10 MB"):
        check_payload(Hook(url=URL), {"text": "x" * (10 * 1024 * 1024)})


@pytest.mark.parametrize(
    "said",
    [
        "ann@example.com",
        "ann at example dot com",
        "send it to ann at example.com please",
        "maria (at) example (dot) com",
        "maria[at]example[dot]co[dot]uk",
        "ＭＡＲＩＡ＠example．com",
        "maria @ example.com",
        "maria at gmail",
        "example dot com slash results",
        "example.com/results",
        "https://evil.example/collect",
        "www.evil.example",
        "+1 (555) 010-0199",
        "5550100199",
        "five five five oh one zero zero",
    ],
)
@pytest.mark.parametrize("where", ["note", "nested", "name", "listed"])
def test_a_dictated_address_never_goes_out_with_a_record(said: str, where: str) -> None:
    places: dict[str, dict[str, Any]] = {
        "note": {"note": said},
        "nested": {"more": {"deep": said}},
        "name": {said: 1},
        "listed": {"list": [1, said]},
    }
    with pytest.raises(BadRequest) as refused:
        check_payload(RECORD, {"patient": "p-17", **places[where]})
    assert "contact" in refused.value.speech
    assert "evil" not in refused.value.error or where == "name"


def test_a_number_may_be_a_telephone_number_too() -> None:
    with pytest.raises(BadRequest):
        check_payload(RECORD, {"patient": "p-17", "n": 5550100199})


@pytest.mark.parametrize(
    "harmless",
    [
        "results of 2026-11-23",
        "2026-11-23T09:00:00+01:00",
        "seen at seven. Thanks",
        "room 12, bed 3",
        "at the clinic",
        "seen at 9.30 a.m.",
        "a red dot on the left arm",
        "e.g. daily",
    ],
)
def test_a_record_with_a_reference_and_harmless_words_goes_out(harmless: str) -> None:
    check_payload(RECORD, {"patient": "p-17", "note": harmless})


@pytest.mark.parametrize("reference", [None, 17, "", "ann@example.com", "two words", "x" * 65])
def test_a_record_needs_a_reference_to_somebody_on_file(reference: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        check_payload(RECORD, {"patient": reference})
    assert refused.value.field == "payload.patient"


async def test_a_refused_payload_never_reaches_zapier(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await restart_with(
            desk, order=desk.hook("order", payload_schema=SCHEMA), record=desk.hook("r", contact_on_file="p")
        )
        unfit = await desk.trigger({"name": 7}, hook="order")
        assert (failed(unfit).kind, failed(unfit).field) == (ErrorKind.BAD_REQUEST, "payload.name")
        dictated = await desk.trigger({"p": "p-1", "to": "ann@example.com"}, hook="record")
        assert "contact we already have on file" in failed(dictated).speech
        assert await desk.deliveries() == []
        await desk.until(await desk.trigger({"name": "Ann"}, hook="order"), "accepted")


async def restart_with(desk: Desk, **hooks: dict[str, Any]) -> None:
    await desk.stop_server()
    desk.given["ZAPIER_HOOKS"] = json.dumps(hooks)
    await desk.start_server()


# What a model is shown


def test_a_model_is_shown_the_schema_of_a_hooks_payload() -> None:
    assert json.dumps(SCHEMA, separators=(",", ":")) in describe({"order": ORDER})
    assert "hooks.zapier.com" not in describe({"order": ORDER})


def test_schemas_that_are_too_long_are_shown_as_their_fields() -> None:
    long = Hook(url=URL, payload_schema={**SCHEMA, "description": "x" * 3_000})
    shown = describe({"order": long})
    assert "fields name, guests" in shown
    assert len(shown) < 200


def test_a_schema_that_is_none_is_refused_at_the_start() -> None:
    hooks = {"order": {"url": URL.get_secret_value(), "payload_schema": {"type": "nonsense"}}}
    with pytest.raises(SettingsError, match=r"ZAPIER_HOOKS.*not a JSON Schema"):
        load_settings(ZapierSettings, prefix=PREFIX, _env_file=None, ZAPIER_HOOKS=json.dumps(hooks))


@pytest.mark.parametrize(
    ("path", "account"),
    [("/hooks/catch/100001/abc/", "100001"), ("/hooks/catch/100001/abc", "100001"), ("/hooks/catch/abc/", "hook:abc")],
)
def test_the_rate_is_counted_by_the_account_in_the_hooks_path(path: str, account: str) -> None:
    assert account_of(Hook(url=SecretStr(f"https://hooks.zapier.com{path}"))) == account
