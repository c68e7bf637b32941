"""Labels, v3's type names, association limits and the usage report."""

import json
from typing import Any

import pytest

from hubassoc_async.emulator import Portal
from hubassoc_async.emulator.catalog import TypeDef
from tests.emulator.asking import LATER, ask, batch, read
from tests.emulator.test_writing import labelled, spec

DEFINITIONS = {
    "v4": "/crm/associations/v4",
    **{version: f"/crm/associations/{version}" for version in LATER[1:]},
}


def results(portal: Portal, path: str) -> Any:
    """What a GET lists."""
    response = ask(portal, "GET", path)
    assert response.status == 200
    return json.loads(response.body)["results"]


@pytest.mark.parametrize("version", LATER)
def test_published_labels(version: str) -> None:
    """Types of a direction with category, id and label; null is unlabelled."""
    found = results(Portal(), f"{DEFINITIONS[version]}/contacts/companies/labels")
    assert {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None} in found
    assert {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"} in found


@pytest.mark.parametrize("version", LATER)
def test_a_label_of_ones_own(version: str) -> None:
    """Defined in both directions, used, renamed, and removed once nothing carries it."""
    portal = Portal()
    portal.associate("contact", 1, "company", 10)
    path = f"{DEFINITIONS[version]}/contact/company/labels"
    new = {"label": "Adviser", "inverseLabel": "Advised by", "name": "adviser"}
    there, back = json.loads(ask(portal, "POST", path, new).body)["results"]
    assert (there["category"], there["label"]) == ("USER_DEFINED", "Adviser")
    assert back["label"] == "Advised by"
    assert there in results(portal, path)

    own = spec(there["typeId"], "USER_DEFINED")
    assert batch(portal, "create", [labelled(1, 10, own)]).status == 201
    assert ask(portal, "DELETE", f"{path}/{there['typeId']}").status == 400
    change = {"associationTypeId": there["typeId"], "label": "Counsel", "inverseLabel": "Client"}
    assert ask(portal, "PUT", path, change).status == 204
    (result,) = read(portal, "10", pair="company/contact")["results"]
    labels = [kind["label"] for kind in result["to"][0]["associationTypes"]]
    assert labels == [None, "Client"]

    batch(portal, "labels/archive", [labelled(1, 10, own)])
    assert ask(portal, "DELETE", f"{path}/{there['typeId']}").status == 204
    assert len(results(portal, path)) == 3
    assert read(portal, "1")["results"][0]["to"][0]["associationTypes"][0]["typeId"] == 279


@pytest.mark.parametrize(
    ("method", "end", "body"),
    [
        ("POST", "", {"label": "A"}),
        ("POST", "", []),
        ("PUT", "", {"associationTypeId": 279, "label": "Mine"}),
        ("PUT", "", {"associationTypeId": 9999, "label": "Mine"}),
        ("DELETE", "/279", None),
        ("DELETE", "/x", None),
    ],
)
def test_label_changes_that_are_refused(method: str, end: str, body: Any) -> None:
    """Missing fields, HubSpot's own labels, labels that are not there."""
    path = f"/crm/associations/2026-03/contact/company/labels{end}"
    assert ask(Portal(), method, path, body).status == 400


def test_a_label_name_is_taken_once() -> None:
    """A second one of that name is refused."""
    portal, path = Portal(), "/crm/associations/v4/contact/company/labels"
    new = {"label": "Adviser", "name": "adviser"}
    assert [ask(portal, "POST", path, new).status for _ in range(2)] == [200, 400]


def test_v3_type_names() -> None:
    """``contact_to_company`` is the primary company, 279 is ``…_unlabeled``; ids are strings."""
    found = results(Portal(), "/crm/v3/associations/contact/company/types")
    names = {item["id"]: item["name"] for item in found}
    assert names["1"] == "contact_to_company"
    assert names["279"] == "contact_to_company_unlabeled"
    deals = results(Portal(), "/crm/v3/associations/contact/deal/types")
    assert deals == [{"id": "4", "name": "contact_to_deal"}]


def test_v3_names_of_labels() -> None:
    """In snake case."""
    portal = Portal()
    portal.define_label("contact", "company", "Head Office")
    found = results(portal, "/crm/v3/associations/contact/company/types")
    assert "head_office" in [item["name"] for item in found]


@pytest.mark.parametrize(
    ("version", "created", "purged"),
    [("v4", 201, 204), ("2025-09", 200, 200), ("2026-03", 201, 200), ("2026-09", 200, 200)],
)
def test_association_limits(version: str, created: int, purged: int) -> None:
    """Configured, listed, enforced, changed and purged; statuses as each version publishes."""
    portal = Portal()
    for company in (10, 11, 12):
        portal.add_objects("company", [company])
    portal.add_objects("contact", [1])
    caps = f"{DEFINITIONS[version]}/definitions/configurations"
    kind = {"category": "HUBSPOT_DEFINED", "typeId": 279}
    body = {"inputs": [{**kind, "maxToObjectIds": 1}]}
    answer = ask(portal, "POST", f"{caps}/contact/company/batch/create", body)
    assert answer.status == created
    assert json.loads(answer.body)["results"][0]["userEnforcedMaxToObjectIds"] == 1
    assert len(results(portal, f"{caps}/all")) == 1
    assert results(portal, f"{caps}/company/contact") == []
    assert results(portal, f"{caps}/contact/company")[0]["typeId"] == 279

    assert batch(portal, "create", [labelled(1, 10, spec(279))]).status == 201
    assert batch(portal, "create", [labelled(1, 11, spec(279))]).status == 207
    body["inputs"][0]["maxToObjectIds"] = 2
    assert ask(portal, "POST", f"{caps}/contact/company/batch/update", body).status == 200
    assert batch(portal, "create", [labelled(1, 11, spec(279))]).status == 201

    answer = ask(portal, "POST", f"{caps}/contact/company/batch/purge", {"inputs": [kind]})
    assert answer.status == purged
    assert results(portal, f"{caps}/all") == []
    assert batch(portal, "create", [labelled(1, 12, spec(279))]).status == 201


def test_limits_hold_within_a_batch_and_from_either_side() -> None:
    """The second of two pairs in one batch finds the first one there."""
    portal = Portal()
    portal.add_objects("contact", range(1, 5))
    portal.add_objects("company", range(10, 15))
    portal.caps.configured["company", "contact", 280] = 1
    pairs = [labelled(1, 10, spec(279)), labelled(2, 10, spec(279)), labelled(2, 11, spec(279))]
    body = json.loads(batch(portal, "create", pairs).body)
    assert (len(body["results"]), body["numErrors"]) == (2, 1)
    assert body["errors"][0]["context"] == {"fromObjectId": ["2"], "toObjectId": ["10"]}
    portal.caps.configured.clear()
    portal.caps.per_record = 2
    pairs = [labelled(3, to, spec(279)) for to in (10, 11, 12)]
    assert json.loads(batch(portal, "create", pairs).body)["numErrors"] == 1


@pytest.mark.parametrize("cap", [{"typeId": 99999, "maxToObjectIds": 1}, {"typeId": 279}])
def test_impossible_limits_are_refused(cap: dict[str, Any]) -> None:
    """A type that is not there, a missing number."""
    path = "/crm/associations/v4/definitions/configurations/contact/company/batch/create"
    body = {"inputs": [{"category": "HUBSPOT_DEFINED", **cap}]}
    assert ask(Portal(), "POST", path, body).status == 400


@pytest.mark.parametrize("version", LATER)
def test_the_usage_report(version: str) -> None:
    """It is enqueued for a user."""
    base = {"v4": "/crm/v4/associations"}.get(version, f"/crm/associations/{version}")
    portal = Portal()
    answer = ask(portal, "POST", f"{base}/usage/high-usage-report/77")
    body = json.loads(answer.body)
    assert (answer.status, body["userId"], portal.reports) == (200, 77, [77])
    assert set(body["enqueueTime"]) == {"value", "dateOnly", "timeZoneShift"}


def test_custom_objects() -> None:
    """A custom object is spelt by id or name, and its unlabelled type is the portal's own."""
    portal = Portal()
    portal.define_object("2-1234", "pets")
    portal.associate("contact", 1, "pets", 500)
    (result,) = read(portal, "1", pair="contacts/2-1234")["results"]
    assert result["to"][0]["associationTypes"][0]["category"] == "USER_DEFINED"
    (back,) = read(portal, "500", pair="PETS/contact")["results"]
    assert [to["toObjectId"] for to in back["to"]] == [1]


def test_stating_labels() -> None:
    """By text or by type id; an id that HubSpot and the portal both have is not guessed at."""
    portal = Portal()
    there, back = portal.define_label("contact", "company", "Adviser", "Advised by")
    portal.associate("contact", 1, "company", 10, "Primary", there)
    (result,) = read(portal, "10", pair="company/contact")["results"]
    types = [(t["category"], t["typeId"], t["label"]) for t in result["to"][0]["associationTypes"]]
    assert types == [
        ("HUBSPOT_DEFINED", 2, "Primary"),
        ("HUBSPOT_DEFINED", 280, None),
        ("USER_DEFINED", back, "Advised by"),
    ]
    for label in (99999, "Nobody"):
        with pytest.raises(ValueError, match="has no type"):
            portal.associate("contact", 1, "company", 10, label)
    portal.graph.catalog.restore(
        "ticket", "deal", TypeDef(-28, "USER_DEFINED", "Old", "old", None), unlabelled=False
    )
    with pytest.raises(ValueError, match="more than one type 28"):
        portal.associate("ticket", 1, "deal", 2, 28)
