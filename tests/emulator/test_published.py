"""The published tables, which both peers start from."""

import pytest

from hubassoc_async.protocol.published import OBJECT_TYPES, object_type_name, published_types


def test_every_published_type_once() -> None:
    """The 412 published types are there, each once, in the order of the table."""
    rows = published_types()
    keys = [(row.from_object_type, row.to_object_type, row.type_id) for row in rows]
    assert len(rows) == 412
    assert keys == sorted(set(keys))


def test_known_rows() -> None:
    """The types everybody meets have the ids and directions that HubSpot documents."""
    names = {
        (row.from_object_type, row.to_object_type, row.type_id): row.name
        for row in published_types()
    }
    assert names["contact", "company", 1] == "Contact to primary company"
    assert names["contact", "company", 279] == "Contact to company"
    assert names["deal", "company", 341] == "Deal to company"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("contact", "contact"),
        ("Contacts", "contact"),
        ("0-1", "contact"),
        ("COMPANIES", "company"),
        ("line_items", "line_item"),
        ("taxes", "tax"),
        ("0-970", "project"),
        ("widgets", None),
        ("2-1234", None),
        ("0-9999", None),
        ("", None),
    ],
)
def test_spellings(spelling: str, name: str | None) -> None:
    """A path may name a type in the singular, the plural or by id, in any case."""
    assert object_type_name(spelling) == name


def test_every_object_type_is_found_by_its_id() -> None:
    """Each published type id is a spelling of its name."""
    assert all(object_type_name(type_id) == name for type_id, name in OBJECT_TYPES.items())
