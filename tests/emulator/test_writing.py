"""Associating, as facts 5 of docs/emulator.md tell them."""

import json
from typing import Any

import pytest

from hubassoc_async.emulator import Portal, Unknowns
from tests.emulator.asking import LATER, VERSIONS, ask, batch, read


def empty(**unknowns: Any) -> Portal:
    """Contacts 1 to 9, companies 10 to 19, deals 20 to 29, leads 30 to 39; nothing associated."""
    portal = Portal(unknowns=Unknowns(**unknowns))
    portal.add_objects("contact", range(1, 10))
    portal.add_objects("company", range(10, 20))
    portal.add_objects("deal", range(20, 30))
    portal.add_objects("lead", range(30, 40))
    return portal


def spec(type_id: int, category: str = "HUBSPOT_DEFINED") -> dict[str, Any]:
    """One type as a request has it."""
    return {"associationCategory": category, "associationTypeId": type_id}


def labelled(from_id: int | str, to_id: int | str, *types: dict[str, Any]) -> dict[str, Any]:
    """One input of a labelled create."""
    return {"from": {"id": str(from_id)}, "to": {"id": str(to_id)}, "types": list(types)}


def pair(from_id: int | str, to_id: int | str) -> dict[str, Any]:
    """One input of an associate by default."""
    return {"from": {"id": str(from_id)}, "to": {"id": str(to_id)}}


def stored(portal: Portal, from_id: int, types: str = "contact/company") -> dict[int, list[int]]:
    """What a record is associated with: type ids by id."""
    (result, *_) = read(portal, str(from_id), pair=types)["results"] or [{"to": []}]
    return {
        to["toObjectId"]: [kind["typeId"] for kind in to["associationTypes"]] for to in result["to"]
    }


@pytest.mark.parametrize("version", LATER)
def test_create_answers_one_result_a_pair(version: str) -> None:
    """201; ids are integers, object types are ids, labels are their texts."""
    portal = empty()
    response = batch(portal, "create", [labelled(1, 10, spec(1))], version=version)
    body = json.loads(response.body)
    assert (response.status, body["status"]) == (201, "COMPLETE")
    assert body["results"] == [
        {
            "fromObjectTypeId": "0-1",
            "fromObjectId": 1,
            "toObjectTypeId": "0-2",
            "toObjectId": 10,
            "labels": ["Primary"],
        }
    ]


def test_create_writes_both_directions_and_the_unlabelled_type() -> None:
    """A primary company comes with 279, and the company has the contact under 2 and 280."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1))])
    assert stored(portal, 1) == {10: [1, 279]}
    assert stored(portal, 10, "company/contact") == {1: [2, 280]}


def test_labels_are_replaced() -> None:
    """A second create on the pair leaves only its own labels, and the unlabelled type."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1))])
    batch(portal, "create", [labelled(1, 10, spec(931))])
    assert stored(portal, 1) == {10: [279, 931]}
    assert stored(portal, 10, "company/contact") == {1: [280, 930]}


def test_creating_again_changes_nothing() -> None:
    """And answers the same."""
    portal = empty()
    answers = [batch(portal, "create", [labelled(1, 10, spec(1))]) for _ in range(2)]
    assert answers[0].body == answers[1].body
    assert stored(portal, 1) == {10: [1, 279]}


def test_a_second_primary_moves_the_first() -> None:
    """Only one company can be primary; the other one stays associated."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1)), labelled(1, 11, spec(1))])
    assert stored(portal, 1) == {10: [279], 11: [1, 279]}
    assert stored(portal, 10, "company/contact") == {1: [280]}


def test_a_primary_set_from_the_other_side_moves_too() -> None:
    """A company that becomes a contact's primary one takes that from the one before."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1))])
    batch(portal, "create", [labelled(11, 1, spec(2))], pair="company/contact")
    assert stored(portal, 1) == {10: [279], 11: [1, 279]}
    assert stored(portal, 10, "company/contact") == {1: [280]}


