"""Batch read and the one-record list, as facts 4 of docs/emulator.md tell them."""

import base64
import json
from typing import Any
from urllib.parse import quote, unquote

import pytest

from hubassoc_async.emulator import Portal, Unknowns
from tests.emulator.asking import LATER, OBJECTS, VERSIONS, ask, batch, batch_request, read

NONE = "crm.associations.NO_ASSOCIATIONS_FOUND"


def small(**unknowns: Any) -> Portal:
    """Contact 1 with a primary company 10 and company 11; contact 2 with five deals."""
    portal = Portal(unknowns=Unknowns(**unknowns))
    portal.associate("contact", 1, "company", 10, "Primary")
    portal.associate("contact", 1, "company", 11)
    for deal in range(121, 126):
        portal.associate("contact", 2, "deal", deal)
    return portal


@pytest.mark.parametrize("version", LATER)
def test_a_record_with_its_types(version: str) -> None:
    """A primary company has its unlabelled type too, whose label is null; ids are integers."""
    response = batch(small(), "read", ["1"], version=version)
    body = json.loads(response.body)
    assert response.status == 200
    assert list(body) == ["status", "results", "startedAt", "completedAt"]
    assert body["results"] == [
        {
            "from": {"id": "1"},
            "to": [
                {
                    "toObjectId": 10,
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"},
                        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
                    ],
                },
                {
                    "toObjectId": 11,
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}
                    ],
                },
            ],
        }
    ]


def test_v3_shows_only_the_primary_company() -> None:
    """v3 names types, ids are strings, and towards companies only the primary one is listed."""
    assert read(small(), "1", version="v3")["results"] == [
        {
            "from": {"id": "1"},
            "to": [
                {"id": "10", "type": "contact_to_company"},
                {"id": "10", "type": "contact_to_company_unlabeled"},
            ],
        }
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_none_is_an_error_of_a_complete_207(version: str) -> None:
    """A record without associations, existing or not, is named in ``errors`` of a 207."""
    response = batch(small(), "read", ["1", "7"], version=version)
    body = json.loads(response.body)
    assert (response.status, body["status"], body["numErrors"]) == (207, "COMPLETE", 1)
    assert [result["from"]["id"] for result in body["results"]] == ["1"]
    assert body["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "subCategory": NONE,
            "message": "No company is associated with contact 7.",
            "context": {
                "fromObjectId": ["7"],
                "fromObjectType": ["contact"],
                "toObjectType": ["company"],
            },
        }
    ]


def test_an_id_that_is_no_number_is_an_item_error() -> None:
    """It fails alone; the rest of its batch is answered."""
    body = read(small(), "x1", "1")
    assert [(e["category"], e["subCategory"]) for e in body["errors"]] == [
        ("VALIDATION_ERROR", "crm.associations.INVALID_IDENTIFIER")
    ]
    assert len(body["results"]) == 1


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("widgets/companies", "Unable to infer object type from: widgets"),
        ("contacts/0-9999", "Invalid object or event type id: 0-9999"),
    ],
)
def test_an_unknown_object_type_refuses_the_request(pair: str, message: str) -> None:
    """A 400 without a category."""
    response = batch(small(), "read", ["1"], pair=pair)
    body = json.loads(response.body)
    assert response.status == 400
    assert body["message"] == message
    assert "category" not in body


@pytest.mark.parametrize("pair", ["contact/company", "CONTACTS/Companies", "0-1/0-2"])
def test_spellings_of_a_type(pair: str) -> None:
    """Singular, plural, type id, any case."""
    assert len(read(small(), "1", pair=pair)["results"]) == 1


@pytest.mark.parametrize(
    "inputs",
    [[{"id": None}], [{}], [{"id": []}], ["a", 7], {"id": "1"}, [{"id": "1", "after": {}}]],
)
def test_one_misshaped_input_refuses_the_request(inputs: Any) -> None:
    """Missing fields and wrong JSON types are a 400 for the whole batch."""
    assert batch(small(), "read", inputs).status == 400


def test_malformed_json_refuses_the_request() -> None:
    """So is a body that is not JSON."""
    request = batch_request("read", ["1"])
    portal = small()
    broken = type(request)(request.method, request.path, "", b'{"inputs": [')
    reply = portal.handle(broken, {"authorization": "Bearer x"}, 0.0)
    assert reply.response.status == 400


