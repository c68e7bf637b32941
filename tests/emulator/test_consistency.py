"""Whatever is written, both directions agree, and pages together are the whole."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.emulator import Portal, Unknowns, build_portal
from hubassoc_async.emulator.build import FIRST_ID
from tests.emulator.asking import batch, read
from tests.emulator.test_writing import labelled, spec

CONTACTS = [FIRST_ID["contact"] + at for at in range(4)]
COMPANIES = [FIRST_ID["company"] + at for at in range(4)]
INVERSE = {1: 2, 279: 280, 931: 930}

WRITES = st.lists(
    st.tuples(
        st.sampled_from(["create", "associate/default", "archive", "labels/archive"]),
        st.sampled_from(CONTACTS),
        st.sampled_from(COMPANIES),
        st.sets(st.sampled_from(list(INVERSE)), min_size=1),
    ),
    max_size=12,
)
Links = set[tuple[int, int, int]]


def write(portal: Portal, model: Links, change: tuple[str, int, int, set[int]]) -> None:
    """Write to the portal, and what HubSpot's rules make of it to a set."""
    operation, contact, company, types = change
    item = labelled(contact, company, *map(spec, types))
    if operation == "archive":
        item = {"from": {"id": str(contact)}, "to": [{"id": str(company)}]}
    assert batch(portal, operation, [item]).status in (200, 201)
    held = {link for link in model if link[:2] == (contact, company)}
    if operation in ("create", "archive"):
        model -= held
    if operation == "create":
        if 1 in types:
            model -= {link for link in model if link[0] == contact and link[2] == 1}
        model |= {(contact, company, kind) for kind in types | {279}}
    elif operation == "associate/default":
        model.add((contact, company, 279))
    elif operation == "labels/archive":
        model -= held if 279 in types else {(contact, company, kind) for kind in types}


def seen(portal: Portal, ids: list[int], pair: str) -> Links:
    """Every link of some records, page by page."""
    found: list[tuple[int, int, int]] = []
    inputs: list[Any] = [{"id": str(i)} for i in ids]
    while inputs:
        results = read(portal, *inputs, pair=pair)["results"]
        inputs = []
        for result in results:
            own = int(result["from"]["id"])
            found += [
                (own, to["toObjectId"], kind["typeId"])
                for to in result["to"]
                for kind in to["associationTypes"]
            ]
            if "paging" in result:
                inputs.append({"id": str(own), "after": result["paging"]["next"]["after"]})
    assert len(found) == len(set(found)), "a link came twice"
    return set(found)


@given(
    writes=WRITES,
    page_size=st.integers(1, 6),
    order=st.sampled_from(["type", "id"]),
    built=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_both_directions_and_all_pages_are_the_model(
    writes: Any, page_size: int, order: Any, built: bool
) -> None:
    """On an empty portal, and on top of one that was loaded in bulk."""
    unknowns = Unknowns(page_size=page_size, cursor_order=order)
    sizes: Any = {"contacts": 4, "companies": 4, "associations": 2.0 if built else 1.0}
    portal = build_portal(3, **sizes, lonely=0.2 if built else 1, unknowns=unknowns)
    model = seen(portal, CONTACTS, "contact/company")
    assert bool(model) is built
    for change in writes:
        write(portal, model, change)
    assert seen(portal, CONTACTS, "contact/company") == model
    back = {(company, contact, INVERSE[kind]) for contact, company, kind in model}
    assert seen(portal, COMPANIES, "company/contact") == back
