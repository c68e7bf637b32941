"""Writes, case by case: what fails and why, what is packed, what waits for what."""

import json
from math import log2

import pytest

from benchmarks.steps import at_once
from hubassoc_async.emulator import Portal
from hubassoc_async.errors import TransportError
from hubassoc_async.model import Unchanged, WriteOperation, Written
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.lookups import Lookups
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.versions import VERSIONS
from hubassoc_async.protocol.writing import Step
from tests.writing import worlds
from tests.writing.peer import HEADERS, Drive, state, writing
from tests.writing.worlds import BILLING, IMPOSSIBLE, PLAIN, PRIMARY

STALE = LabelTypes("contacts", "companies", ((IMPOSSIBLE,), ()))


def large(**unknowns: object) -> Portal:
    """A portal with thousands of contacts."""
    made = worlds.portal(**unknowns)
    made.add_objects("contact", range(1_000, 6_000))
    return made


def inputs(drive: Drive, at: int = 0) -> list[dict[str, object]]:
    """The inputs of a request."""
    found: list[dict[str, object]] = json.loads(drive.requests[at].body or b"{}")["inputs"]
    return found


def answer(body: dict[str, object], status: int = 200) -> Response:
    """A made-up answer."""
    return Response(status, {"x-hubspot-correlation-id": "c-1"}, json.dumps(body).encode())


def failed(drive: Drive) -> dict[tuple[str, str | None], str]:
    """The failures: pair -> category."""
    return {(one.from_object_id, one.to_object_id): one.category for one in drive.failures}


def test_a_missing_object_fails_every_link_that_touches_it() -> None:
    """HubSpot names the object, not the pair; a link both of whose ends are missing fails once."""
    links = [(c, k, PLAIN) for c in (1, 2, 9) for k in (101, 107)]
    drive = Drive(writing(), worlds.portal(), links).run()
    assert len(drive.requests) == 1
    assert failed(drive).keys() == {
        ("9", "101"), ("9", "107"), ("1", "107"), ("2", "107"),
    }  # fmt: skip
    first = next(one for one in drive.failures if one.from_object_id == "1")
    assert first.sub_category == "crm.associations.TO_OBJECT_NOT_FOUND"
    assert first.correlation_id


@pytest.mark.parametrize("way", ["canceled", "item", "request"])
def test_one_impossible_type_never_costs_its_batch(way: str) -> None:
    """However HubSpot answers it, the link is found by halving, and 1,999 others are written."""
    portal = large(bad_type=way)
    links = [(1_000 + n, 101, PLAIN if n != 777 else IMPOSSIBLE) for n in range(2_000)]
    drive = Drive(writing(types=STALE), portal, links).run()
    assert drive.stopped is None
    assert failed(drive).keys() == {("1777", "101")}
    assert len(state(portal)) == 1_999
    assert len(drive.requests) <= 2 * log2(2_000) + 6


def test_a_success_that_wrote_nothing_is_a_failure() -> None:
    """Neither an empty COMPLETE nor a CANCELED nor a 204 of a create counts as written."""
    bodies = [
        answer({"status": "COMPLETE", "results": []}, 201),
        answer({"status": "CANCELED", "results": []}),
        answer({"status": "CANCELED", "results": [{"fromObjectId": 1, "toObjectId": 101}]}),
        Response(204, {}),
    ]
    for body in bodies:
        drive = Drive(
            writing(),
            worlds.portal(),
            [(1, 101, PLAIN)],
            spoil=lambda *_: body,  # noqa: B023
        ).run()
        assert failed(drive) == {("1", "101"): "NOT_WRITTEN"}
        assert len(drive.requests) == 3


def test_links_that_an_answer_passes_over_are_sent_again_and_then_fail() -> None:
    """What is neither in results nor in errors has not been written."""

    def lose(_step: Step, response: Response) -> Response:
        body = json.loads(response.body)
        body["results"] = [r for r in body["results"] if r["fromObjectId"] != 2]
        return answer(body, 201)

    links = [(c, 101, PLAIN) for c in (1, 2, 3)]
    drive = Drive(writing(), worlds.portal(), links, spoil=lose).run()
    assert failed(drive) == {("2", "101"): "NOT_WRITTEN"}
    assert len(drive.requests) == 3


def test_an_error_that_names_nobody_is_narrowed_down() -> None:
    """By elimination where one link is left over, else by halving; the rest is written."""
    nameless = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "context": {}}

    def refuse(step: Step, response: Response) -> Response:
        if ("3", "101") not in step.inputs:
            return response
        kept = [r for r in json.loads(response.body)["results"] if r["fromObjectId"] != 3]
        return answer({"status": "COMPLETE", "results": kept, "errors": [nameless]}, 207)

    links = [(c, 101, PLAIN) for c in range(1, 9)]
    drive = Drive(writing(), worlds.portal(), links, spoil=refuse).run()
    assert failed(drive) == {("3", "101"): "VALIDATION_ERROR"}
    assert len(drive.requests) == 1


