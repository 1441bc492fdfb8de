"""The owner learns of a broken connection before a caller does."""

import asyncio

import pytest

from backend.connections.probe import Probe
from tests.backend.connections.conftest import Shop
from tests.fakes.oauth_vendor import GOOD_KEY, GOOD_SECRET


def probe_of(shop: Shop) -> Probe:
    return shop.backend.probe


async def test_within_one_probe_a_revoked_account_needs_reconnect(shop: Shop) -> None:
    await shop.connect()
    assert await probe_of(shop).check_due() == 0, "it was proved just now"
    shop.vendor.revoke_all()
    shop.backend.clock.advance(minutes=10)
    assert await probe_of(shop).check_due() == 1
    assert (await shop.connections())[0]["status"] == "needs_reconnect"
    shop.backend.clock.advance(minutes=10)
    assert await probe_of(shop).check_due() == 0, "a broken one is not tried again and again"


async def test_an_access_token_that_died_early_is_replaced_and_the_account_stays_connected(shop: Shop) -> None:
    await shop.connect()
    shop.vendor.expire_access()
    shop.backend.clock.advance(minutes=10)
    await probe_of(shop).check_due()
    assert (await shop.connections())[0]["status"] == "connected"
    assert shop.vendor.refreshes == 1


async def test_a_vendor_that_is_away_breaks_nothing(shop: Shop) -> None:
    await shop.connect()
    shop.vendor.token_status = 503
    shop.vendor.expire_access()
    shop.backend.clock.advance(hours=2)
    await probe_of(shop).check_due()
    assert (await shop.connections())[0]["status"] == "connected"


@pytest.mark.needs_zapier
async def test_a_key_that_the_vendor_no_longer_takes_needs_reconnect(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.backend.post("/api/connections/keys", {"server": "zapier", "api_key": GOOD_KEY}, expect=201)
    monkeypatch.setattr("tests.fakes.oauth_vendor.GOOD_KEY", "another")
    view = await shop.backend.post(f"/api/connections/{(await shop.connections())[0]['id']}/check")
    assert view["status"] == "needs_reconnect"


@pytest.mark.needs_zapier
async def test_a_client_that_the_vendor_no_longer_takes_needs_reconnect(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"server": "zapier", "client_id": "client-1", "client_secret": GOOD_SECRET}
    await shop.backend.post("/api/connections/clients", new, expect=201)
    shop.backend.clock.advance(hours=1)
    monkeypatch.setattr("tests.fakes.oauth_vendor.GOOD_SECRET", "another")
    await probe_of(shop).check_due()
    assert (await shop.connections())[0]["status"] == "needs_reconnect"


@pytest.mark.needs_zapier
async def test_a_hook_is_never_triggered_by_the_probe(shop: Shop) -> None:
    await shop.connect_hook()
    shop.backend.clock.advance(hours=1)
    assert await probe_of(shop).check_due() == 0
    assert len(shop.vendor.delivered) == 1


async def test_two_replicas_try_a_connection_once(shop: Shop) -> None:
    await shop.connect()
    shop.backend.clock.advance(minutes=10)
    tried = await asyncio.gather(probe_of(shop).check_due(), probe_of(shop).check_due())
    assert sum(tried) == 1
