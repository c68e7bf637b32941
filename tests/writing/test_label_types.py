"""Names instead of type ids: what is meant, in which direction, and what a wrong one is told."""

import pytest

from hubassoc_async.errors import UsageError
from hubassoc_async.model import AssociationType
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.published import published_types
from tests.writing import worlds

PUBLISHED = LabelTypes("contacts", "companies")
CHAMPION = AssociationType("USER_DEFINED", 35, "Champion")
CHAMPION_BACK = AssociationType("USER_DEFINED", 36, "Champion")
EMPLOYER = AssociationType("USER_DEFINED", 1, "Employer")
EMPLOYEE = AssociationType("USER_DEFINED", 2, "Employee")
PORTAL = LabelTypes(
    "0-1",
    "companies",
    (
        (AssociationType("HUBSPOT_DEFINED", 279), CHAMPION, EMPLOYER),
        (AssociationType("HUBSPOT_DEFINED", 280), CHAMPION_BACK, EMPLOYEE),
    ),
)


@pytest.mark.parametrize(
    ("given", "type_id"),
    [
        ("primary", 1),
        ("Primary", 1),
        ("default", 279),
        (" UNLABELLED ", 279),
        ("contact_to_company", 1),
        ("contact_to_company_unlabeled", 279),
        ("Billing contact to company", 931),
        ("billing", 931),
        (931, 931),
        ("931", 931),
        (AssociationType("HUBSPOT_DEFINED", 931), 931),
    ],
)
def test_published_types_go_by_name_and_id(given: str, type_id: int) -> None:
    """Without the portal's definitions, HubSpot's own types are known by all their names."""
    assert PUBLISHED.resolve(given).type_id == type_id


def test_the_portals_labels_go_by_name_in_any_case() -> None:
    """A label is found as it is written and in another case, before the published table is."""
    assert PORTAL.resolve("Champion") is CHAMPION
    assert PORTAL.resolve("champion") is CHAMPION
    assert PORTAL.resolve("primary").type_id == 1


def test_an_unknown_name_is_told_the_nearest() -> None:
    """A slip of the pen is answered with what was probably meant."""
    with pytest.raises(UsageError, match="did you mean 'Champion'"):
        PORTAL.resolve("Chmapion")
    with pytest.raises(UsageError, match=r"it has 'default', .*'Champion'"):
        PORTAL.resolve("zzzz")
    with pytest.raises(UsageError, match="labels could not be read"):
        PUBLISHED.resolve("Champion")


def test_an_id_of_two_categories_needs_its_category() -> None:
    """A portal's own ids overlap with HubSpot's: 1 is the primary, and here a label as well."""
    with pytest.raises(UsageError, match=r"ambiguous.*USER_DEFINED 1 \(Employer\)"):
        PORTAL.resolve(1)
    assert PORTAL.resolve(AssociationType("USER_DEFINED", 1)) is EMPLOYER


def test_a_name_of_two_labels_is_ambiguous_unless_its_case_tells() -> None:
    """Labels that differ in case alone are told apart by it; anything else is refused."""
    lower, upper = (AssociationType("USER_DEFINED", n, t) for n, t in ((7, "lead"), (8, "Lead")))
    types = LabelTypes("contacts", "deals", ((lower, upper), ()))
    assert types.resolve("Lead") is upper
    with pytest.raises(UsageError, match="ambiguous"):
        types.resolve("LEAD")


@pytest.mark.parametrize(
    ("types", "given", "here"),
    [
        (PUBLISHED, 280, "279"),
        (PUBLISHED, 2, "HUBSPOT_DEFINED 1"),
        (PORTAL, "Employee", "Employer"),
    ],
)
def test_a_type_of_the_other_direction_is_told_its_inverse(
    types: LabelTypes, given: str | int, here: str
) -> None:
    """280 is company to contact: from contact to company it is 279 that was meant."""
    with pytest.raises(UsageError, match=f"other direction.*here it is .*{here}"):
        types.resolve(given)


