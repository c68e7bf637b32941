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
        body = await answer.read()
        return answer.status, json.loads(body) if body.startswith(b"{") else body


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


async def control(server: PortalServer, method: str, name: str, body: Any = None) -> Any:
    """What ``/__emulator/NAME`` answers, with its status."""
    data = None if body is None else json.dumps(body)
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{server.url}/__emulator/{name}", data=data) as answer,
    ):
        return answer.status, await answer.json()


async def test_the_state_in_figures() -> None:
    """What is stored, what was asked, how the window stands, and what went wrong."""
    portal = Portal(limits=Limits(associations=2))
    portal.associate("contact", 1, "company", 10)
    async with PortalServer(portal) as server:
        for _ in range(3):
            await post(server, "any")
        status, body = await control(server, "GET", "state")
    (state,) = body["portals"]
    assert status == 200
    assert state["objects"] == {"contact": 1, "company": 1}
    assert state["associations"] == {"contact to company": 1, "company to contact": 1}
    assert state["operations"] == {"read": 3}
    assert state["statuses"] == {"200": 2, "429": 1}
    assert state["windows"] == {"associations open": {"used": 2, "limit": 2, "seconds": 10}}
    assert [error["status"] for error in state["errors"]] == [429]


async def test_time_can_be_advanced() -> None:
    """So a window is free again at once."""
    portal = Portal(limits=Limits(associations=1))
    async with PortalServer(portal) as server:
        assert [(await post(server, "any"))[0] for _ in range(2)] == [207, 429]
        await control(server, "POST", "advance", {"seconds": 10})
        assert (await post(server, "any"))[0] == 207
        assert (await control(server, "POST", "advance", {"seconds": -1}))[0] == 400


async def test_faults_are_set_and_healed_at_run_time() -> None:
    """Also for one id, wherever it is."""
    portal = Portal()
    async with PortalServer(portal) as server:
        order = {"kind": "unavailable", "input_id": "1", "times": 1}
        _, body = await control(server, "POST", "faults", order)
        assert body["faults"][0]["kind"] == "unavailable"
        assert [(await post(server, "any"))[0] for _ in range(2)] == [503, 207]
        await control(server, "POST", "faults", {"kind": "locked", "operation": "read"})
        assert (await post(server, "any"))[0] == 423
        _, body = await control(server, "DELETE", "faults")
        assert body["faults"] == []
        assert (await post(server, "any"))[0] == 207
        for wrong in ({"kind": "gremlins"}, {"probability": 1}, {"kind": "response"}):
            assert (await control(server, "POST", "faults", wrong))[0] == 400


async def test_reset_forgets_all_but_what_is_stored() -> None:
    """Requests, faults, used-up limits."""
    portal = Portal(limits=Limits(associations=1))
    portal.associate("contact", 1, "company", 10)
    portal.fail("locked", nth=9)
    async with PortalServer(portal) as server:
        await post(server, "any")
        _, body = await control(server, "GET", "requests?limit=5")
        assert [asked["operation"] for asked in body["requests"]] == ["read"]
        _, state = await control(server, "POST", "reset")
        assert (state["operations"], state["faults"], state["windows"]) == ({}, [], {})
        assert (await post(server, "any"))[0] == 200


async def test_other_paths_are_named() -> None:
    """A 404 lists what there is; a portal that is not there is a 400."""
    async with PortalServer(Portal()) as server:
        status, body = await control(server, "GET", "nothing")
        assert status == 404
        assert "POST advance" in body["message"]
        assert (await control(server, "GET", "requests?portal=5"))[0] == 400
