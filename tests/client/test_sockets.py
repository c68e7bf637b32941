"""The client over real sockets: what a network does, and what must never leave it."""

import asyncio
import gc
import logging
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from hubassoc_async import (
    AiohttpTransport,
    AssociationsClient,
    AuthError,
    ConnectError,
    HubAssocError,
    Quota,
    Request,
    ResponseTimeout,
    ResponseTooLarge,
    RetryPolicy,
    TransportError,
    UsageError,
)
from hubassoc_async.emulator import Fault, Portal, PortalServer, Unknowns

TOKEN = "pat-na1-5ec2e7/0000-4000"
QUICK = RetryPolicy(base=0.01, cap=0.05)
READ = Request("POST", "/crm/v4/associations/contacts/companies/batch/read", body=b'{"inputs":[]}')

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def portal_of(contacts: int, companies: int = 3) -> Portal:
    portal = Portal(unknowns=Unknowns(page_size=2))
    portal.add_token(TOKEN)
    for contact in range(1, contacts + 1):
        for company in range(companies):
            portal.associate("contacts", contact, "companies", 9_000_000_000 + company)
    return portal


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """Serve a handler of the test's own; gives its base URL."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    "fault",
    [
        "locked", "rate_limited", "secondly", "server_error", "bad_gateway", "unavailable",
        "gateway_timeout", "origin_520", "origin_526", "request_timeout", "reset_before",
        "reset_during", "reset_after", "truncated", "junk", "omitted", "duplicated", "canceled",
        "pending", "no_op", "clock_skew", "gzip_bomb", "deflate_bomb",
        Fault("migration", retry_after=0.1), Fault("cloudflare", retry_after=0.1),
        Fault("slow", delay=3.0), Fault("drip", delay=0.2),
    ],
    ids=lambda fault: fault if isinstance(fault, str) else fault.kind,
)  # fmt: skip
async def test_each_fault_costs_a_retry_and_no_id(
    fault: str | Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in a while everything fails; the read is whole all the same."""
    # the least waits are seconds; a test of real sockets cannot skip them, so they are shortened
    monkeypatch.setattr("hubassoc_async.protocol.problem._LOCKED_WAIT", 0.01)
    monkeypatch.setattr("hubassoc_async.protocol.problem._UNNAMED_POLICY_WAIT", 0.01)
    monkeypatch.setattr("hubassoc_async.protocol.problem._POLICY_WAIT", {})
    portal = portal_of(20)
    portal.fail(fault, nth=2)
    async with PortalServer(portal) as server:
        client = AssociationsClient(
            TOKEN,
            base_url=server.url,
            quota=Quota(100, 2),  # what fills a window at once is over with it
            retry=QUICK,
            timeout=1.0,
            max_response_bytes=2**20,
        )
        async with client:
            result = await client.read("contacts", "companies", range(1, 26))
        assert not result.failures
        assert [len(result[one]) for one in range(1, 26)] == [3] * 20 + [0] * 5
        assert client.counters.in_flight == 0


async def test_a_poisonous_answer_is_narrowed_to_its_id() -> None:
    """A body too large for one id fails that id alone, and memory stays bounded."""
    portal = portal_of(16)
    portal.fail("gzip_bomb", when=lambda asked: b'"id":"7"' in (asked.body or b""))
    async with (
        PortalServer(portal) as server,
        AssociationsClient(
            TOKEN, base_url=server.url, retry=QUICK, max_response_bytes=2**20
        ) as client,
    ):
        result = await client.read("contacts", "companies", range(1, 17))
    assert list(result.failures) == ["7"]
    assert "1048576 bytes" in result.failures["7"].message
    assert len(result) == 15


async def test_a_bomb_is_left_before_it_is_read() -> None:
    """256 MiB behind a quarter: no more than the limit is kept."""
    portal = portal_of(1)
    portal.fail("gzip_bomb")
    async with PortalServer(portal) as server:
        transport = AiohttpTransport(TOKEN, base_url=server.url, max_response_bytes=10**6)
        with pytest.raises(ResponseTooLarge):
            await transport.send(READ)
        await transport.aclose()


async def test_nobody_there_is_a_connect_error() -> None:
    """It names the host, and nothing was sent."""
    transport = AiohttpTransport(TOKEN, base_url="http://127.0.0.1:1")
    with pytest.raises(ConnectError, match=r"127\.0\.0\.1:1"):
        await transport.send(READ)
    await transport.aclose()


