"""Every fault, as a client meets it: in memory and over a socket."""

import asyncio
import json
import zlib
from typing import Any

import pytest

from hubassoc_async.emulator import Fault, MemoryTransport, Portal, PortalServer, Unknowns
from hubassoc_async.emulator.faults import ANSWERS, CHANGES, KINDS
from hubassoc_async.errors import ConnectError, ResponseTimeout, TransportError
from tests.emulator.asking import batch, batch_request, read

REQUEST = batch_request("read", ["1", "2"])


def portal() -> Portal:
    """Two contacts with a company each."""
    made = Portal()
    made.associate("contact", 1, "company", 10)
    made.associate("contact", 2, "company", 10)
    return made


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("bad_request", 400),
        ("unauthorized", 401),
        ("forbidden", 403),
        ("request_timeout", 408),
        ("too_large", 413),
        ("locked", 423),
        ("rate_limited", 429),
        ("secondly", 429),
        ("daily", 429),
        ("cloudflare", 429),
        ("migration", 477),
        ("server_error", 500),
        ("bad_gateway", 502),
        ("unavailable", 503),
        ("gateway_timeout", 504),
        *((f"origin_{status}", status) for status in range(520, 527)),
    ],
)
def test_a_status_in_place_of_an_answer(kind: str, status: int) -> None:
    """The fault happens at its request and nothing is done; the next one is answered."""
    made = portal()
    made.fail(kind, nth=1)
    assert batch(made, "read", ["1"]).status == status
    assert batch(made, "read", ["1"]).status == 200
    assert [asked.fault for asked in made.requests] == [kind, ""]


@pytest.mark.parametrize("kind", ["bad_gateway", "unavailable", "gateway_timeout", "origin_522"])
def test_gateways_answer_html(kind: str) -> None:
    """What stands in front of HubSpot does not speak JSON."""
    made = portal()
    made.fail(kind)
    response = batch(made, "read", ["1"])
    assert response.headers["content-type"].startswith("text/html")
    assert response.body.startswith(b"<html>")


def test_cloudflare_limits_in_plain_text() -> None:
    """A 429 that is not JSON."""
    made = portal()
    made.fail("cloudflare")
    assert batch(made, "read", ["1"]).body == b"error code: 1015"


@pytest.mark.parametrize(
    ("kind", "policy"),
    [("rate_limited", "TEN_SECONDLY_ROLLING"), ("secondly", "SECONDLY"), ("daily", "DAILY")],
)
def test_the_429_names_its_policy(kind: str, policy: str) -> None:
    """``policyName`` and ``errorType``, and no ``category``."""
    made = portal()
    made.fail(Fault(kind, retry_after=3))
    response = batch(made, "read", ["1"])
    body = json.loads(response.body)
    assert (body["policyName"], body["errorType"]) == (policy, "RATE_LIMIT")
    assert "category" not in body
    assert response.headers["retry-after"] == "3"


def test_migration_says_how_long() -> None:
    """477 has ``Retry-After`` in seconds."""
    made = portal()
    made.fail(Fault("migration", retry_after=86400))
    assert batch(made, "read", ["1"]).headers["retry-after"] == "86400"


@pytest.mark.parametrize(
    ("kind", "status"), [("canceled", "CANCELED"), ("pending", "PENDING"), ("no_op", "COMPLETE")]
)
def test_a_batch_that_did_nothing(kind: str, status: str) -> None:
    """200, neither results nor errors."""
    made = portal()
    made.fail(kind)
    body = read(made, "1")
    assert (body["status"], body["results"], body.get("errors")) == (status, [], None)


def test_some_inputs_are_left_out() -> None:
    """They are in neither results nor errors."""
    made = portal()
    made.fail(Fault("omitted", share=0.5))
    body = read(made, "1", "2")
    assert len(body["results"]) == 1
    assert "errors" not in body


def test_results_come_twice() -> None:
    """Some of them."""
    made = portal()
    made.fail(Fault("duplicated", share=1))
    assert len(read(made, "1", "2")["results"]) == 4


def test_a_cursor_repeats() -> None:
    """The page is answered, with the cursor that was sent."""
    made = Portal(unknowns=Unknowns(page_size=1))
    for company in (10, 11, 12):
        made.associate("contact", 1, "company", company)
    after = read(made, "1")["results"][0]["paging"]["next"]["after"]
    made.fail("repeated_cursor")
    again = read(made, {"id": "1", "after": after})["results"][0]
    assert again["paging"]["next"]["after"] == after


def test_a_fault_by_what_is_asked() -> None:
    """A function of the request decides, so a poisonous id fails its batch wherever it is."""
    made = portal()
    made.fail("bad_request", when=lambda asked: "2" in asked.ids)
    assert batch(made, "read", ["1", "2"]).status == 400
    assert batch(made, "read", ["1"]).status == 200
    assert batch(made, "read", ["2"]).status == 400


def test_a_fault_by_operation_number_and_count() -> None:
    """Only matching requests are counted; ``times`` ends a rule."""
    made = portal()
    made.fail("locked", operation="read", nth=[2, 3])
    made.fail("server_error", operation="create", times=1)
    statuses = [batch(made, "read", ["1"]).status for _ in range(4)]
    assert statuses == [200, 423, 423, 200]


def test_chance_is_repeatable() -> None:
    """The same seed meets the same faults."""

    def run(seed: int) -> list[int]:
        made = Portal(seed=seed)
        made.associate("contact", 1, "company", 10)
        made.fail("unavailable", probability=0.3)
        return [batch(made, "read", ["1"]).status for _ in range(200)]

    assert run(1) == run(1) != run(2)
    assert 30 <= run(1).count(503) <= 90