def test_an_error_that_names_nobody_beside_all_results_is_somebodys_too() -> None:
    """Results may list a pair whose label failed: the error belongs to one of them."""
    nameless = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "context": {}}

    def refuse(step: Step, response: Response) -> Response:
        body = json.loads(response.body)
        mine = ("3", "101") in step.inputs
        return answer({**body, "errors": [nameless]}, 207) if mine else response

    links = [(c, 101, PLAIN) for c in range(1, 9)]
    drive = Drive(writing(), worlds.portal(), links, spoil=refuse).run()
    assert failed(drive) == {("3", "101"): "VALIDATION_ERROR"}
    assert len(drive.requests) == 7


def test_a_missing_contact_is_no_missing_company() -> None:
    """Ids of two object types may be the same: the error's type says which end it is."""
    portal = Portal()
    portal.add_objects("contact", [1])
    portal.add_objects("company", [3, 4])
    drive = Drive(writing(), portal, [(1, 3, PLAIN), (3, 4, PLAIN)]).run()
    assert drive.statuses() == {("1", "3"): "written", ("3", "4"): "failed"}


def test_a_read_that_is_out_is_too_old_for_who_asks_now() -> None:
    """Between its sending and its answer a pair may have been written: it is read again."""
    exchange = ReadExchange(VERSIONS["v4"], "contacts", "companies")
    lookups = Lookups[str](exchange)
    portal = worlds.portal()
    lookups.ask("1", "first")
    lookups.ask("1", "with the first")
    asked = [lookups.next_batch()]
    lookups.ask("1", "later")
    assert lookups.unsent == 1
    heard = []
    for batch in asked:
        reply = portal.handle(exchange.request(batch), HEADERS, 0.0)
        answered = at_once(lookups.receive(batch, reply.response))
        assert isinstance(answered, list)
        heard += [one.waiters for one in answered]
        if not lookups.idle:
            asked.append(lookups.next_batch())
    assert heard == [["first", "with the first"], ["later"]]
    assert lookups.unsent == 0


def test_errors_that_are_counted_and_not_listed_are_found() -> None:
    """An archive lists no results: that numErrors says more than errors does is all there is."""

    def refuse(step: Step, response: Response) -> Response:
        body: dict[str, object] = {"status": "COMPLETE", "results": []}
        return answer({**body, "numErrors": 1}) if ("5", "101") in step.inputs else answer(body)

    links = [(c, 101) for c in range(1, 9)]
    drive = Drive(writing("archive"), worlds.portal(), links, spoil=refuse).run()
    assert failed(drive).keys() == {("5", "101")}
    assert len(drive.statuses()) == 8


@pytest.mark.parametrize(("operation", "version"), [("create", "v3"), ("create_default", "v4")])
def test_mirror_images_are_told_apart(operation: WriteOperation, version: str) -> None:
    """(1, 2) and (2, 1) are answered alike where both directions are: each has its own batch."""
    portal = Portal()
    portal.add_objects("contact", [1])
    portal.add_objects("company", [1, 2])
    types = (PLAIN,) if operation == "create" else ()
    links = [(1, 2, *types), (2, 1, *types)]
    drive = Drive(writing(operation, version=version), portal, links).run()
    assert drive.statuses() == {("1", "2"): "written", ("2", "1"): "failed"}
    assert len(drive.requests) == 2


def test_two_directions_of_a_result_count_once() -> None:
    """v3 and create default list both; the outcome has what concerns the pair as it was asked."""
    for operation, types in (("create", (PLAIN,)), ("create_default", ())):
        version = "v3" if operation == "create" else "v4"
        drive = Drive(
            writing(operation, version=version),  # type: ignore[arg-type]
            worlds.portal(default_results="both"),
            [(1, 101, *types), (2, 101, *types)],
        ).run()
        assert drive.statuses() == {("1", "101"): "written", ("2", "101"): "written"}
        assert {one.type_id for out in drive.outcomes for one in out.association_types} == {279}


@pytest.mark.parametrize("version", list(VERSIONS))
def test_archive_packs_many_to_under_one_from(version: str) -> None:
    """At most 100 distinct from-ids a request; from v4 on, one input a from-id."""
    pairs = [(c, k) for k in worlds.COMPANIES for c in range(1_000, 1_250)]
    drive = Drive(writing("archive", version=version), large(), pairs).run()
    assert len(drive.requests) == 3
    assert set(drive.statuses().values()) == {"written"}
    for at in range(3):
        from_ids = [json.dumps(item["from"]) for item in inputs(drive, at)]
        assert len(set(from_ids)) <= 100
        if version != "v3":
            assert len(set(from_ids)) == len(from_ids)


