"""What is taken in and what is refused before anything is sent; and what waits for what."""

import json

import pytest

from benchmarks.steps import at_once
from hubassoc_async.emulator import Portal
from hubassoc_async.errors import ApiError, UsageError
from hubassoc_async.model import AssociationType, Failure, WriteOperation
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.writing import Step
from tests.writing import worlds
from tests.writing.peer import HEADERS, Drive, state, writing
from tests.writing.test_exchange import STALE, failed, inputs, large
from tests.writing.worlds import BILLING, IMPOSSIBLE, PLAIN, PRIMARY


def test_several_primaries_of_one_contact_are_refused_naming_it() -> None:
    """Only one company can be primary: which one was meant only the caller can say."""
    portal = worlds.portal()
    links = [
        (1, 101, "primary"),
        (2, 101, 1),
        (1, 102, "primary"),
        (1, 103, 1),
        (1, 104, "billing"),
    ]
    drive = Drive(writing(), portal, links).run()
    assert failed(drive) == dict.fromkeys(
        [("1", "101"), ("1", "102"), ("1", "103")], "SECOND_PRIMARY"
    )
    assert "contacts 1 was given several of 'Primary'" in drive.failures[0].message
    assert state(portal) == {(2, 101): {PLAIN, PRIMARY}, (1, 104): {PLAIN, BILLING}}
    turned = LabelTypes("companies", "contacts")
    drive = Drive(writing(types=turned), portal, [(101, 1, "primary"), (102, 1, 2)]).run()
    assert len(drive.failures) == 2
    assert "contacts 1" in drive.failures[0].message


def test_archiving_the_type_without_a_label_has_to_be_meant() -> None:
    """It removes every label of the pair."""
    portal = worlds.portal()
    portal.associate("contact", 1, "company", 101, BILLING)
    drive = Drive(writing("archive_labels"), portal, [(1, 101, "default")]).run()
    assert "remove_all_labels=True" in drive.failures[0].message
    assert len(state(portal)) == 1
    meant = writing("archive_labels", remove_all_labels=True)
    assert Drive(meant, portal, [(1, 101, "default")]).run().failures == []
    assert state(portal) == {}


BAD = [
    ((1, 101, ()), "row 1: there is no type"),
    ((1, 101), "row 1: there is no type"),
    ((1, 101, "Prinary"), "row 1: 'Prinary' is no label.*did you mean 'Primary'"),
    ((1, 101, [[1]]), "row 1: .* are no types"),
    (("x1", 101, 1), "row 1: 'x1' is no from id"),
    ((1, None, 1), "row 1: None is no to id"),
    ((True, 1, 1), "row 1: True is no from id"),
    ("1,101", "row 1: '1,101' is not a link"),
    ((1,), "row 1: .* is not a link"),
    (7, "row 1: 7 is not a link"),
    ((1, 101, 280), "other direction"),
    ((1, "y", 1, 12), "row 12: 'y'"),
]


@pytest.mark.parametrize(("bad", "said"), BAD)
def test_bad_input_names_row_and_value_and_the_rest_goes_on(bad: object, said: str) -> None:
    """One bad link is one failure; the others are written."""
    portal = worlds.portal()
    drive = Drive(writing(), portal, [bad, (2, 102, "billing")]).run()
    (failure,) = drive.failures
    assert isinstance(failure, Failure)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(failure.message)
    assert state(portal).keys() == {(2, 102)}
    assert len(drive.requests) == 1


@pytest.mark.parametrize(("bad", "said"), BAD)
def test_strict_sends_nothing_unless_all_is_valid(bad: object, said: str) -> None:
    """The refusal quotes what is wrong."""
    portal = worlds.portal()
    drive = Drive(
        writing(strict=True, gather=False), portal, [bad, (2, 102, "billing")], most_at_a_time=1
    ).run()
    assert isinstance(drive.stopped, UsageError)
    assert "1 of 2 links" in str(drive.stopped)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(str(drive.stopped))
    assert drive.requests == []
    fine = writing(strict=True, gather=False)
    assert Drive(fine, portal, [(2, 102, "billing")]).run().stopped is None


def test_no_record_is_linked_to_itself() -> None:
    """The same object on both ends is refused where both ends are of one type, and only there."""
    portal = Portal()
    portal.add_objects("company", [1, 2])
    portal.add_objects("contact", [1])
    types = LabelTypes("0-2", "companies")
    drive = Drive(writing(types=types), portal, [(1, 1, 13), (1, 2, 13)]).run()
    assert failed(drive) == {("1", "1"): "INVALID_LINK"}
    drive = Drive(writing(), portal, [(1, 1, PLAIN)]).run()
    assert drive.failures == []


