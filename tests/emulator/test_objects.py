"""The list of records and search, as far as bulk jobs need them to get ids."""

import json
from typing import Any

import pytest

from hubassoc_async.emulator import Portal
from tests.emulator.asking import OBJECTS, VERSIONS, ask


def portal() -> Portal:
    """250 contacts, 1 to 250, one of them twice named, and contact 1000."""
    made = Portal()
    made.add_objects("contact", range(1, 251))
    made.add_objects("contact", [1000, "7"])
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_the_list_gives_every_id_once(version: str) -> None:
    """In pages of at most 100, by ``after``."""
    made, ids, query = portal(), list[int](), "limit=100"
    while True:
        response = ask(made, "GET", f"{OBJECTS[version]}/contacts", query=query)
        body = json.loads(response.body)
        ids += [int(record["id"]) for record in body["results"]]
        if "paging" not in body:
            break
        query = f"limit=100&after={body['paging']['next']['after']}"
    assert ids == [*range(1, 251), 1000]


def test_a_record_has_the_fields_that_are_required() -> None:
    """Id, properties, dates, archived."""
    body = json.loads(ask(portal(), "GET", "/crm/objects/2026-03/contact").body)
    assert len(body["results"]) == 10
    first = body["results"][0]
    assert list(first) == ["id", "properties", "createdAt", "updatedAt", "archived"]
    assert first["properties"]["hs_object_id"] == first["id"] == "1"


def search(body: Any) -> Any:
    """The decoded answer of a search."""
    response = ask(portal(), "POST", "/crm/objects/2026-03/contacts/search", body)
    assert response.status == 200
    return json.loads(response.body)


def by_id(operator: str, **values: Any) -> dict[str, Any]:
    """A search with one filter on the id."""
    condition = {"propertyName": "hs_object_id", "operator": operator, **values}
    return {"filterGroups": [{"filters": [condition]}], "limit": 200}


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (by_id("GT", value="248"), [249, 250, 1000]),
        (by_id("GTE", value="250"), [250, 1000]),
        (by_id("LT", value="3"), [1, 2]),
        (by_id("LTE", value="2"), [1, 2]),
        (by_id("EQ", value="9"), [9]),
        (by_id("IN", values=["9", "1000", "5000"]), [9, 1000]),
        (by_id("BETWEEN", value="4", highValue="6"), [4, 5, 6]),
        ({**by_id("GT", value="249"), "sorts": ["-hs_object_id"]}, [1000, 250]),
    ],
)
def test_search_by_id(body: Any, ids: list[int]) -> None:
    """The filters with which jobs walk a portal."""
    answer = search(body)
    assert [int(record["id"]) for record in answer["results"]] == ids
    assert answer["total"] == len(ids)


def test_search_pages() -> None:
    """``after`` is an offset, and ``total`` counts everything that matches."""
    first = search({"limit": 200})
    assert (first["total"], len(first["results"])) == (251, 200)
    second = search({"limit": 200, "after": first["paging"]["next"]["after"]})
    assert len(second["results"]) == 51
    assert "paging" not in second


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "9990", "limit": 20},
        {"after": "x"},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ"}]}]},
        by_id("GT", value="x"),
        {"sorts": ["email"]},
        [],
    ],
)
def test_searches_that_are_refused(body: Any) -> None:
    """Too large a page, past the window of 10,000, other properties."""
    path = "/crm/objects/2026-03/contacts/search"
    assert ask(portal(), "POST", path, body).status == 400