def test_an_unknown_fault_is_named() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match=r"unknown fault 'gremlins'.*cloudflare"):
        portal().fail("gremlins")


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "reset_during", "truncated"])
async def test_broken_answers_in_memory(kind: str) -> None:
    """The transport says that no whole answer came."""
    made = portal()
    made.fail(kind, nth=1)
    transport = MemoryTransport(made)
    with pytest.raises(TransportError):
        await transport.send(REQUEST)
    assert (await transport.send(REQUEST)).status == 200


async def test_refused_connections_in_memory() -> None:
    """Nothing is sent."""
    made = portal()
    transport = MemoryTransport(made)
    transport.refuse_connections = True
    with pytest.raises(ConnectError):
        await transport.send(REQUEST)
    assert made.requests == []


async def test_a_slow_answer_in_memory() -> None:
    """It times out where it is slower than the transport waits."""
    made = portal()
    made.fail(Fault("slow", delay=30.0), nth=1)
    with pytest.raises(ResponseTimeout):
        await MemoryTransport(made, timeout=0.01).send(REQUEST)


@pytest.mark.parametrize("kind", ["gzip_bomb", "deflate_bomb"])
async def test_bombs_in_memory(kind: str) -> None:
    """A bounded transport does not unpack them."""
    made = portal()
    made.fail(kind)
    with pytest.raises(TransportError, match="larger than"):
        await MemoryTransport(made).send(REQUEST)


async def raw(server: PortalServer, body: bytes = REQUEST.body or b"") -> bytes:
    """All bytes of an answer, read from a plain socket."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST {REQUEST.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()


def split(answer: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Status line, headers and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = dict(line.decode().lower().split(": ", 1) for line in lines)
    return status, headers, body


async def over_socket(fault: Fault | str) -> bytes:
    """What a plain socket gets under a fault."""
    made = portal()
    made.fail(fault)
    async with PortalServer(made) as server:
        return await raw(server)


async def test_an_answer_over_a_socket() -> None:
    """Whole, with HubSpot's headers."""
    async with PortalServer(portal()) as server:
        status, headers, body = split(await raw(server))
    assert status == b"HTTP/1.1 200 OK"
    assert int(headers["content-length"]) == len(body)
    assert headers["content-type"] == "application/json;charset=utf-8"
    assert len(json.loads(body)["results"]) == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
async def test_a_reset_without_an_answer(kind: str) -> None:
    """The connection is reset and no byte came."""
    with pytest.raises(ConnectionResetError):
        await over_socket(kind)


async def test_a_reset_during_the_body() -> None:
    """Part of the body came, then a reset; it is the reset that is seen."""
    with pytest.raises(ConnectionResetError):
        await over_socket("reset_during")


async def test_a_truncated_body() -> None:
    """The connection is closed in order, before as many bytes came as were announced."""
    _, headers, body = split(await over_socket("truncated"))
    assert 0 < len(body) < int(headers["content-length"])


async def test_a_drip() -> None:
    """All comes, in drops."""
    _, _, body = split(await over_socket(Fault("drip", delay=0.1)))
    assert len(json.loads(body)["results"]) == 2


async def test_junk() -> None:
    """As long as the transport can tell, the answer is whole; it is not JSON."""
    status, headers, body = split(await over_socket("junk"))
    assert status == b"HTTP/1.1 200 OK"
    assert int(headers["content-length"]) == len(body)
    with pytest.raises(ValueError, match=r"."):
        json.loads(body)


async def test_a_clock_that_is_wrong() -> None:
    """The ``Date`` header is of another age."""
    _, headers, _ = split(await over_socket("clock_skew"))
    assert headers["date"].startswith("thu, 01 jan 1970")


@pytest.mark.parametrize(("kind", "wbits"), [("gzip", 31), ("deflate", 15)])
async def test_compressed_answers(kind: str, wbits: int) -> None:
    """Whole, under their ``Content-Encoding``; in memory they come unpacked."""
    _, headers, body = split(await over_socket(kind))
    assert headers["content-encoding"] == kind
    assert len(json.loads(zlib.decompress(body, wbits))["results"]) == 2
    made = portal()
    made.fail(kind)
    unpacked = await MemoryTransport(made).send(REQUEST)
    assert len(json.loads(unpacked.body)["results"]) == 2


@pytest.mark.parametrize(("kind", "wbits"), [("gzip_bomb", 31), ("deflate_bomb", 15)])
async def test_bombs_over_a_socket(kind: str, wbits: int) -> None:
    """Little comes over the wire, and it unpacks to very much."""
    _, headers, body = split(await over_socket(kind))
    assert headers["content-encoding"] == kind.removesuffix("_bomb")
    assert len(body) < 1 << 20
    assert len(zlib.decompressobj(wbits).decompress(body, 100 << 20)) == 100 << 20


def test_every_kind_is_answer_or_change() -> None:
    """No kind is both, and the names that the command line takes are all of them."""
    assert not ANSWERS.keys() & CHANGES.keys()
    assert ANSWERS.keys() | CHANGES.keys() == KINDS


async def test_a_scripted_response_is_given_as_it_is() -> None:
    """Any answer at all can be scripted."""
    made = portal()
    wanted: Any = batch(made, "read", ["1"])
    made.fail(wanted, nth=1)
    assert batch(made, "read", ["2"]) is wanted
