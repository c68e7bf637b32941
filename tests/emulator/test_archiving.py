"""Archiving, and single pairs, as facts 5 of docs/emulator.md tell them."""

import json
from typing import Any

import pytest

from tests.emulator.asking import LATER, OBJECTS, ask, batch
from tests.emulator.test_writing import empty, labelled, pair, spec, stored

DATED = ["2025-09", "2026-03", "2026-09"]


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_archive_is_204_without_a_body(version: str) -> None:
    """In v3 and v4."""
    portal = empty()
    batch(portal, "associate/default", [pair(1, 10)])
    item: dict[str, Any] = {"from": {"id": "1"}, "to": [{"id": "10"}]}
    if version == "v3":
        item = {**pair(1, 10), "type": "contact_to_company_unlabeled"}
    response = batch(portal, "archive", [item], version=version)
    assert (response.status, response.body) == (204, b"")
    assert stored(portal, 1) == stored(portal, 10, "company/contact") == {}


@pytest.mark.parametrize("operation", ["archive", "labels/archive"])
@pytest.mark.parametrize("version", DATED)
@pytest.mark.parametrize(("setting", "status"), [("batch", 200), ("empty", 204)])
def test_archive_of_dated_versions(version: str, setting: Any, status: int, operation: str) -> None:
    """A batch body as published, or 204: a setting."""
    to: Any = [{"id": "10"}] if operation == "archive" else {"id": "10"}
    item = {"from": {"id": "1"}, "to": to, "types": [spec(279)]}
    response = batch(empty(dated_archive=setting), operation, [item], version=version)
    assert response.status == status
    if status == 200:
        assert json.loads(response.body)["results"] == []


def test_archive_removes_everything_between_the_pairs() -> None:
    """All labels, both directions, and nothing else; what is not there is no error."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1)), labelled(1, 11, spec(931))])
    item = {"from": {"id": "1"}, "to": [{"id": "10"}, {"id": "19"}]}
    assert batch(portal, "archive", [item]).status == 200
    assert stored(portal, 1) == {11: [279, 931]}
    assert stored(portal, 10, "company/contact") == {}


def test_archiving_a_label_leaves_the_rest() -> None:
    """Only the types that are given go, in both directions."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1), spec(931))])
    batch(portal, "labels/archive", [labelled(1, 10, spec(1))])
    assert stored(portal, 1) == {10: [279, 931]}
    assert stored(portal, 10, "company/contact") == {1: [280, 930]}


def test_archiving_the_unlabelled_type_removes_every_label() -> None:
    """The pair is gone."""
    portal = empty()
    batch(portal, "create", [labelled(1, 10, spec(1), spec(931))])
    batch(portal, "labels/archive", [labelled(1, 10, spec(279))])
    assert stored(portal, 1) == {}


@pytest.mark.parametrize("way", ["lead/deal", "deal/lead"])
def test_leads_and_deals_are_stored_from_lead_to_deal(way: str) -> None:
    """Whichever side associates them, the deal does not list its lead."""
    portal = empty()
    ends = (30, 20) if way == "lead/deal" else (20, 30)
    batch(portal, "associate/default", [pair(*ends)], pair=way)
    assert stored(portal, 30, "lead/deal") == {20: [1037]}
    assert stored(portal, 20, "deal/lead") == {}


@pytest.mark.parametrize("operation", ["archive", "labels/archive"])
def test_archives_take_a_hundred_records(operation: str) -> None:
    """A hundred distinct from-ids, however many pairs."""
    portal = empty()

    def inputs(count: int) -> list[Any]:
        to: Any = [{"id": "10"}] if operation == "archive" else {"id": "10"}
        one = {"to": to, "types": [spec(279)]}
        return [{"from": {"id": str(i % count)}, **one} for i in range(150)]

    assert batch(portal, operation, inputs(100)).status == 200
    assert batch(portal, operation, inputs(101)).status == 400


@pytest.mark.parametrize("version", LATER)
def test_one_pair_labelled_default_and_deleted(version: str) -> None:
    """PUT answers 201 with the labels, PUT default 200 with specs, DELETE 204."""
    portal = empty()
    base = f"{OBJECTS[version]}/contact/1/associations"
    answer = ask(portal, "PUT", f"{base}/company/10", [spec(1)])
    assert (answer.status, json.loads(answer.body)["labels"]) == (201, ["Primary"])
    answer = ask(portal, "PUT", f"{base}/default/company/11")
    assert (answer.status, len(json.loads(answer.body)["results"])) == (200, 2)
    assert stored(portal, 1) == {10: [1, 279], 11: [279]}
    assert ask(portal, "DELETE", f"{base}/company/10").status == 204
    assert ask(portal, "DELETE", f"{base}/company/10").status == 204
    assert stored(portal, 1) == {11: [279]}


def test_an_invalid_type_of_one_pair() -> None:
    """400 with its sub-category; a record that is not there is a 404."""
    portal = empty()
    path = "/crm/v4/objects/contact/1/associations/company"
    answer = ask(portal, "PUT", f"{path}/10", [spec(99999)])
    assert answer.status == 400
    assert json.loads(answer.body)["subCategory"] == "crm.associations.INVALID_ASSOCIATION_TYPE"
    assert ask(portal, "PUT", f"{path}/999", [spec(1)]).status == 404
