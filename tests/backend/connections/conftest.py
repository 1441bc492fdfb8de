"""A backend whose vendors are all one stand-in."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from backend.db import Database
from tests.backend.served import Backend, serve_backend
from tests.fakes.oauth_vendor import Vendor, serve_vendor


@dataclass
class Shop:
    """A business that connects things.

    Args:
        backend: its backend.
        vendor: stands in for Google and Zapier.
    """

    backend: Backend
    vendor: Vendor

    async def consent(self, *, browser: httpx.AsyncClient | None = None) -> httpx.Response:
        """Connect Google by walking the redirects; the callback's answer."""
        walker = browser or self.backend.api
        started = await walker.post("/api/connections/oauth", json={"server": "google-calendar"})
        assert started.status_code == 201, started.text
        return await self.walk(walker, started.json()["authorize_url"])

    @staticmethod
    async def walk(browser: httpx.AsyncClient, url: str) -> httpx.Response:
        """Follow redirects as a browser does: cookies kept, our bearer not shown to others."""
        async with httpx.AsyncClient(trust_env=False, timeout=30, cookies=browser.cookies) as stranger:
            answer = await stranger.get(url)
            while answer.is_redirect:
                answer = await stranger.get(answer.headers["location"])
            return answer

    async def connect(self) -> dict[str, Any]:
        """Connect Google; the connection."""
        answer = await self.consent()
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def connect_hook(self, **changed: Any) -> httpx.Response:
        """Connect a Zapier hook."""
        new = {
            "server": "zapier",
            "name": "restaurant_reservation",
            "url": f"{self.vendor.url}/hooks/catch/1/canary-hook-code/",
            "title": "Reservation",
            "payload_schema": {"type": "object", "properties": {"booking": {"type": "string"}}},
            "key_fields": ["booking"],
            "test_payload": {"booking": "test"},
            **changed,
        }
        return await self.backend.api.post("/api/connections/hooks", json=new)

    async def connections(self) -> list[dict[str, Any]]:
        return (await self.backend.get("/api/connections"))["items"]


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path, database: Database) -> AsyncGenerator[Shop]:
    further: dict[str, Any] = {"database": database}
    async with serve_vendor() as vendor, serve_backend(tmp_path, BACKEND_SANDBOX_URL=vendor.url, **further) as backend:
        yield Shop(backend, vendor)