@pytest.mark.parametrize("body", [{}, {"inputs": None}, {"inputs": []}, {"ids": ["1"]}])
def test_a_body_without_inputs_is_complete_with_nothing(body: Any) -> None:
    """Nothing in results, nothing in errors, and COMPLETE."""
    response = ask(small(), "POST", "/crm/associations/2026-03/contact/company/batch/read", body)
    answer = json.loads(response.body)
    assert (response.status, answer["status"], answer["results"]) == (200, "COMPLETE", [])
    assert "errors" not in answer


@pytest.mark.parametrize("status", [400, 413])
def test_more_than_a_thousand_inputs(status: Any) -> None:
    """1,000 are answered, 1,001 refused, with a status that is a setting."""
    portal = small(too_many_inputs=status)
    ids = [str(i) for i in range(1001)]
    assert batch(portal, "read", ids[:1000]).status == 207
    assert batch(portal, "read", ids).status == status


def follow(portal: Portal, object_id: str, version: str, pair: str) -> list[list[Any]]:
    """Every page of one record by batch read."""
    pages: list[list[Any]] = []
    item: dict[str, str] = {"id": object_id}
    while len(pages) < 50:
        (result,) = read(portal, item, version=version, pair=pair)["results"]
        pages.append(result["to"])
        if "paging" not in result:
            break
        item = {"id": object_id, "after": result["paging"]["next"]["after"]}
    return pages


@pytest.mark.parametrize("version", LATER)
def test_pages_follow_cursors_per_input(version: str) -> None:
    """Each input has its own cursor, which travels beside fresh ids; the last page has none."""
    portal = small(page_size=2)
    pages = follow(portal, "2", version, "contact/deal")
    assert [[to["toObjectId"] for to in page] for page in pages] == [[121, 122], [123, 124], [125]]
    first = read(portal, "2", pair="contact/deal", version=version)["results"][0]
    cursor = {"id": "2", "after": first["paging"]["next"]["after"]}
    portal.associate("contact", 1, "deal", 29)
    both = read(portal, cursor, "1", pair="contact/deal", version=version)["results"]
    assert {result["from"]["id"] for result in both} == {"1", "2"}


def test_cursors_look_like_hubspots() -> None:
    """Percent-encoded base64 of numbers joined by dashes, the last of them the last id."""
    result = read(small(page_size=2), "2", pair="contact/deal")["results"][0]
    after = result["paging"]["next"]["after"]
    assert after.endswith("%3D")
    assert base64.b64decode(unquote(after)) == b"0-4-122"


def test_cursors_can_be_plain() -> None:
    """Whether they are percent-encoded is a setting."""
    result = read(small(page_size=2, cursor_encoding="plain"), "2", pair="contact/deal")
    assert "%" not in result["results"][0]["paging"]["next"]["after"]


def test_pages_go_by_type_so_an_id_can_come_back() -> None:
    """Ordered by (type, id), the primary company comes again under its unlabelled type."""
    portal = Portal(unknowns=Unknowns(page_size=2))
    for company in (10, 11, 12):
        portal.associate("contact", 1, "company", company, *([1] if company == 12 else []))
    pages = follow(portal, "1", "2026-03", "contact/company")
    seen = [
        (t["toObjectId"], [a["typeId"] for a in t["associationTypes"]]) for p in pages for t in p
    ]
    assert seen == [(12, [1]), (10, [279]), (11, [279]), (12, [279])]


def test_pages_can_go_by_id() -> None:
    """The order is a setting; by id, a record's types stay together."""
    portal = Portal(unknowns=Unknowns(page_size=2, cursor_order="id"))
    for company in (10, 11, 12):
        portal.associate("contact", 1, "company", company, *([1] if company == 10 else []))
    pages = follow(portal, "1", "2026-03", "contact/company")
    seen = [
        (t["toObjectId"], [a["typeId"] for a in t["associationTypes"]]) for p in pages for t in p
    ]
    assert seen == [(10, [1, 279]), (11, [279]), (12, [279])]


@pytest.mark.parametrize("cursor", ["nonsense", "MC05OTktMQ%3D%3D", "MC00LTk5OTk%3D"])
def test_foreign_and_stale_cursors_are_refused(cursor: str) -> None:
    """A cursor that is none of this record's is a 400."""
    item = {"id": "2", "after": cursor}
    assert batch(small(page_size=2), "read", [item], pair="contact/deal").status == 400


