"""Catch hooks: anything is taken, whether or not a Zap stands behind the hook, as Zapier does.

The answer's shape is that of third parties' captures. A hook whose name ends in ``silent`` answers as in silent mode.
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


class Hooks:
    """The hooks' host.

    Args:
        context: database and clock.
    """

    def __init__(self, context: SandboxContext) -> None:
        self._context = context

    def routes(self) -> Sequence[BaseRoute]:
        """Zapier's paths and the inspection of what arrived."""
        methods = ["POST", "PUT", "GET"]
        return (
            Route("/hooks/catch/{account}/{hook}/", self._catch, methods=methods),
            Route("/hooks/catch/{account}/{hook}", self._catch, methods=methods),
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

    async def arrived(self) -> list[dict[str, Any]]:
        """Every delivery, in the order of arrival."""
        async with self._context.engine.connect() as connection:
            rows = (await connection.execute(sa.select(deliveries).order_by(deliveries.c.sequence))).mappings().all()
        return [
            {
                "id": row["id"],
                "account": row["account"],
                "hook": row["hook"],
                "body": json.loads(row["body"]),
                "received_at": row["received_at"],
            }
            for row in rows
        ]

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
        if row["hook"].endswith("silent"):
            return Response(media_type="application/json")
        return JSONResponse({"attempt": delivery_id, "id": delivery_id, "request_id": delivery_id, "status": "success"})

    async def _deliveries(self, _: Request) -> Response:
        return JSONResponse(await self.arrived())


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
