"""HubSpot's own SDK for Python judges the portal: on a real socket, by v3 and v4.

It knows nothing of this project, and reads every answer with models generated from HubSpot's files.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from hubassoc_async.emulator import Portal, Unknowns
from hubassoc_async.emulator.pytest_plugin import Served

hubspot = pytest.importorskip("hubspot", reason="needs hubspot-api-client (extra: bench)")
v3 = pytest.importorskip("hubspot.crm.associations")
v4 = pytest.importorskip("hubspot.crm.associations.v4")
schema = pytest.importorskip("hubspot.crm.associations.v4.schema")
"""Imported this way because the SDK has no types."""


@pytest.fixture
def portal() -> Portal:
    """Ten contacts and ten companies, and pages of three."""
    made = Portal(unknowns=Unknowns(page_size=3, page_size_v3=3))
    made.add_objects("contact", range(1, 11))
    made.add_objects("company", range(101, 111))
    made.add_objects("deal", range(201, 211))
    return made


@pytest.fixture
def sdk(portal: Portal) -> Iterator[Any]:
    """The SDK, its host the portal."""
    served = Served(portal)
    served.start()
    yield hubspot.HubSpot(access_token="pat-na1-test", host=served.url)
    served.stop()


def spec(type_id: int, category: str = "HUBSPOT_DEFINED") -> Any:
    """One association type."""
    return v4.AssociationSpec(association_category=category, association_type_id=type_id)


def create(sdk: Any, *pairs: tuple[int, int, int]) -> Any:
    """Create labelled associations by batch: (from, to, type)."""
    inputs = [
        v4.PublicAssociationMultiPost(
            types=[spec(type_id)],
            _from=v4.PublicObjectId(id=str(from_id)),
            to=v4.PublicObjectId(id=str(to_id)),
        )
        for from_id, to_id, type_id in pairs
    ]
    batch = v4.BatchInputPublicAssociationMultiPost(inputs=inputs)
    return sdk.crm.associations.v4.batch_api.create("contacts", "companies", batch)


def read(sdk: Any, *inputs: tuple[str, str | None]) -> Any:
    """Read by batch: (id, after)."""
    listed = [v4.PublicFetchAssociationsBatchRequest(id=i, after=after) for i, after in inputs]
    batch = v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=listed)
    return sdk.crm.associations.v4.batch_api.get_page("contacts", "companies", batch)


def test_v4_creates_and_reads(sdk: Any) -> None:
    """What it creates it reads again, with types and labels, and none as an error."""
    made = create(sdk, (1, 101, 1), (1, 102, 279), (2, 101, 279))
    assert made.status == "COMPLETE"
    assert [result.labels for result in made.results] == [["Primary"], [], []]
    answer = read(sdk, ("1", None), ("2", None), ("3", None))
    found = {
        result._from.id: {
            str(to.to_object_id): sorted(t.type_id for t in to.association_types)
            for to in result.to
        }
        for result in answer.results
    }
    assert found == {"1": {"101": [1, 279], "102": [279]}, "2": {"101": [279]}}
    assert answer.num_errors == 1
    assert answer.errors[0].context["fromObjectId"] == ["3"]


def test_v4_pages(sdk: Any) -> None:
    """Each input has its own cursor."""
    create(sdk, *((1, 101 + i, 279) for i in range(8)))
    found: list[str] = []
    after = None
    for _ in range(3):
        (result,) = read(sdk, ("1", after)).results
        found += [str(to.to_object_id) for to in result.to]
        after = result.paging.next.after if result.paging else None
    assert found == [str(101 + i) for i in range(8)]
    assert after is None


def test_v4_archives(sdk: Any, portal: Portal) -> None:
    """A label, then everything."""
    create(sdk, (1, 101, 1), (1, 102, 279))
    api = sdk.crm.associations.v4.batch_api
    label = v4.PublicAssociationMultiPost(
        types=[spec(1)], _from=v4.PublicObjectId(id="1"), to=v4.PublicObjectId(id="101")
    )
    labels = v4.BatchInputPublicAssociationMultiPost(inputs=[label])
    api.archive_labels("contacts", "companies", labels)
    (result,) = read(sdk, ("1", None)).results
    assert [len(to.association_types) for to in result.to] == [1, 1]
    both = v4.PublicAssociationMultiArchive(
        _from=v4.PublicObjectId(id="1"),
        to=[v4.PublicObjectId(id="101"), v4.PublicObjectId(id="102")],
    )
    everything = v4.BatchInputPublicAssociationMultiArchive(inputs=[both])
    api.archive("contacts", "companies", everything)
    assert read(sdk, ("1", None)).num_errors == 1
    assert [asked.status for asked in portal.requests] == [201, 204, 200, 204, 207]


def test_v4_default_and_single_records(sdk: Any) -> None:
    """By batch, and one pair at a time."""
    pair = v4.PublicDefaultAssociationMultiPost(
        _from=v4.PublicObjectId(id="1"), to=v4.PublicObjectId(id="101")
    )
    default = v4.BatchInputPublicDefaultAssociationMultiPost(inputs=[pair])
    api = sdk.crm.associations.v4
    answer = api.batch_api.create_default("contacts", "companies", default)
    assert [r.association_spec.association_type_id for r in answer.results] == [279, 280]
    api.basic_api.create_default("contacts", "2", "companies", "102")
    labels = api.basic_api.create("contacts", "2", "companies", "103", [spec(1)])
    assert labels.labels == ["Primary"]
    page = api.basic_api.get_page("contacts", "2", "companies", limit=500)
    assert [str(to.to_object_id) for to in page.results] == ["103", "102"]
    api.basic_api.archive("contacts", "2", "companies", "103")
    assert len(api.basic_api.get_page("contacts", "2", "companies").results) == 1


def test_v4_labels(sdk: Any) -> None:
    """Defined, listed, renamed and dropped."""
    api = sdk.crm.associations.v4.schema.definitions_api
    new = schema.PublicAssociationDefinitionCreateRequest(
        label="Adviser", name="adviser", inverse_label="Advised by"
    )
    there, back = api.create("contacts", "companies", new).results
    assert (there.category, back.label) == ("USER_DEFINED", "Advised by")
    change = schema.PublicAssociationDefinitionUpdateRequest(
        association_type_id=there.type_id, label="Counsel"
    )
    api.update("contacts", "companies", change)
    listed = api.get_all("contacts", "companies").results
    own = [label.label for label in listed if label.category == "USER_DEFINED"]
    assert own == ["Counsel"]
    api.remove("contacts", "companies", there.type_id)
    assert len(api.get_all("contacts", "companies").results) == 3


def test_v4_association_limits(sdk: Any) -> None:
    """Configured, listed, changed and removed."""
    api = sdk.crm.associations.v4.schema.definition_configurations_api
    new = schema.PublicAssociationDefinitionConfigurationCreateRequest(
        category="HUBSPOT_DEFINED", type_id=279, max_to_object_ids=5
    )
    inputs = schema.BatchInputPublicAssociationDefinitionConfigurationCreateRequest(inputs=[new])
    made = api.batch_create("contacts", "companies", inputs)
    assert made.results[0].user_enforced_max_to_object_ids == 5
    (listed,) = api.get_all_between_two_object_types("contacts", "companies").results
    assert listed.type_id == 279
    old = schema.PublicAssociationSpec(category="HUBSPOT_DEFINED", type_id=279)
    removed = schema.BatchInputPublicAssociationSpec(inputs=[old])
    api.batch_remove("contacts", "companies", removed)
    assert api.get_all().results == []


def test_v4_usage_report(sdk: Any, portal: Portal) -> None:
    """It is enqueued. The SDK can read its time only as a text, though it is published as more."""
    portal.unknowns = Unknowns(report_time="text")
    assert sdk.crm.associations.v4.report_api.request(77).user_id == 77


def test_lists_and_searches_give_ids(sdk: Any) -> None:
    """As bulk jobs get them."""
    page = sdk.crm.contacts.basic_api.get_page(limit=4)
    assert [record.id for record in page.results] == ["1", "2", "3", "4"]
    rest = sdk.crm.contacts.basic_api.get_page(limit=100, after=page.paging.next.after)
    assert [record.id for record in rest.results] == [str(i) for i in range(5, 11)]
    contacts = pytest.importorskip("hubspot.crm.contacts")
    newer = contacts.Filter(property_name="hs_object_id", operator="GT", value="7")
    wanted = contacts.PublicObjectSearchRequest(
        filter_groups=[contacts.FilterGroup(filters=[newer])], limit=200
    )
    answer = sdk.crm.contacts.search_api.do_search(wanted)
    assert (answer.total, [record.id for record in answer.results]) == (3, ["8", "9", "10"])


def test_v3_creates_reads_and_archives(sdk: Any) -> None:
    """By type names; reading towards companies gives the primary one."""
    api = sdk.crm.associations.batch_api
    association = v3.PublicAssociation(
        _from=v3.PublicObjectId(id="1"), to=v3.PublicObjectId(id="101"), type="contact_to_company"
    )
    batch = v3.BatchInputPublicAssociation(inputs=[association])
    made = api.create("contacts", "companies", batch)
    assert [result.type for result in made.results] == ["contact_to_company", "company_to_contact"]
    ids = v3.BatchInputPublicObjectId(inputs=[v3.PublicObjectId(id="1"), v3.PublicObjectId(id="2")])
    answer = api.read("contacts", "companies", ids)
    assert [(to.id, to.type) for to in answer.results[0].to] == [
        ("101", "contact_to_company"),
        ("101", "contact_to_company_unlabeled"),
    ]
    assert answer.num_errors == 1
    association.type = "contact_to_company_unlabeled"
    api.archive("contacts", "companies", batch)
    assert api.read("contacts", "companies", ids).num_errors == 2


def test_v3_type_names(sdk: Any) -> None:
    """The names of a direction."""
    types = sdk.crm.associations.schema.types_api.get_all("contacts", "companies").results
    assert {"1", "279"} <= {each.id for each in types}


def test_errors_are_the_sdks_exceptions(sdk: Any, portal: Portal) -> None:
    """With HubSpot's body in them."""
    portal.fail("rate_limited", nth=1)
    with pytest.raises(v4.ApiException) as caught:
        read(sdk, ("1", None))
    assert caught.value.status == 429
    assert "TEN_SECONDLY_ROLLING" in caught.value.body