def test_v3_batch_read_ignores_after() -> None:
    """It answers page one again; a v3 record is continued by the list."""
    portal = small(page_size_v3=2)
    first = read(portal, "2", pair="contact/deal", version="v3")["results"][0]
    after = first["paging"]["next"]["after"]
    again = read(portal, {"id": "2", "after": after}, pair="contact/deal", version="v3")
    assert again["results"][0] == first


@pytest.mark.parametrize("version", VERSIONS)
def test_the_list_continues_a_record(version: str) -> None:
    """GET takes the decoded cursor and a limit; encoded twice it is refused."""
    portal = small(page_size_v3=2, page_size=2)
    after = read(portal, "2", pair="contact/deal", version=version)["results"][0]["paging"]["next"]
    path = f"{OBJECTS[version]}/contact/2/associations/deal"
    decoded = unquote(after["after"])
    answer = json.loads(ask(portal, "GET", path, query=f"limit=2&after={quote(decoded)}").body)
    ids = [int(to.get("id") or to.get("toObjectId")) for to in answer["results"]]
    assert ids == [123, 124]
    twice = quote(after["after"])
    assert ask(portal, "GET", path, query=f"after={twice}").status == 400


@pytest.mark.parametrize("limit", ["0", "501", "x"])
def test_the_list_takes_limits_up_to_500(limit: str) -> None:
    """Others are refused."""
    path = "/crm/objects/2026-03/contact/2/associations/deal"
    assert ask(small(), "GET", path, query=f"limit={limit}").status == 400


def test_results_are_not_in_the_order_of_inputs() -> None:
    """The order is not promised, so it is another one."""
    portal = small()
    portal.associate("contact", 3, "company", 10)
    ids = [result["from"]["id"] for result in read(portal, "1", "3")["results"]]
    assert ids == ["3", "1"]


@pytest.mark.parametrize(("setting", "count"), [("once", 1), ("each", 2)])
def test_an_id_twice_in_a_request(setting: Any, count: int) -> None:
    """Nobody knows, so it is a setting."""
    assert len(read(small(duplicate_ids=setting), "1", "1")["results"]) == count


@pytest.mark.parametrize(("setting", "paging"), [("null", None), ("prev", {"prev": None})])
def test_other_last_pages(setting: Any, paging: Any) -> None:
    """The last page's ``paging`` has also been seen as null, and with a null ``prev``."""
    assert read(small(last_page=setting), "1")["results"][0]["paging"] == paging


def test_ids_can_be_strings() -> None:
    """As published, rather than as seen."""
    body = read(small(object_ids="string"), "1")
    assert [to["toObjectId"] for to in body["results"][0]["to"]] == ["10", "11"]


@pytest.mark.parametrize(("setting", "ids"), [("primary", {"10"}), ("all", {"10", "11"})])
def test_which_companies_v3_shows(setting: Any, ids: set[str]) -> None:
    """Documented as the primary one; a setting."""
    (result,) = read(small(v3_companies=setting), "1", version="v3")["results"]
    assert {to["id"] for to in result["to"]} == ids


@pytest.mark.parametrize(("setting", "status"), [("refused", 400), ("continued", 200)])
def test_a_cursor_whose_association_has_gone(setting: Any, status: int) -> None:
    """Refused, or continued after where it was: a setting."""
    portal = small(page_size=2, stale_cursor=setting)
    after = read(portal, "2", pair="contact/deal")["results"][0]["paging"]["next"]["after"]
    gone = {"from": {"id": "2"}, "to": [{"id": "122"}]}
    batch(portal, "archive", [gone], pair="contact/deal")
    response = batch(portal, "read", [{"id": "2", "after": after}], pair="contact/deal")
    assert response.status == status
    if status == 200:
        (result,) = json.loads(response.body)["results"]
        assert [to["toObjectId"] for to in result["to"]] == [123, 124]


@pytest.mark.parametrize("setting", ["asked", "reversed", "shuffled"])
def test_orders_of_results(setting: Any) -> None:
    """Each is one that nobody may rely on; all results are there."""
    portal = small(result_order=setting)
    ids = [str(i) for i in range(31, 61)]
    for object_id in ids:
        portal.associate("contact", object_id, "company", 10)
    given = [result["from"]["id"] for result in read(portal, *ids)["results"]]
    assert sorted(given) == ids
    assert (given == ids) is (setting == "asked")
    assert (given == ids[::-1]) is (setting == "reversed")
