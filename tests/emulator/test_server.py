"""Several portals on one port, and what the server says of itself."""

import json
from typing import Any

import aiohttp

from hubassoc_async.emulator import Limits, Portal, PortalServer
from tests.emulator.asking import batch_request

REQUEST = batch_request("read", ["1"])


async def post(server: PortalServer, token: str) -> tuple[int, Any]:
    """Read contact 1 with a token."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"{server.url}{REQUEST.path}"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, data=REQUEST.body) as answer,
    ):
        return answer.status, json.loads(await answer.read())


async def test_portals_on_one_server_are_isolated() -> None:
    """The token says which portal is meant: data, limits and logs stay apart."""
    first, second = Portal(limits=Limits(associations=1)), Portal()
    for portal, token, company in ((first, "one", 10), (second, "two", 20)):
        portal.add_token(token)
        portal.associate("contact", 1, "company", company)
    async with PortalServer(first, second) as server:
        answers = [await post(server, token) for token in ("one", "two", "one", "two", "three")]
    assert [status for status, _ in answers] == [200, 200, 429, 200, 401]
    assert [a["results"][0]["to"][0]["toObjectId"] for _, a in answers[:2]] == [10, 20]
    assert [asked.status for asked in second.requests] == [200, 200]
