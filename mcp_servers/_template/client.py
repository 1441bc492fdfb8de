"""The only place that knows the vendor's wire."""

from typing import Any

import httpx

from mcp_servers.shared.errors import NeedsReconnect, NotFound, TryLater, Unavailable
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience, retry_after


class Vendor:
    """One account at the vendor.

    Args:
        outbound: sends.
        api_url: the API's base.
        api_key: its bearer.
    """

    def __init__(self, outbound: Outbound, *, api_url: str, api_key: str) -> None:
        self._outbound = outbound
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key

    async def item(self, item_id: str) -> dict[str, Any]:
        """Read one item.

        Raises:
            ServerError: named by what happens next.
        """
        headers = {"authorization": f"Bearer {self._api_key}"}
        request = httpx.Request("GET", f"{self._api_url}/items/{item_id}", headers=headers)
        policy = Policy(repeatable=True, refused=asks_for_patience)
        try:
            response = await self._outbound.send(request, policy=policy, within=self._outbound.deadlines.vendor_read)
        except NoAnswer:
            raise Unavailable("the vendor does not answer") from None
        match response.status_code:
            case 200:
                return response.json()
            case 401 | 403:
                raise NeedsReconnect("the vendor refused the key: set a valid TEMPLATE_API_KEY")
            case 404:
                raise NotFound("item_id: no such item", field="item_id")
            case 429 | 503:
                raise TryLater("the vendor asks for patience", retry_after=retry_after(response))
            case status:
                raise Unavailable(f"the vendor answered {status}")