def test_a_company_has_many_contacts_whose_primary_it_is() -> None:
    """One primary a contact, not one a company."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1)), labelled(2, 10, spec(1))])
    assert stored(portal, 10, "company/contact") == {1: [2, 280], 2: [2, 280]}


def test_v3_create_lists_both_directions() -> None:
    """201, two results an input, by type names."""
    portal = empty()
    item = {**pair(1, 10), "type": "contact_to_company"}
    response = batch(portal, "create", [item], version="v3")
    assert response.status == 201
    assert json.loads(response.body)["results"] == [
        {"from": {"id": "1"}, "to": {"id": "10"}, "type": "contact_to_company"},
        {"from": {"id": "10"}, "to": {"id": "1"}, "type": "company_to_contact"},
    ]
    assert stored(portal, 1) == {10: [1, 279]}


@pytest.mark.parametrize("version", VERSIONS)
def test_missing_records_are_named_once(version: str) -> None:
    """The error names the record, not the pair; one input can cause two; the rest is written."""
    portal = empty()
    extra: dict[str, Any] = {"types": [spec(279)], "type": "contact_to_company_unlabeled"}
    inputs = [{**pair(*p), **extra} for p in ((1, 10), (1, 999), (2, 999), (777, 888))]
    response = batch(portal, "create", inputs, version=version)
    body = json.loads(response.body)
    assert (response.status, body["status"], body["numErrors"]) == (207, "COMPLETE", 3)
    assert [(e["subCategory"], e["context"]) for e in body["errors"]] == [
        (
            "crm.associations.TO_OBJECT_NOT_FOUND",
            {"objectType": ["company"], "id": ["999"]},
        ),
        (
            "crm.associations.FROM_OBJECT_NOT_FOUND",
            {"objectType": ["contact"], "id": ["777"]},
        ),
        (
            "crm.associations.TO_OBJECT_NOT_FOUND",
            {"objectType": ["company"], "id": ["888"]},
        ),
    ]
    assert stored(portal, 1) == {10: [279]}


@pytest.mark.parametrize(("ways", "status"), [("canceled", 200), ("item", 207), ("request", 400)])
def test_one_impossible_type(ways: Any, status: int) -> None:
    """Nobody knows what it does to a batch; in no way is anything written."""
    portal = empty(bad_type=ways)
    response = batch(portal, "create", [labelled(1, 10, spec(279)), labelled(1, 11, spec(99999))])
    body = json.loads(response.body)
    assert response.status == status
    assert body["status"] == {200: "CANCELED", 207: "COMPLETE", 400: "error"}[status]
    assert stored(portal, 1) == {}


def test_a_type_of_the_other_direction() -> None:
    """400, in HubSpot's odd words."""
    response = batch(empty(), "create", [labelled(1, 10, spec(280))])
    assert response.status == 400
    assert json.loads(response.body)["message"] == "CONTACT=1 is not valid"


@pytest.mark.parametrize(("ways", "types"), [("last", [279, 931]), ("union", [1, 279, 931])])
def test_the_same_pair_twice_in_a_create(ways: Any, types: list[int]) -> None:
    """Nobody knows, so it is a setting."""
    portal = empty(duplicate_pairs=ways)
    batch(portal, "create", [labelled(1, 10, spec(1)), labelled(1, 10, spec(931))])
    assert stored(portal, 1) == {10: types}