async def test_no_answer_in_time_is_a_response_timeout() -> None:
    """HubSpot may have acted: the error's class says so."""
    portal = portal_of(1)
    portal.fail(Fault("slow", delay=30))
    async with PortalServer(portal) as server:
        transport = AiohttpTransport(TOKEN, base_url=server.url, timeout=0.2)
        with pytest.raises(ResponseTimeout, match=r"0\.2 s"):
            await transport.send(READ)
        await transport.aclose()


async def test_a_redirect_is_not_followed_and_the_token_goes_nowhere_else() -> None:
    """The other host never hears of it; the error says what happened."""
    heard: list[str] = []

    async def other(request: web.BaseRequest) -> web.StreamResponse:
        heard.append(request.path)
        return web.Response(text="gotcha")

    async with served(other) as elsewhere:

        async def redirect(_request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": f"{elsewhere}/steal"})

        async with (
            served(redirect) as url,
            AssociationsClient(TOKEN, base_url=url, retry=QUICK) as client,
        ):
            with pytest.raises(HubAssocError, match="redirect"):
                await client.read("contacts", "companies", [1])
    assert heard == []


async def test_paging_next_link_is_never_called() -> None:
    """Only ``after`` is used; the link's host hears nothing."""
    heard: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        heard.append(f"{request.method} {request.path}")
        link = f"http://{request.host}/evil"
        paging = {"paging": {"next": {"after": "c", "link": link}}} if len(heard) == 1 else {}
        to = [{"toObjectId": len(heard), "associationTypes": []}]
        return web.json_response(
            {"status": "COMPLETE", "results": [{"from": {"id": "1"}, "to": to, **paging}]}
        )

    async with served(handler) as url, AssociationsClient(TOKEN, base_url=url) as client:
        result = await client.read("contacts", "companies", [1])
    assert len(result["1"]) == 2
    assert heard == ["POST /crm/associations/2026-03/contacts/companies/batch/read"] * 2


async def _echo(request: web.BaseRequest) -> web.StreamResponse:
    """A server that repeats the token everywhere it can."""
    token = request.headers["Authorization"]
    body = {"message": f"bad token {token}", "category": token, "correlationId": token}
    return web.json_response(body, status=401, headers={"X-HubSpot-Correlation-Id": token})


async def _broken(request: web.BaseRequest) -> web.StreamResponse:
    """A server that breaks off in the middle of the headers."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 200 OK\r\nBroken header\xff\r\n\r\n")
    request.transport.close()
    return web.Response()


async def _quoted(request: web.BaseRequest) -> web.StreamResponse:
    """A server that puts the token where an error of parsing quotes it."""
    assert request.transport is not None
    token = request.headers["Authorization"].encode()
    request.transport.write(b"HTTP/1.1 200 OK\r\nBroken " + token + b"\xff\r\n\r\n")
    request.transport.close()
    return web.Response()


async def _escaped(request: web.BaseRequest) -> web.StreamResponse:
    """A server that spells the token as some write JSON."""
    token = request.headers["Authorization"].replace("/", "\\/")
    return web.Response(text=f'{{"message": "{token}"}}', status=401)


async def _slow(_request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(1)
    return web.Response()


@pytest.mark.parametrize("handler", [_echo, _broken, _quoted, _escaped, _slow])
async def test_the_token_is_in_no_log_repr_exception_or_pickle(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even when the server sends it back, and not in what an exception is chained to."""
    with caplog.at_level(logging.DEBUG):
        async with served(handler) as url:
            retry = RetryPolicy(attempts=2, base=0.01)
            client = AssociationsClient(TOKEN, base_url=url, retry=retry, timeout=0.2)
            async with client:
                shown = [repr(client), repr(client._transport), str(vars(client))]
                try:
                    result = await client.read("contacts", "companies", [1])
                    shown += [repr(result), repr(result.failures)]
                except (AuthError, TransportError) as error:
                    shown += [repr(error), "".join(traceback.format_exception(error))]
                    shown += [repr(vars(error)), str(pickle.dumps(error.args))]
                    shown += [repr(one) for one in (error.__context__, error.__cause__)]
    for text in [*shown, caplog.text, *(repr(record.__dict__) for record in caplog.records)]:
        assert TOKEN not in text


async def test_an_aiohttp_error_that_holds_the_headers_is_not_chained() -> None:
    """aiohttp's own errors carry the request with its Authorization header."""
    async with served(_broken) as url:
        transport = AiohttpTransport(TOKEN, base_url=url)
        with pytest.raises(TransportError) as caught:
            await transport.send(READ)
        await transport.aclose()
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


async def test_the_token_may_come_from_a_function() -> None:
    """Asked before every request, so that a renewed one is used at once."""
    tokens = iter([TOKEN, "other-token"])

    async def current() -> str:
        return next(tokens)

    async with PortalServer(portal_of(1, companies=1)) as server:
        async with AssociationsClient(current, base_url=server.url) as client:
            await client.read("contacts", "companies", [1])
            with pytest.raises(AuthError):
                await client.read("contacts", "companies", [1])


async def test_the_token_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its absence, or a mangled one, is said before anything is sent, without showing it."""
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", f"{TOKEN}\n")
    async with PortalServer(portal_of(1)) as server:
        async with AssociationsClient(base_url=server.url) as client:
            assert len(await client.read("contacts", "companies", [1])) == 1
    monkeypatch.delenv("HUBSPOT_ACCESS_TOKEN")
    with pytest.raises(UsageError, match="HUBSPOT_ACCESS_TOKEN"):
        AssociationsClient()
    for mangled in ("", "two words", "snow☃man", "new\r\nHeader: x"):
        with pytest.raises(UsageError, match="token") as caught:
            AssociationsClient(mangled)
        assert not mangled or mangled not in str(caught.value)


async def test_a_short_stand_in_for_a_token_does_not_cut_into_the_data() -> None:
    """The token is cut out of what comes back only where it can be told from data."""
    async with PortalServer(Portal()) as server:
        async with AssociationsClient("t", base_url=server.url) as client:
            assert (await client.read("contacts", "companies", [1]))["1"] == ()


def test_a_base_url_that_could_leak_or_mislead_is_refused() -> None:
    """Credentials, queries and other schemes have no place in it."""
    for wrong in (
        "api.hubapi.com",
        "ftp://x",
        "https://u:p@x",
        "https://x?y=1",
        "https://",
        "x",
        "https://h:x",
        "https://h/?",
    ):
        with pytest.raises(UsageError, match="base_url"):
            AiohttpTransport(TOKEN, base_url=wrong)


async def test_a_session_of_the_callers_is_used_and_left_open() -> None:
    """Its connector and its settings are the caller's business."""
    async with PortalServer(portal_of(2)) as server, aiohttp.ClientSession() as session:
        async with AssociationsClient(TOKEN, base_url=server.url, session=session) as client:
            assert len(await client.read("contacts", "companies", [1, 2])) == 2
        assert not session.closed


async def test_a_cancelled_read_closes_its_connections() -> None:
    """Cancelled in the middle of an answer, nothing is left open or running."""
    portal = portal_of(3)
    portal.fail(Fault("drip", delay=30))
    async with PortalServer(portal) as server:
        async with AssociationsClient(TOKEN, base_url=server.url) as client:
            reading = asyncio.create_task(client.read("contacts", "companies", [1, 2, 3]))
            while not portal.requests:
                await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert client.counters.in_flight == 0
    gc.collect()  # a socket left open would warn here


async def test_a_slow_consumer_holds_the_reading_back() -> None:
    """No more is asked for than a few batches ahead of it."""
    portal = portal_of(0)
    async with PortalServer(portal) as server:
        async with AssociationsClient(TOKEN, base_url=server.url, concurrency=2) as client:
            async with client.stream_read("contacts", "companies", range(1, 100_001)) as outcomes:
                await anext(outcomes)
                before = -1
                while before != len(portal.requests):
                    before = len(portal.requests)
                    await asyncio.sleep(0.3)
                assert before <= 8


CHILD = """
import asyncio, sys
from hubassoc_async import AssociationsClient, Quota
async def main():
    async with AssociationsClient("t", base_url=sys.argv[1], quota=Quota(1, 3600)) as client:
        async with client.stream_read("contacts", "companies", range(1, 10**6)) as outcomes:
            async for outcome in outcomes:
                print(outcome.from_object_id, flush=True)
asyncio.run(main())
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
async def test_a_client_killed_in_the_middle_harms_nobody(sent: signal.Signals) -> None:
    """Ctrl-C ends it within seconds and without an unseen error; the server goes on serving."""
    portal = Portal()
    async with PortalServer(portal) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, server.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).strip().isdigit()
        process.send_signal(sent)
        _, errors = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode != 0
        assert b"never retrieved" not in errors
        assert b"was destroyed" not in errors
        async with AssociationsClient("t", base_url=server.url) as client:
            assert len(await client.read("contacts", "companies", [1])) == 1