def test_an_unknown_id_passes_only_where_the_portal_alone_could_tell() -> None:
    """Without definitions a type that names its category is sent; with them it is known wrong."""
    own = AssociationType("USER_DEFINED", 77)
    assert PUBLISHED.resolve(own) == own
    for types, given in ((PORTAL, own), (PORTAL, 77), (PUBLISHED, 77), (PUBLISHED, True)):
        with pytest.raises(UsageError):
            types.resolve(given)


def test_labels_know_their_inverse() -> None:
    """The same label back, the paired label, the unlabelled type, or what creation said."""
    assert PORTAL.inverse(CHAMPION) is CHAMPION_BACK
    assert PORTAL.inverse(EMPLOYER) is EMPLOYEE
    default = PORTAL.default
    assert default is not None
    back = PORTAL.inverse(default)
    assert back is not None
    assert back.type_id == 280
    made: dict[tuple[str, int | None], tuple[str, int | None]] = {
        ("USER_DEFINED", 35): ("USER_DEFINED", 2)
    }
    portal = PORTAL.types, PORTAL.inverse_types
    assert LabelTypes("0-1", "companies", portal, inverses=made).inverse(CHAMPION) is EMPLOYEE


def test_pairs_of_labels_are_told_apart_by_elimination() -> None:
    """Ids of two pairs are beside each other: 31 is either 30's or 32's, and 30 has no other."""
    there = [AssociationType("USER_DEFINED", n, f"there {n}") for n in (30, 32, 34)]
    back = [AssociationType("USER_DEFINED", n, f"back {n}") for n in (31, 33, 35)]
    types = LabelTypes("contacts", "companies", (there, back))
    found = [types.inverse(one) for one in there]
    assert found == back
    gap = LabelTypes("contacts", "companies", (there[:2], [*back[:2], CHAMPION]))
    assert gap.turned().inverse(CHAMPION) is None


def test_inverses_agree_with_a_portal_of_its_own_making() -> None:
    """The emulator works every inverse out for itself, but for leads to deals, which go one way."""
    catalog = worlds.portal().graph.catalog
    for row in published_types():
        there = catalog.direction(row.from_object_type, row.to_object_type).types[row.type_id]
        types = LabelTypes(row.from_object_type, row.to_object_type)
        found = types.inverse(types.resolve(row.type_id))
        if (row.from_object_type, row.to_object_type) != ("lead", "deal"):
            assert (found and found.type_id) == there.inverse


@pytest.mark.parametrize(
    ("ends", "given", "holder"),
    [
        (("contacts", "companies"), "primary", "from"),
        (("companies", "contacts"), "primary", "to"),
        (("deals", "companies"), 5, "from"),
        (("companies", "deals"), 6, "to"),
        (("leads", "contacts"), "primary", "from"),
        (("contacts", "companies"), "billing", None),
        (("contacts", "companies"), "default", None),
    ],
)
def test_the_end_that_has_a_primary_is_known(
    ends: tuple[str, str], given: str | int, holder: str | None
) -> None:
    """A contact has one primary company, whichever end it is set from; a company has many."""
    types = LabelTypes(*ends)
    assert types.holder(types.resolve(given)) == holder


def test_v3_spells_types_by_name() -> None:
    """By the portal's names where it gave them, else by the published ones; labels have none."""
    listed = [(931, "billing_contact"), (1, "decides"), (1, "contact_to_company"), (9, "boss")]
    types = LabelTypes.of_v3("contacts", "companies", listed)
    assert types.v3_name(types.resolve(279)) == "contact_to_company_unlabeled"
    assert types.v3_name(types.resolve("primary")) == "contact_to_company"
    assert types.v3_name(types.resolve(931)) == "billing_contact"
    assert types.v3_name(types.resolve("decides")) == "decides"
    assert types.resolve("decides").category == "USER_DEFINED"
    assert types.v3_name(types.resolve("boss")) == "boss"
    assert PORTAL.v3_name(CHAMPION) is None
