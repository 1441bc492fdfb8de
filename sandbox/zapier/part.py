"""Catch hooks and ``GET /v2/zaps``, as Zapier answers them.

The shapes are those of Zapier's published OpenAPI document ("Partner API 2024.11.0") and, for the hook's answer, of third
parties' captures.
"""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.part import SandboxContext

BEARER = "sandbox"
PAYLOAD_LIMIT = 10 * 1024 * 1024

metadata = sa.MetaData()
deliveries = sa.Table(
    "zapier_deliveries",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("hook", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("received_at", sa.String(40), nullable=False),
)

DEMO_ZAPS = (
    {"number": 12345, "title": "Restaurant reservation", "enabled": True, "hook": "restaurant_reservation"},
    {"number": 12346, "title": "Weekly summary", "enabled": False, "hook": None},
)


class ZapierPart:
    """Zapier's stand-in.

    Args:
        context: the sandbox's database, clock and address.
    """

    name = "zapier"

    def __init__(self, context: SandboxContext) -> None:
        self._context = context

    def routes(self) -> Sequence[BaseRoute]:
        """Zapier's paths and the inspection of what arrived."""
        methods = ["POST", "PUT", "GET"]
        return (
            Route("/hooks/catch/{account}/{hook}/", self._catch, methods=methods),
            Route("/hooks/catch/{account}/{hook}", self._catch, methods=methods),
            Route("/v2/zaps", self._zaps, methods=["GET"]),
            Route("/_sandbox/zapier/deliveries", self._deliveries, methods=["GET"]),
        )

    async def start(self) -> None:
        """Create the table."""
        async with self._context.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def reset(self) -> None:
        """Forget every delivery."""
        async with self._context.engine.begin() as connection:
            await connection.execute(sa.delete(deliveries))

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _catch(self, request: Request) -> Response:
        """Accept anything, whether or not a Zap stands behind the hook, as Zapier does."""
        raw = await request.body()
        if len(raw) > PAYLOAD_LIMIT:
            return JSONResponse({"status": "error"}, status_code=413)
        delivery_id = _hook_id(self._context.now())
        row = {
            "id": delivery_id,
            "account": request.path_params["account"],
            "hook": request.path_params["hook"],
            "body": json.dumps(_parsed(raw, request)),
            "received_at": self._context.now().isoformat(),
        }
        async with self._context.engine.begin() as connection:
            await connection.execute(sa.insert(deliveries).values(**row))
        return JSONResponse({"attempt": delivery_id, "id": delivery_id, "request_id": delivery_id, "status": "success"})

    async def _deliveries(self, _: Request) -> Response:
        async with self._context.engine.connect() as connection:
            rows = (await connection.execute(sa.select(deliveries).order_by(deliveries.c.sequence))).mappings().all()
        return JSONResponse(
            [
                {
                    "id": row["id"],
                    "account": row["account"],
                    "hook": row["hook"],
                    "body": json.loads(row["body"]),
                    "received_at": row["received_at"],
                }
                for row in rows
            ]
        )

    async def _zaps(self, request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        if not authorization.lower().startswith("bearer "):
            detail = "Authentication credentials were not provided."
            return JSONResponse({"code": "authentication_failed", "detail": detail}, status_code=403)
        if authorization[7:] != BEARER:
            return JSONResponse(_errors(401, "authentication_failed", "Invalid token."), status_code=401)
        try:
            limit, offset = int(request.query_params.get("limit", "10")), int(request.query_params.get("offset", "0"))
            _check_page(limit, offset)
        except ValueError:
            return JSONResponse(_errors(400, "parse_error", "Malformed request."), status_code=400)
        shown = DEMO_ZAPS[offset : offset + limit]
        following = f"{self._context.base_url}/v2/zaps?limit={limit}&offset={offset + limit}"
        return JSONResponse(
            {
                "links": {"next": following if offset + limit < len(DEMO_ZAPS) else None, "prev": None},
                "meta": {"count": len(DEMO_ZAPS), "limit": limit, "offset": offset},
                "data": [self._zap(zap) for zap in shown],
            }
        )

    def _zap(self, zap: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "zap",
            "id": f"00000000-0000-c000-8000-{zap['number']:012d}",
            "is_enabled": zap["enabled"],
            "last_successful_run_date": None,
            "updated_at": "2026-01-05T09:00:00Z",
            "title": zap["title"],
            "links": {"html_editor": f"https://zapier.com/editor/{zap['number']}"},
            "steps": [],
        }


def _check_page(limit: int, offset: int) -> None:
    if limit < 1 or offset < 0:
        raise ValueError("a page begins at 0 and has items")


def _parsed(raw: bytes, request: Request) -> Any:
    """What the Zap would receive: the parsed body, and the query string beside it."""
    querystring = dict(request.query_params)
    if not raw:
        return {"querystring": querystring}
    try:
        body = json.loads(raw)
    except ValueError:
        body = dict(parse_qsl(raw.decode("utf-8", "replace"))) or {"raw": raw.decode("utf-8", "replace")}
    return {**body, "querystring": querystring} if isinstance(body, dict) else body


def _hook_id(now: datetime) -> str:
    """48 bits of milliseconds, then randomness, in the shape of a UUID without version bits."""
    milliseconds = int(now.timestamp() * 1000)
    digits = f"{milliseconds:012x}{uuid.uuid4().hex[:20]}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _errors(status: int, code: str, detail: str) -> dict[str, Any]:
    error = {
        "status": status,
        "code": code,
        "title": code,
        "detail": detail,
        "source": None,
        "meta": {"source": "ZAPIER"},
    }
    return {"errors": [error]}
