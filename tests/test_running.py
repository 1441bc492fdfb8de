"""Served apps of the tests stop as they would in a deployment, without waiting."""

import asyncio
from typing import Any

import httpx

from tests.running import start


class App:
    """Answers once it is let."""

    def __init__(self) -> None:
        self.asked, self.let, self.cut = asyncio.Event(), asyncio.Event(), False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.cut = True
            raise
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def test_a_request_under_way_is_answered_before_a_served_app_has_stopped() -> None:
    app = App()
    served = await start(app, grace=30, lifespan="off")
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        asking = asyncio.create_task(client.get(served.url))
        await app.asked.wait()
        stopping = asyncio.create_task(served.stop())
        app.let.set()
        assert (await asking).status_code == 204
        await stopping
    assert not app.cut


async def test_a_request_without_end_is_cut_off() -> None:
    app = App()
    served = await start(app, grace=0, lifespan="off")
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        asking = asyncio.create_task(client.get(served.url))
        await app.asked.wait()
        await served.stop()
        await asyncio.wait((asking,))
    assert app.cut
