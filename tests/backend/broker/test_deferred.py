"""Grants that a call leaves for its deliveries: one hook each, for as long as a delivery may take, and nothing else."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.broker import (
    ACCESS_TOKEN_TYPE,
    DEFERRED_TOKEN_TYPE,
    HOOKS_TOKEN_TYPE,
    SUBJECT_TOKEN_TYPE,
)
from tests.backend.broker.exchanges import CALENDAR, ZAPIER, call_token, exchange, exchanged, refusal
from tests.backend.connections.conftest import Shop
from tests.backend.served import MCP_SERVICE_TOKEN
from tests.fakes.oauth_vendor import GOOD_KEY

AS_DEFERRED = {
    "resource": ZAPIER,
    "subject_token_type": DEFERRED_TOKEN_TYPE,
    "requested_token_type": HOOKS_TOKEN_TYPE,
}


async def deferred_grant(shop: Shop) -> str:
    """What a call that has ended since left for its delivery."""
    call = await shop.backend.start_call()
    token = await call_token(shop.backend, server="zapier", call=call)
    answer = await exchanged(shop.backend, token, resource=ZAPIER, requested_token_type=HOOKS_TOKEN_TYPE)
    await shop.backend.post(f"/api/calls/{call}/end")
    grant = answer.hooks["restaurant_reservation"].deferred
    assert grant is not None
    return grant.get_secret_value()


@pytest.mark.needs_zapier
async def test_a_deferred_grant_gets_its_one_hook_after_the_call(shop: Shop) -> None:
    await shop.connect_hook()
    await shop.connect_hook(name="another")
    grant = await deferred_grant(shop)
    shop.backend.clock.advance(days=29)
    answer = await exchanged(shop.backend, grant, **AS_DEFERRED)
    assert list(answer.hooks) == ["restaurant_reservation"]
    assert answer.hooks["restaurant_reservation"].url.get_secret_value().endswith("/canary-hook-code/")


@pytest.mark.needs_zapier
async def test_a_deferred_grant_gets_nothing_once_the_hook_is_disconnected(shop: Shop) -> None:
    connection = (await shop.connect_hook()).json()["id"]
    grant = await deferred_grant(shop)
    await shop.backend.delete(f"/api/connections/{connection}")
    assert refusal(await exchange(shop.backend, grant, **AS_DEFERRED)).error == "not_connected"


@pytest.mark.needs_zapier
async def test_a_deferred_grant_expires(shop: Shop) -> None:
    await shop.connect_hook()
    grant = await deferred_grant(shop)
    shop.backend.clock.advance(days=30)
    assert refusal(await exchange(shop.backend, grant, **AS_DEFERRED)).error == "invalid_grant"


@pytest.mark.needs_zapier
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"requested_token_type": ACCESS_TOKEN_TYPE}, "invalid_request"),
        ({"resource": CALENDAR}, "invalid_grant"),
        ({"subject_token_type": SUBJECT_TOKEN_TYPE}, "invalid_grant"),
        ({"bearer": None}, "invalid_client"),
        ({"bearer": "wrong"}, "invalid_client"),
    ],
)
async def test_a_deferred_grant_is_good_for_nothing_else(
    shop: Shop, changed: dict[str, str | None], error: str
) -> None:
    await shop.connect_hook()
    await shop.backend.post("/api/connections/keys", {"server": "zapier", "api_key": GOOD_KEY}, expect=201)
    grant = await deferred_grant(shop)
    assert refusal(await exchange(shop.backend, grant, **{**AS_DEFERRED, **changed})).error == error


@pytest.mark.needs_zapier
async def test_neither_a_call_token_nor_another_keys_signature_passes_for_a_deferred_grant(shop: Shop) -> None:
    await shop.connect_hook()
    grant = await deferred_grant(shop)
    header, claims = jwt.get_unverified_header(grant), jwt.decode(grant, options={"verify_signature": False})
    forged_grant = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
    for subject in (forged_grant, await call_token(shop.backend, server="zapier"), "", MCP_SERVICE_TOKEN):
        assert refusal(await exchange(shop.backend, subject, **AS_DEFERRED)).error == "invalid_grant"
