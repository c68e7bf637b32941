"""Each distinct id comes out exactly once and whole, whatever the portal and its faults do."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.emulator import Portal, Unknowns
from hubassoc_async.errors import ResponseTimeout, TransportError
from hubassoc_async.model import NOT_ANSWERED, REPEATED_CURSOR, Failure, ObjectAssociations
from hubassoc_async.protocol.batching import Batch
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.versions import VERSIONS
from hubassoc_async.protocol.wire import read_codec
from tests.core.peer import Drive, Spoil, edges, failure

COMPANIES = st.integers(9_000_000_000, 9_000_000_030)
WORLD = st.dictionaries(
    st.integers(1, 10**12),
    st.dictionaries(COMPANIES, st.sampled_from([(), (931,)]), max_size=12),
    max_size=25,
)
UNKNOWNS = st.builds(
    Unknowns,
    page_size=st.integers(1, 7),
    page_size_v3=st.integers(1, 7),
    object_ids=st.sampled_from(["integer", "string"]),
    result_order=st.sampled_from(["reversed", "asked", "shuffled"]),
    last_page=st.sampled_from(["absent", "null", "prev"]),
    cursor_encoding=st.sampled_from(["percent", "plain"]),
    cursor_order=st.sampled_from(["type", "id"]),
    v3_companies=st.just("all"),
)
World = dict[int, dict[int, tuple[int, ...]]]


def portal_of(world: World, unknowns: Unknowns | None = None) -> Portal:
    portal = Portal(unknowns=unknowns)
    for contact, companies in world.items():
        portal.add_objects("contacts", [contact])
        for company, labels in companies.items():
            portal.associate("contacts", contact, "companies", company, *labels)
    return portal


def expected(world: World, contact: int) -> dict[str, frozenset[int | None]]:
    return {str(to): frozenset({279, *labels}) for to, labels in world.get(contact, {}).items()}


def wire_faults(random: Random, rate: float) -> Spoil:
    """Spoil a share of the answers in every way a network or a server can."""

    def spoil(batch: Batch, response: Response) -> Response | TransportError:
        if random.random() >= rate:
            return response
        # a list that leaves associations out looks like any other: nobody could tell
        kind = random.randrange(6 if batch.listed else 9)
        if kind == 0:
            return ResponseTimeout("time-out")
        if kind == 1:
            return TransportError("reset")
        if kind == 2:
            return Response(random.choice([500, 502, 503, 504, 522]), {}, b"<html>sorry</html>")
        if kind == 3:
            return Response(200, {}, response.body[: random.randrange(len(response.body) + 1)])
        if kind == 4:
            return Response(400, {}, b'{"message": "one input is bad"}')
        if kind == 5:
            return Response(200, {}, b'{"status": "CANCELED", "results": []}')
        if kind == 6:
            return Response(200, {}, b'{"status": "COMPLETE", "results": []}')
        return _doctored(random, kind, response)

    return spoil


def _doctored(random: Random, kind: int, response: Response) -> Response:
    try:
        body: dict[str, Any] = json.loads(response.body)
    except ValueError:
        return response
    results = body.get("results", [])
    if kind == 7:  # silence about some inputs
        body["results"] = [one for one in results if random.random() < 0.5]
    else:  # some results twice
        body["results"] = results + [one for one in results if random.random() < 0.5]
    return Response(response.status, response.headers, json.dumps(body).encode())


@settings(max_examples=200, deadline=None)
@given(
    world=WORLD,
    strangers=st.lists(st.integers(1, 10**12), max_size=5),
    unknowns=UNKNOWNS,
    version=st.sampled_from(sorted(VERSIONS)),
    batch_size=st.integers(1, 30),
    concurrency=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0.0, 0.0, 0.1, 0.4]),
    eager=st.booleans(),
    packed=st.booleans(),
)
def test_each_distinct_id_comes_out_once_and_whole(
    world: World,
    strangers: list[int],
    unknowns: Unknowns,
    version: str,
    batch_size: int,
    concurrency: int,
    seed: int,
    rate: float,
    eager: bool,
    packed: bool,
) -> None:
    """Found and none are exactly what the portal has; a failure is never passed off as either."""
    random = Random(seed)
    ids = [*world, *strangers, *list(world)[:3]]
    random.shuffle(ids)
    codec = read_codec(VERSIONS[version].shape, packed=packed)
    ends = "contacts", "companies"
    drive = Drive(
        ReadExchange(VERSIONS[version], *ends, codec=codec, batch_size=batch_size),
        portal_of(world, unknowns),
        [str(one) if random.random() < 0.5 else one for one in ids],
        concurrency=concurrency,
        random=random,
        spoil=wire_faults(random, rate),
        attempts=3,
        eager=eager,
    ).run()
    # without `distinct`, an id that is repeated after it came out is read again
    assert {one.from_object_id for one in drive.outcomes} == {str(one) for one in ids}
    assert drive.exchange.unread == ()
    assert drive.exchange.in_flight == 0
    for outcome in drive.outcomes:
        truth = expected(world, int(outcome.from_object_id))
        if isinstance(outcome, ObjectAssociations):
            assert edges(outcome) == truth
            assert outcome.status == ("found" if truth else "none")
        else:
            assert rate > 0, f"nothing was wrong, and yet {outcome}"
            assert outcome.category
            assert outcome.message
            for to_id, types in edges(outcome).items():
                assert types <= truth[to_id]


@settings(max_examples=50, deadline=None)
@given(
    ids=st.lists(st.integers(1, 30), max_size=60),
    batch_size=st.integers(1, 10),
    seed=st.integers(0, 99),
)
def test_with_unknown_an_id_comes_out_once_however_far_apart_its_repeats_are(
    ids: list[int], batch_size: int, seed: int
) -> None:
    """``unknown`` makes every outcome of a read unique."""
    out: set[str] = set()
    exchange = ReadExchange(
        VERSIONS["v4"],
        "contacts",
        "companies",
        batch_size=batch_size,
        unknown=lambda texts: [one for one in texts if one not in out and not out.add(one)],  # type: ignore[func-returns-value]
    )
    drive = Drive(exchange, portal_of({1: {9: ()}}), ids, concurrency=3, random=Random(seed)).run()
    assert drive.by_id().keys() == {str(one) for one in ids}
    assert exchange.taken == len(set(ids))


def test_an_id_never_answered_fails_and_is_never_none() -> None:
    """Silence is asked about again, and then it is a failure that says so."""
    portal = portal_of({1: {9: ()}, 2: {9: ()}})

    def mute_two(_batch: Batch, response: Response) -> Response:
        body = json.loads(response.body)
        body["results"] = [one for one in body["results"] if one["from"]["id"] != "2"]
        return Response(200, {"x-hubspot-correlation-id": "abc"}, json.dumps(body).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, portal, [1, 2], spoil=mute_two).run()
    two = failure(drive.by_id()["2"])
    assert (two.category, two.correlation_id) == (NOT_ANSWERED, "abc")
    assert isinstance(drive.by_id()["1"], ObjectAssociations)
    assert drive.sizes == [2, 1, 1]


@pytest.mark.parametrize("version", ["v4", "2026-03"])
def test_a_cursor_that_repeats_fails_its_id_and_keeps_what_it_had(version: str) -> None:
    """The id is incomplete, the others are whole, and the read ends."""
    portal = portal_of({1: {9 + n: () for n in range(9)}, 2: {9: ()}}, Unknowns(page_size=3))

    def loop(_batch: Batch, response: Response) -> Response:
        body = json.loads(response.body)
        for one in body["results"]:
            if "paging" in one:
                one["paging"]["next"]["after"] = "same"
        return Response(200, {}, json.dumps(body).encode())

    def ask_page_one_again(batch: Batch, response: Response) -> Response:
        if "same" in batch.inputs.values():
            for key in batch.inputs:
                batch.inputs[key] = None
            again = exchange.request(batch)
            response = portal.handle(again, {"authorization": "Bearer x"}, 0.0).response
        return loop(batch, response)

    exchange = ReadExchange(VERSIONS[version], "contacts", "companies")
    drive = Drive(exchange, portal, [1, 2], spoil=ask_page_one_again).run()
    one = failure(drive.by_id()["1"])
    assert one.category == REPEATED_CURSOR
    assert len(one.incomplete) == 3
    assert edges(drive.by_id()["2"]) == {"9": frozenset({279})}


def test_a_record_whose_cursors_bring_nothing_new_ends_as_a_failure() -> None:
    """Ever new cursors over the same associations cannot keep a read going for ever."""
    counter = iter(range(10**6))

    def endless(_batch: Batch, _response: Response) -> Response:
        result = {
            "from": {"id": "1"},
            "to": [{"toObjectId": 9, "associationTypes": []}],
            "paging": {"next": {"after": f"c{next(counter)}"}},
        }
        return Response(200, {}, json.dumps({"status": "COMPLETE", "results": [result]}).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, Portal(), [1], spoil=endless).run()
    assert failure(drive.by_id()["1"]).category == REPEATED_CURSOR
    assert len(drive.sizes) < 10


def test_what_is_not_an_id_fails_by_itself_and_is_not_sent() -> None:
    """A bad id is a failure value that quotes it; the ids beside it are read."""
    portal = portal_of({1: {9: ()}})
    given: list[object] = [
        "abc",
        "abc",
        10**5_000,
        "",
        "-5",
        "1.0",
        1.5,
        None,
        True,
        "007",
        "9" * 25,
        " 1 ",
    ]
    exchange = ReadExchange(VERSIONS["2026-03"], "contacts", "companies")
    drive = Drive(exchange, portal, given).run()
    outcomes = drive.by_id()
    assert edges(outcomes.pop("1")) == {"9": frozenset({279})}
    assert len(outcomes) == len(given) - 2
    assert {failure(one).category for one in outcomes.values()} == {"INVALID_ID"}
    assert drive.sizes == [1]
    (asked,) = portal.requests
    assert asked.count == 1


def test_an_error_beside_results_wins_and_what_was_listed_is_incomplete() -> None:
    """An id in both ``results`` and ``errors`` has failed, unless the error says there is none."""

    def both(_batch: Batch, _response: Response) -> Response:
        listed = [{"toObjectId": "9", "associationTypes": []}]
        body = {
            "status": "COMPLETE",
            "results": [{"from": {"id": one}, "to": listed} for one in ("1", "2")],
            "errors": [
                {"category": "OBJECT_NOT_FOUND", "message": "m", "context": {"fromObjectId": [1]}},
                {
                    "category": "OBJECT_NOT_FOUND",
                    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                    "context": {"fromObjectId": ["2"]},
                },
            ],
        }
        return Response(207, {}, json.dumps(body).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, Portal(), [1, 2], spoil=both).run()
    one = failure(drive.by_id()["1"])
    assert (one.category, one.message, len(one.incomplete)) == ("OBJECT_NOT_FOUND", "m", 1)
    assert drive.by_id()["2"].status == "found"


def test_no_associations_that_names_no_input_is_narrowed_to_it_and_is_none() -> None:
    """A record without associations is none, however little its error says."""
    portal = portal_of({n: {9: ()} for n in range(1, 8)})

    def nameless(_batch: Batch, response: Response) -> Response:
        body = json.loads(response.body)
        for error in body.get("errors", ()):
            del error["context"]
        return Response(207, {}, json.dumps(body).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    outcomes = Drive(exchange, portal, range(1, 10), spoil=nameless).run().by_id()
    found = {key for key, one in outcomes.items() if one.status == "found"}
    assert found == set("1234567")
    assert {outcomes["8"].status, outcomes["9"].status} == {"none"}


def test_a_failure_that_names_nobody_leaves_nobody_known_to_have_none() -> None:
    """Beside it, an error of no associations that names nobody proves nothing."""

    def both(_batch: Batch, _response: Response) -> Response:
        none = {"category": "X", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}
        body = {"status": "COMPLETE", "results": [], "errors": [none, {"category": "INTERNAL"}]}
        return Response(207, {}, json.dumps(body).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    outcomes = Drive(exchange, Portal(), [1, 2], spoil=both).run().by_id()
    assert {failure(one).category for one in outcomes.values()} == {"INTERNAL"}


def test_none_after_pages_of_associations_is_a_failure() -> None:
    """What was read is kept as incomplete: the two answers cannot both be true."""
    portal = portal_of({1: {9 + n: () for n in range(9)}}, Unknowns(page_size=3))

    def forgetful(batch: Batch, response: Response) -> Response:
        if None in batch.inputs.values():
            return response
        error = {
            "category": "OBJECT_NOT_FOUND",
            "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
            "context": {"fromObjectId": ["1"]},
        }
        body = {"status": "COMPLETE", "results": [], "errors": [error]}
        return Response(207, {}, json.dumps(body).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, portal, [1], spoil=forgetful).run()
    assert len(failure(drive.by_id()["1"]).incomplete) == 3


def test_an_error_that_names_no_input_is_narrowed_to_the_one_it_belongs_to() -> None:
    """By elimination where one input is left, else by halving."""
    portal = portal_of({n: {9: ()} for n in range(1, 9)})

    def anonymous(batch: Batch, response: Response) -> Response:
        if "5" not in batch.inputs:
            return response
        body = {"status": "COMPLETE", "results": [], "errors": [{"category": "ODD"}]}
        return Response(207, {}, json.dumps(body).encode())

    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    drive = Drive(exchange, portal, range(1, 9), spoil=anonymous).run()
    outcomes = drive.by_id()
    assert failure(outcomes.pop("5")).category == "ODD"
    assert all(isinstance(one, ObjectAssociations) for one in outcomes.values())
    assert not any(isinstance(one, Failure) for one in outcomes.values())
