"""The ids of all records of an object type: paged, paced, repeated, and taken up again."""

from itertools import pairwise

import pytest

from benchmarks.steps import at_once
from hubassoc_async import (
    ApiError,
    AssociationsClient,
    IdList,
    ProtocolError,
    Quotas,
    Request,
    Response,
    UsageError,
)
from hubassoc_async.emulator import MemoryTransport, Portal
from hubassoc_async.pacing import Quota
from hubassoc_async.protocol.problem import Problem
from hubassoc_async.protocol.records import list_records
from hubassoc_async.protocol.versions import VERSIONS
from tests.client.portals import client_of
from tests.virtual_time import on_virtual_time, run_virtual


def portal_of_contacts(count: int) -> Portal:
    portal = Portal()
    portal.add_objects("contact", range(1, count + 1))
    return portal


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_lists_every_id_once(version: str) -> None:
    """250 records are three requests, at the paths where the version has its lists."""

    async def main() -> None:
        portal = portal_of_contacts(250)
        async with client_of(portal, api_version=version) as client:
            ids = [one async for one in client.list_ids("contacts")]
        assert ids == [str(number) for number in range(1, 251)]
        assert [asked.operation for asked in portal.requests] == ["objects"] * 3
        path = "/crm/v3/objects" if version in ("v3", "v4") else f"/crm/objects/{version}"
        assert {asked.path for asked in portal.requests} == {f"{path}/contacts"}

    run_virtual(main())


@on_virtual_time
async def test_a_read_takes_a_list_as_its_ids() -> None:
    """The list is drawn on as the read goes on, over the same connections."""
    portal = portal_of_contacts(1_234)
    portal.associate("contact", 7, "company", 8)
    async with client_of(portal) as client:
        result = await client.read("contacts", "companies", client.list_ids("contacts"))
    assert len(result) == 1_234
    assert result[7][0].to_object_id == "8"


@on_virtual_time
async def test_no_records_is_an_empty_list() -> None:
    """One request, no id, and the list has ended."""
    async with client_of(Portal()) as client:
        ids = client.list_ids("contacts")
        assert [one async for one in ids] == []
        assert ids.ended
        assert ids.after is None
        assert await ids.next_page() is None
        assert client.counters.requests == 1


@pytest.mark.parametrize("given", [0, 1, 99, 100, 101, 200, 249, 250])
def test_a_later_list_goes_on_where_another_was(given: int) -> None:
    """From ``after``, nothing is left out, and at most one page comes again."""

    async def main() -> None:
        async with client_of(portal_of_contacts(250)) as client:
            first = client.list_ids("contacts")
            had = [await anext(first) for _ in range(given)]
            assert first.ended == (given > 200)
            rest = [one async for one in client.list_ids("contacts", after=first.after)]
        if given == 250:
            assert first.after is None
            return
        assert had + rest[len(had) + len(rest) - 250 :] == [str(n) for n in range(1, 251)]
        assert len(had) + len(rest) - 250 < 100

    run_virtual(main())


@on_virtual_time
async def test_failing_pages_are_asked_again() -> None:
    """A 503, a reset and a 429 cost requests and no id."""
    portal = portal_of_contacts(300)
    for nth, fault in enumerate(("unavailable", "reset_before", "rate_limited"), 1):
        portal.fail(fault, nth=nth)
    async with client_of(portal) as client:
        ids = [one async for one in client.list_ids("contacts")]
        assert len(ids) == len(set(ids)) == 300
        assert client.counters.retries == 3
        assert client.counters.requests == 6


@on_virtual_time
async def test_lists_draw_on_the_general_quota_alone() -> None:
    """They leave the quota of batches to the reads, and no window of theirs is overrun."""
    portal = portal_of_contacts(3_000)
    quotas = Quotas(associations=Quota(1, 1000), general=Quota(5, 10))
    async with client_of(portal, quota=quotas, pacing="strict") as client:
        assert len([one async for one in client.list_ids("contacts")]) == 3_000
    times = [asked.time for asked in portal.requests]
    assert len(times) == 30
    assert all(later - earlier >= 10 for earlier, later in zip(times, times[5:], strict=False))
    assert times[-1] - times[0] < 70


@on_virtual_time
async def test_what_hubspot_refuses_is_raised() -> None:
    """An unknown object type and a cursor that is none are errors with HubSpot's words."""
    async with client_of(portal_of_contacts(3)) as client:
        with pytest.raises(ApiError, match="widgets"):
            await anext(client.list_ids("widgets"))
        with pytest.raises(ApiError, match="after"):
            await anext(client.list_ids("contacts", after="nonsense"))
        with pytest.raises(UsageError, match="not an object type"):
            client.list_ids("a/b")


class Circle(MemoryTransport):
    """A HubSpot that gives the same cursors again and again."""

    turns = 0

    async def send(self, request: Request) -> Response:
        self.turns += 1
        assert "link" not in request.query
        after = "%3Da" if self.turns % 2 else "b"
        paging = f'{{"next":{{"after":"{after}","link":"https://elsewhere.test/"}}}}'
        return Response(200, {}, b'{"results":[{"id":"1"}],"paging":%b}' % paging.encode())


@on_virtual_time
async def test_pages_in_a_circle_are_an_error() -> None:
    """A cursor that comes back ends the list rather than going round for ever."""
    transport = Circle(Portal())
    async with AssociationsClient(transport=transport) as client:
        with pytest.raises(ProtocolError, match="came back"):
            _ = [one async for one in client.list_ids("contacts")]
    assert transport.turns == 3


@pytest.mark.parametrize("body", [b'{"results":[{"i', b'{"items":[]}', b'{"results":[{}]}', b"[]"])
def test_a_body_of_another_shape_is_no_empty_list(body: bytes) -> None:
    """It is a problem that says what was to be there."""
    call = list_records(VERSIONS["v3"], "contacts", None)
    problem = at_once(call.receive(call.batch, Response(200, {}, body)))
    assert isinstance(problem, Problem)
    assert "a list of records" in problem.message


def test_a_cursor_is_encoded_once() -> None:
    """HubSpot's cursors come percent-encoded and go into a query."""
    call = list_records(VERSIONS["2026-03"], "contacts", "MTAw%3D")
    assert call.request(call.batch).query == "limit=100&after=MTAw%3D&properties=hs_object_id"


@pytest.mark.parametrize("paging", ["", ',"paging":null', ',"paging":{"next":null}'])
def test_the_last_page_may_say_so_in_several_ways(paging: str) -> None:
    """No paging, null, and paging without a next page; ids as numbers or texts."""
    call = list_records(VERSIONS["v3"], "contacts", None)
    body = f'{{"results":[{{"id":1,"archived":false}},{{"id":"2"}}]{paging}}}'
    (page,) = at_once(call.receive(call.batch, Response(200, {}, body.encode())))  # type: ignore[misc]
    assert page.ids == ("1", "2")
    assert page.after is None


@on_virtual_time
async def test_pages_name_the_cursor_of_the_next() -> None:
    """A caller that keeps ids and cursor together can always go on."""
    async with client_of(portal_of_contacts(250)) as client:
        ids: IdList = client.list_ids("contacts")
        pages = [page async for page in _pages(ids)]
        assert [len(page.ids) for page in pages] == [100, 100, 50]
        assert [page.after is None for page in pages] == [False, False, True]
        for page, following in pairwise(pages):
            again = await client.list_ids("contacts", after=page.after).next_page()
            assert again == following


async def _pages(ids: IdList):  # type: ignore[no-untyped-def]
    while (page := await ids.next_page()) is not None:
        yield page