def test_both_directions_of_a_pair_of_one_type_keep_their_order() -> None:
    """(1, 2) and (2, 1) are one pair of records: the second waits, and adds to the first."""
    portal = Portal()
    portal.add_objects("contact", [1, 2])
    portal.define_label("contact", "contact", "Boss", "Minion")
    portal.define_label("contact", "contact", "Friend")
    types = worlds.definitions(portal, "contacts", "contacts")
    drive = Drive(writing(types=types), portal, [(1, 2, "Boss"), (2, 1, "Friend")]).run()
    assert drive.failures == []
    paths = [request.path.rpartition("/")[2] for request in drive.requests]
    assert paths == ["create", "read", "create"]
    assert len(state(portal, "contact", "contact")[1, 2]) == 3


def test_a_change_to_a_pair_that_is_out_waits_and_takes_its_types_along() -> None:
    """The second create of a pair would replace the first one's labels."""
    portal = worlds.portal()
    exchange = writing(gather=False)
    exchange.feed([(1, 101, "billing")])
    assert exchange.ready(eager=True)
    first = exchange.next_batch()
    exchange.feed([(1, 101, "primary"), (2, 102, "billing")])
    assert exchange.ready(eager=True)
    other = exchange.next_batch()
    assert list(other.inputs) == [("2", "102")]
    assert not exchange.ready(eager=True)
    for step in (first, other):
        reply = portal.handle(exchange.request(step), HEADERS, 0.0)
        at_once(exchange.receive(step, reply.response))
    assert exchange.ready(eager=True)
    second = exchange.next_batch()
    sent = json.loads(exchange.request(second).body or b"")["inputs"][0]["types"]
    assert [one["associationTypeId"] for one in sent] == [BILLING, PRIMARY]


def test_the_work_stops_when_every_link_is_refused() -> None:
    """What is wrong with each of the first links alone is not theirs: the rest is not tried."""
    portal = large(bad_type="request")
    links = [(1_000 + n, 101, IMPOSSIBLE) for n in range(500)]
    drive = Drive(writing(types=STALE), portal, links).run()
    assert isinstance(drive.stopped, ApiError)
    assert len(drive.requests) < 40
    assert len(drive.exchange.unwritten) + len(drive.outcomes) == 500


def test_a_batch_that_is_too_large_is_halved_once_and_for_all() -> None:
    """HubSpot's true limit is learnt from a 400 or 413, without losing a link."""

    def refuse(step: Step, response: Response) -> Response:
        return response if len(step.inputs) <= 500 else Response(413, {}, b"too large")

    links = [(1_000 + n, 101, PLAIN) for n in range(4_500)]
    drive = Drive(writing(), large(), links, spoil=refuse).run()
    assert drive.failures == []
    assert len(drive.requests) < 9 + 8


def test_v3_says_what_it_cannot_do() -> None:
    """v3 knows one type an input, by name, and nothing else of labels."""
    refused: list[tuple[WriteOperation, dict[str, object]]] = [
        ("create_default", {}),
        ("archive_labels", {}),
        ("create", {"labels": "append"}),
        ("create", {"verify": True}),
    ]
    for operation, settings in refused:
        with pytest.raises(UsageError, match="v3 has no"):
            writing(operation, version="v3", **settings)  # type: ignore[arg-type]
    portal = worlds.portal()
    types = LabelTypes("contacts", "companies", ((AssociationType("USER_DEFINED", 9, "Own"),), ()))
    links = [(1, 101, ("billing", "primary")), (2, 101, "Own"), (3, 101, "primary")]
    drive = Drive(writing(version="v3", types=types), portal, links).run()
    assert [one.category for one in drive.failures] == ["INVALID_TYPE"] * 2
    assert inputs(drive) == [
        {"from": {"id": "3"}, "to": {"id": "101"}, "type": "contact_to_company"}
    ]


def test_v3_writes_two_types_of_a_pair_one_after_the_other() -> None:
    """It has one type an input, and one batch never holds a pair twice."""
    links = [(1, 101, "primary"), (1, 101, PLAIN), (1, 101, "primary")]
    drive = Drive(writing(version="v3"), worlds.portal(), links).run()
    names = [inputs(drive, at)[0]["type"] for at in range(2)]
    assert names == ["contact_to_company", "contact_to_company_unlabeled"]
    assert len(drive.outcomes) == 2
