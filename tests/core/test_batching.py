"""Fewest requests: packing, and narrowing a bad batch."""

from math import ceil, log2
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.emulator import Portal, Unknowns, build_portal
from hubassoc_async.errors import ApiError, ResponseTimeout, TransportError
from hubassoc_async.model import Failure, ObjectAssociations
from hubassoc_async.protocol.batching import Batch, Packer
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.versions import VERSIONS
from tests.core.peer import Drive

REFUSED = Response(400, {}, b'{"status":"error","message":"bad input"}')


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_cursors_of_many_records_share_batches(concurrency: int) -> None:
    """100,000 ids, 0.3 % of them with four pages: at most 1.04 of the fewest requests possible."""
    portal = build_portal(
        3, contacts=100_000, companies=2_000, heavy=0.003, heavy_size=1_700, log_bodies=False
    )
    ids = range(1_001, 101_001)
    exchange = ReadExchange(VERSIONS["2026-03"], "contacts", "companies")
    drive = Drive(exchange, portal, ids, concurrency=concurrency, random=Random(1)).run()
    pages = sum(drive.sizes)
    assert pages > 100_700  # the four pages of the heavy records are there
    assert len(drive.sizes) <= 1.04 * ceil(pages / 1_000)


def test_one_giant_record_holds_nobody_back() -> None:
    """All others are out long before a record of fifty pages is."""
    portal = Portal(unknowns=Unknowns(page_size=10))
    portal.add_objects("contacts", range(1, 101))
    for company in range(500):
        portal.associate("contacts", 1, "companies", 9_000 + company)
    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies", batch_size=20)
    drive = Drive(exchange, portal, range(1, 101), concurrency=2)
    drive.run()
    order = [outcome.from_object_id for outcome in drive.outcomes]
    assert order[-1] == "1"
    assert len(drive.sizes) <= 50 + 6


@settings(max_examples=150, deadline=None)
@given(
    size=st.integers(1, 400),
    chosen=st.sets(st.integers(0, 399), max_size=12),
    concurrency=st.integers(1, 4),
    others=st.booleans(),
)
def test_culprits_are_narrowed_in_k_log_n_requests(
    size: int, chosen: set[int], concurrency: int, others: bool
) -> None:
    """A 400 costs its batch nothing but O(k log n) requests: culprits fail, the rest succeed."""
    culprits = {str(one + 1) for one in chosen if one < size}
    if len(culprits) > 8 and len(culprits) == size:
        culprits.pop()  # all of them bad is another test's
    portal = Portal()
    portal.add_objects("contacts", range(1, size + 1))

    def refuse(batch: Batch, response: Response) -> Response:
        return REFUSED if culprits & batch.inputs.keys() else response

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    ids = [*range(10_001, 11_001), *range(1, size + 1)] if others else range(1, size + 1)
    drive = Drive(exchange, portal, ids, concurrency=concurrency, spoil=refuse).run()
    outcomes = drive.by_id()
    assert {key for key, one in outcomes.items() if isinstance(one, Failure)} == culprits
    assert len(outcomes) == len(ids)
    halvings = len(culprits) * (ceil(log2(size)) + 1)
    assert len(drive.sizes) <= ceil(len(ids) / 1000) + 3 * halvings


def test_a_batch_that_is_too_large_teaches_a_smaller_size() -> None:
    """A refusal that both halves do not share was about size: later batches are cut before."""
    portal = Portal()

    def at_most_300(batch: Batch, response: Response) -> Response:
        return Response(413, {}, b"") if len(batch.inputs) > 300 else response

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, portal, range(1, 10_001), spoil=at_most_300).run()
    assert all(isinstance(one, ObjectAssociations) for one in drive.outcomes)
    assert len(drive.outcomes) == 10_000
    assert exchange.packer.size == 250
    assert drive.sizes.count(1000) <= 3


def test_time_outs_teach_a_smaller_size_at_the_second_time() -> None:
    """Once may be chance; and a batch of the full size that is answered starts the count anew."""

    def slow(batch: Batch, response: Response) -> Response | TransportError:
        return ResponseTimeout("slow") if len(batch.inputs) > 500 else response

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, Portal(), range(1, 20_001), spoil=slow).run()
    assert all(isinstance(one, ObjectAssociations) for one in drive.outcomes)
    assert len(drive.outcomes) == 20_000
    assert drive.sizes.count(1000) == 2 * 2  # two batches, two attempts each
    failed = iter([True, True, False, True, True, *[False] * 99])

    def unlucky(batch: Batch, response: Response) -> Response | TransportError:
        return ResponseTimeout("slow") if len(batch.inputs) == 1000 and next(failed) else response

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    Drive(exchange, Portal(), range(1, 20_001), spoil=unlucky).run()
    assert exchange.packer.size == 1000


def test_a_request_that_is_always_refused_stops_in_a_few_requests() -> None:
    """When nothing is ever answered, single inputs included, the request is what is wrong."""
    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, Portal(), range(1, 1_000_001), spoil=lambda *_: REFUSED)
    with pytest.raises(ApiError, match="bad input"):
        drive.run()
    assert len(drive.sizes) <= 50
    failed = {one.from_object_id for one in drive.outcomes}
    assert len(failed) <= 10
    assert not failed & set(exchange.unread)
    assert len(failed) + len(exchange.unread) == exchange.taken


def test_an_unknown_object_type_stops_at_once() -> None:
    """HubSpot says so in a 400 that no halving can help."""
    exchange = ReadExchange(VERSIONS["v4"], "contacts", "widgets")
    drive = Drive(exchange, Portal(), range(1, 1_001)).run()
    assert drive.stopped is not None
    assert "widgets" in drive.stopped.message
    assert len(drive.sizes) == 1


def test_fresh_ids_never_wait_and_cursors_wait_for_answers_that_are_out() -> None:
    """The rule of the part-full batch, case by case."""
    packer = Packer(3)
    packer.add("1")
    assert not packer.ready(eager=False, more_ids=True, answers_out=False)
    assert packer.ready(eager=True, more_ids=True, answers_out=False)
    assert packer.ready(eager=False, more_ids=False, answers_out=True)
    assert packer.next().inputs == {"1": None}
    packer.add("2", "cursor")
    assert not packer.ready(eager=False, more_ids=False, answers_out=True)
    assert packer.ready(eager=False, more_ids=False, answers_out=False)
    assert packer.ready(eager=True, more_ids=False, answers_out=True)
    packer.add("3")
    packer.add("4")
    assert packer.ready(eager=False, more_ids=True, answers_out=True)
    assert packer.next().inputs == {"2": "cursor", "3": None, "4": None}
    assert not packer.waiting