def test_batches_are_as_large_as_the_version_table_says() -> None:
    """2,000 links a create, and what is left over at the end."""
    links = [(1_000 + n, 101, PLAIN) for n in range(4_500)]
    drive = Drive(writing(gather=False), large(), links).run()
    assert [len(inputs(drive, at)) for at in range(3)] == [2_000, 2_000, 500]


def test_append_reads_in_bulk_and_sends_the_union() -> None:
    """Labels that are there stay; a pair that has what is asked for is not written."""
    portal = large()
    for contact in range(1_000, 1_500):
        portal.associate("contact", contact, "company", 101, "Decision maker")
    portal.associate("contact", 1_000, "company", 101, BILLING)
    types = worlds.definitions(portal)
    links = [(1_000 + n, 101, "billing") for n in range(1_000)]
    drive = Drive(writing(types=types, labels="append"), portal, links).run()
    assert [request.path.rpartition("/")[2] for request in drive.requests] == ["read", "create"]
    assert isinstance(drive.outcomes[0], Unchanged)
    counted = list(drive.statuses().values())
    assert counted.count("written") == 999
    key = next(k for k in state(portal)[1_001, 101] if k < 0)
    assert state(portal)[1_001, 101] == {PLAIN, BILLING, key}
    assert state(portal)[1_999, 101] == {PLAIN, BILLING}


def test_append_leaves_a_primary_where_the_call_puts_it() -> None:
    """A pair whose primary goes to another pair does not take it back with its union."""
    portal = worlds.portal()
    portal.associate("contact", 1, "company", 101, PRIMARY)
    links = [(1, 102, "primary"), (1, 101, "billing")]
    drive = Drive(writing(labels="append"), portal, links).run()
    assert set(drive.statuses().values()) == {"written"}
    assert state(portal) == {(1, 101): {PLAIN, BILLING}, (1, 102): {PLAIN, PRIMARY}}


def test_labels_that_cannot_be_read_are_not_replaced() -> None:
    """A link whose labels could not be read fails: writing it might lose some."""

    def spoil(step: Step, response: Response) -> Response | TransportError:
        return TransportError("lost") if "2" in step.inputs else response

    portal = worlds.portal()
    links = [(1, 101, "billing"), (2, 101, "billing")]
    drive = Drive(writing(labels="append"), portal, links, spoil=spoil).run()
    assert drive.statuses() == {("1", "101"): "written", ("2", "101"): "failed"}
    assert "labels could not be read" in drive.failures[0].message
    assert (2, 101) not in state(portal)


@pytest.mark.parametrize(
    ("operation", "link", "wrong"),
    [
        ("create", (1, 101, "billing"), "there is no association"),
        ("create_default", (1, 101), "there is no association"),
        ("create", (2, 102, ("billing", "primary")), "lacks Primary"),
        ("create", (3, 103, "billing"), "Decision maker"),
        ("archive", (4, 104), "still has"),
        ("archive_labels", (4, 104, "billing"), "still has Billing"),
    ],
)
def test_what_is_not_as_asked_when_read_back_is_a_failure(
    operation: WriteOperation, link: tuple[int, ...], wrong: str
) -> None:
    """``verify`` reports a link that somebody else changed, or that HubSpot did not write."""
    portal = worlds.portal()

    def meddle(step: Step, response: Response) -> Response:
        if step.part == "write":
            portal.graph.take("contact", 1, "company", 101)
            portal.graph.take("contact", 2, "company", 102, [PRIMARY])
            portal.associate("contact", 3, "company", 103, "Decision maker")
            portal.associate("contact", 4, "company", 104, BILLING)
        return response

    types = worlds.definitions(portal)
    good = (5, 105, *link[2:])
    exchange = writing(operation, types=types, verify=True)
    drive = Drive(exchange, portal, [link, good], spoil=meddle).run()
    bad = drive.failures
    assert [one.category for one in bad] == ["NOT_VERIFIED"]
    assert wrong in bad[0].message
    fine = next(one for one in drive.outcomes if isinstance(one, Written))
    assert fine.verified
    assert len(drive.requests) == 2


def test_a_primary_of_its_own_accord_does_not_fail_verification() -> None:
    """HubSpot may make the first company of a contact its primary."""
    portal = worlds.portal()

    def promote(_step: Step, response: Response) -> Response:
        portal.associate("contact", 1, "company", 101, PRIMARY)
        return response

    links = [(1, 101, "billing")]
    drive = Drive(writing(verify=True), portal, links, spoil=promote).run()
    assert drive.statuses() == {("1", "101"): "written"}
