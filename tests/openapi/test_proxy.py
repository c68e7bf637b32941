"""A validating proxy stands between the client and the portal, on real sockets (``--openapi DIR``).

What crosses it is bytes, so what is judged is what another HubSpot would have been sent.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hubassoc_async import AssociationsClient
from hubassoc_async.emulator import Portal, PortalServer, Unknowns
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.versions import VERSIONS
from tests.conftest import SPECIFICATIONS
from tests.openapi.allowances import ALLOWANCES, UNPUBLISHED_PATHS
from tests.openapi.judge import Judge

pytestmark = pytest.mark.filterwarnings("ignore:API v3 lists only the primary company")

PASSED_ON = ("Content-Type", "X-HubSpot-Correlation-Id")


class Proxy:
    """Passes on what it is given, and keeps what is not as published."""

    def __init__(self, judge: Judge, target: str) -> None:
        self.passed = 0
        self.violations: list[object] = []
        self._judge = judge
        self._target = target

    async def serve(self, incoming: web.BaseRequest) -> web.Response:
        """Pass one request on and judge both sides."""
        body = await incoming.read() or None
        path, query = incoming.rel_url.raw_path, incoming.rel_url.raw_query_string
        request = Request(incoming.method, path, query, body)
        headers = {"Authorization": incoming.headers["Authorization"]}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(
                incoming.method, self._target + str(incoming.rel_url), data=body
            ) as got,
        ):
            answer = Response(got.status, {}, await got.read())
            kept = {name: got.headers[name] for name in PASSED_ON if name in got.headers}
        self._look(request, answer)
        return web.Response(status=answer.status, headers=kept, body=answer.body)

    def _look(self, request: Request, answer: Response) -> None:
        self.passed += 1
        name = f"{request.method} {request.path}"
        if any(re.fullmatch(pattern, name) for pattern in UNPUBLISHED_PATHS):
            return
        self.violations += self._judge.request(request)
        self.violations += [
            difference
            for difference in self._judge.response(request, answer)
            if not any(allowance.covers(difference) for allowance in ALLOWANCES)
        ]


@asynccontextmanager
async def between(judge: Judge, portal: Portal) -> AsyncIterator[tuple[str, Proxy]]:
    """A portal behind a proxy, and the proxy's URL."""
    async with PortalServer(portal) as server:
        proxy = Proxy(judge, server.url)
        runner = web.ServerRunner(web.Server(proxy.serve), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}", proxy
        finally:
            await runner.cleanup()


@pytest.fixture(scope="module")
def judge(request: pytest.FixtureRequest) -> Judge:
    """Read the published files, or skip."""
    folder = request.config.getoption("--openapi")
    if not isinstance(folder, Path):
        pytest.skip(f"needs --openapi=DIR with HubSpot's files, published in {SPECIFICATIONS}")
    return Judge(folder)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_validating_proxy_finds_no_violation(judge: Judge, version: str) -> None:
    """Reads with pages, labels, records without associations and ids that are none."""
    portal = Portal(unknowns=Unknowns(page_size=20, page_size_v3=20))
    decides, _ = portal.define_label("contact", "deal", "Decision maker")
    for deal in range(900, 950):
        portal.associate("contact", 1, "deal", deal, *([decides] if deal % 7 == 0 else []))
    portal.associate("contact", 2, "deal", 900)
    async with (
        between(judge, portal) as (url, proxy),
        AssociationsClient("any", base_url=url, api_version=version, linger=0.01) as client,
    ):
        result = await client.read("contacts", "deals", [1, 2, 3])
    assert {key: len(found) for key, found in result.items()} == {"1": 50, "2": 1, "3": 0}
    assert proxy.violations == []
    assert proxy.passed == len(portal.requests) >= 2


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != "v3"])
async def test_writes_cross_the_proxy_without_violation(judge: Judge, version: str) -> None:
    """Associate by default, missing records among them, and archive."""
    portal = Portal()
    portal.add_objects("contact", [1, 2])
    portal.add_objects("deal", [900, 901])
    async with (
        between(judge, portal) as (url, proxy),
        AssociationsClient("any", base_url=url, api_version=version, linger=0.01) as client,
    ):
        await client.create_default("contacts", "deals", [(1, 900), (2, 901), (3, 902)])
        await client.archive("contacts", "deals", [(1, 900)])
        result = await client.read("contacts", "deals", [1, 2])
    assert {key: len(found) for key, found in result.items()} == {"1": 0, "2": 1}
    assert proxy.violations == []
    assert proxy.passed == len(portal.requests) >= 3


async def test_the_proxy_sees_a_violation(judge: Judge) -> None:
    """An answer that is not as published is kept, or the proxy would prove nothing."""
    portal = Portal()
    odd = b'{"status":"COMPLETE","results":[],"odd":1,"startedAt":"x","completedAt":"y"}'
    portal.fail(Response(200, {"content-type": "application/json"}, odd), nth=1)
    async with (
        between(judge, portal) as (url, proxy),
        AssociationsClient("any", base_url=url, linger=0.01) as client,
    ):
        await client.read("contacts", "deals", [1])
    assert len(proxy.violations) == 3