@pytest.mark.parametrize("version", LATER)
def test_default_lists_specs_and_keeps_labels(version: str) -> None:
    """200; from, to and spec in both directions; labels that were there stay."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1))])
    response = batch(portal, "associate/default", [pair(1, 10)], version=version)
    assert response.status == 200
    assert json.loads(response.body)["results"] == [
        {"from": {"id": "1"}, "to": {"id": "10"}, "associationSpec": spec(279)},
        {"from": {"id": "10"}, "to": {"id": "1"}, "associationSpec": spec(280)},
    ]
    assert stored(portal, 1) == {10: [1, 279]}


def test_default_can_list_one_direction() -> None:
    """Both are written all the same."""
    portal = empty(default_results="one")
    body = json.loads(batch(portal, "associate/default", [pair(1, 10)]).body)
    assert len(body["results"]) == 1
    assert stored(portal, 10, "company/contact") == {1: [280]}


def test_errors_of_a_default_come_inside_a_200() -> None:
    """With ``numErrors``."""
    response = batch(empty(), "associate/default", [pair(1, 10), pair(1, 999)])
    body = json.loads(response.body)
    assert (response.status, body["numErrors"], len(body["results"])) == (200, 1, 2)


def test_an_id_that_is_no_number_fails_alone() -> None:
    """In writing as in reading."""
    portal = empty()
    body = json.loads(batch(portal, "associate/default", [pair("x", 10), pair(1, 10)]).body)
    assert [e["subCategory"] for e in body["errors"]] == ["crm.associations.INVALID_IDENTIFIER"]
    assert stored(portal, 1) == {10: [279]}


@pytest.mark.parametrize("operation", ["create", "associate/default"])
def test_two_thousand_inputs_are_the_most(operation: str) -> None:
    """One more is refused."""
    portal = empty()
    inputs = [labelled(1, 10, spec(279))] * 2001
    assert batch(portal, operation, inputs[:2000]).status in (200, 201)
    assert batch(portal, operation, inputs).status == 400


@pytest.mark.parametrize(("where", "status"), [("item", 207), ("request", 400)])
def test_a_record_is_full(where: Any, status: int) -> None:
    """Whether the cap is an error of the input or of the request is a setting."""
    portal = empty(record_cap=1, cap_error=where)
    assert batch(portal, "create", [labelled(1, 10, spec(279))]).status == 201
    assert batch(portal, "create", [labelled(1, 10, spec(1))]).status == 201
    assert batch(portal, "create", [labelled(1, 11, spec(279))]).status == status
    assert stored(portal, 1) == {10: [1, 279]}


def test_a_stale_read() -> None:
    """It shows a record as it was before the latest request that wrote it."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(279))])
    batch(portal, "create", [labelled(1, 11, spec(279)), labelled(1, 12, spec(279))])
    portal.fail("stale", nth=1)
    assert stored(portal, 1) == {10: [279]}
    assert stored(portal, 1) == {10: [279], 11: [279], 12: [279]}


def test_a_lost_answer_leaves_what_was_written() -> None:
    """The reset comes after the portal acted, so a retry finds it done."""
    portal = empty()
    portal.fail("reset_after", nth=1)
    batch(portal, "create", [labelled(1, 10, spec(279))])
    assert portal.requests[-1].status == 0
    assert stored(portal, 1) == {10: [279]}


@pytest.mark.parametrize("kind", ["canceled", "no_op", "reset_before", "unavailable"])
def test_faults_that_do_nothing(kind: str) -> None:
    """Nothing is written."""
    portal = empty()
    portal.fail(kind, nth=1)
    batch(portal, "create", [labelled(1, 10, spec(279))])
    assert stored(portal, 1) == {}


@pytest.mark.parametrize(
    "item",
    [
        {"from": {"id": "1"}},
        {"from": "1", "to": {"id": "10"}, "types": []},
        {"from": {"id": "1"}, "to": {"id": "10"}, "types": []},
        {"from": {"id": "1"}, "to": {"id": "10"}, "types": ["x"]},
        {"from": {"id": "1"}, "to": {"id": "10"}, "types": [{"associationTypeId": "a"}]},
    ],
)
def test_misshaped_creates_are_refused(item: Any) -> None:
    """400 for the whole request."""
    assert batch(empty(), "create", [item]).status == 400


def test_an_association_touches_neither_record() -> None:
    """Their last-modified dates stay, so whoever reads by date does not see the change."""
    portal = empty()
    before = ask(portal, "GET", "/crm/objects/2026-03/contact", now=0).body
    batch(portal, "create", [labelled(1, 10, spec(1))], now=3600)
    assert ask(portal, "GET", "/crm/objects/2026-03/contact", now=7200).body == before


def test_ids_past_int32() -> None:
    """Twelve digits are ordinary."""
    portal = Portal()
    portal.associate("contact", 123_456_789_012, "company", 210_987_654_321)
    assert stored(portal, 123_456_789_012) == {210_987_654_321: [279]}
