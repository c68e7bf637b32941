"""The pytest plugin, used as somebody else would, in a project of its own; and virtual time."""

import asyncio
from importlib.metadata import entry_points

import pytest

from hubassoc_async.emulator import Fault, Limits, MemoryTransport, Portal, run_virtual
from tests.emulator.asking import batch_request

pytest_plugins = ["pytester"]

MODULE = "hubassoc_async.emulator.pytest_plugin"
INSTALLED = any(point.value == MODULE for point in entry_points(group="pytest11"))

THEIRS = """
import json
import urllib.request

from hubassoc_async.emulator import MemoryTransport, run_virtual
from hubassoc_async.protocol.message import Request

PATH = "/crm/associations/2026-03/contacts/companies/batch/read"
BODY = json.dumps({"inputs": [{"id": "1001"}]}).encode()


def my_integration(base_url):
    request = urllib.request.Request(
        base_url + PATH, BODY, {"Authorization": "Bearer any", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["results"][0]["to"][0]["toObjectId"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_on_a_port(hubspot_portal, hubspot_server):
    hubspot_portal.associate("contact", 1001, "company", 2002, "Primary")
    hubspot_portal.fail("unavailable", nth=2)
    assert [my_integration(hubspot_server.url) for _ in range(3)] == [2002, 503, 2002]
    assert [asked.ids for asked in hubspot_portal.requests] == [["1001"]] * 3


def test_the_next_portal_is_empty(hubspot_portal, hubspot_server):
    assert hubspot_portal.requests == []


def test_in_memory(hubspot_portal):
    hubspot_portal.associate("contact", 1001, "company", 2002)
    hubspot_portal.fail("locked", nth=1)
    async def twice():
        return [(await transport.send(Request("POST", PATH, "", BODY))).status for _ in range(2)]
    transport = MemoryTransport(hubspot_portal, latency=10)
    assert run_virtual(twice()) == [423, 200]
"""


def test_somebody_elses_tests(pytester: pytest.Pytester) -> None:
    """Both fixtures, in synchronous tests, in a project that knows only the plugin."""
    pytester.makepyfile(THEIRS)
    options = [] if INSTALLED else ["-p", MODULE]
    result = pytester.runpytest_subprocess(*options, "-p", "no:cacheprovider", "-q")
    result.assert_outcomes(passed=3)


def test_hours_pass_at_once() -> None:
    """A whole day at the daily quota, on virtual time."""
    portal = Portal(limits=Limits(associations_daily=3))
    portal.associate("contact", 1, "company", 10)
    transport = MemoryTransport(portal)

    async def day() -> list[int]:
        statuses = []
        for _ in range(24):
            statuses.append((await transport.send(batch_request("read", ["1"]))).status)
            await asyncio.sleep(3600)
        return statuses

    assert run_virtual(day()) == [200] * 3 + [429] * 9 + [200] * 3 + [429] * 9


def test_slow_answers_take_virtual_time() -> None:
    """Latency, slow first bytes and drops pass on the same clock."""
    portal = Portal()
    portal.fail(Fault("slow", delay=30), nth=1)
    portal.fail(Fault("drip", delay=20), nth=1)

    async def waits() -> list[float]:
        transport, loop = MemoryTransport(portal, latency=0.5), asyncio.get_running_loop()
        ends = []
        for _ in range(3):
            await transport.send(batch_request("read", ["1"]))
            ends.append(loop.time())
        return [b - a for a, b in zip([0.0, *ends], ends, strict=False)]

    assert run_virtual(waits()) == pytest.approx([31, 21, 1], abs=1.5)


def test_a_standstill_is_an_error() -> None:
    """Where nothing can happen any more, waiting would be for ever."""

    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer is set"):
        run_virtual(forever())
