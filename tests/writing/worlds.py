"""Portals and links for property tests, and what ought to become of them."""

import json
from random import Random

from hypothesis import strategies as st
from msgspec import Struct

from hubassoc_async.emulator import Portal
from hubassoc_async.emulator.settings import Unknowns
from hubassoc_async.errors import TransportError
from hubassoc_async.model import AssociationType
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.writing import Step
from tests.writing.peer import HEADERS

CONTACTS, COMPANIES = range(1, 9), range(101, 107)
MISSING_CONTACTS, MISSING_COMPANIES = (9, 10), (107,)
PRIMARY, PLAIN, BILLING = 1, 279, 931
IMPOSSIBLE = AssociationType("USER_DEFINED", 4242, "Deleted")
"""A type that no portal here has."""

Given = tuple[int, int, tuple[int | str | AssociationType, ...]]
World = dict[tuple[int, int], frozenset[int]]


def portal(**unknowns: object) -> Portal:
    """A portal with a few contacts, companies and two labels of its own."""
    made = Portal(unknowns=Unknowns(**unknowns))  # type: ignore[arg-type]
    made.add_objects("contact", CONTACTS)
    made.add_objects("company", COMPANIES)
    made.define_label("contact", "company", "Decision maker")
    made.define_label("contact", "company", "Employer", "Employee")
    return made


def definitions(
    made: Portal, from_type: str = "contacts", to_type: str = "companies"
) -> LabelTypes:
    """A portal's label definitions, asked for by hand."""

    def listed(one: str, other: str) -> list[AssociationType]:
        path = f"/crm/associations/2026-03/{one}/{other}/labels"
        body = made.handle(Request("GET", path), HEADERS, 0.0).response.body
        return [
            AssociationType(t["category"], t["typeId"], t["label"])
            for t in json.loads(body)["results"]
        ]

    both = listed(from_type, to_type), listed(to_type, from_type)
    return LabelTypes(from_type, to_type, both)


def stale(made: Portal) -> LabelTypes:
    """Definitions with a label that has been deleted since: only the portal can refuse it."""
    known = definitions(made)
    there = (*known.types, IMPOSSIBLE)
    return LabelTypes("contacts", "companies", (there, known.inverse_types))


class Spoiler(Struct):
    """Loses or breaks answers that the portal has acted on, so many times at most."""

    random: Random
    times: int

    def __call__(self, _step: Step, response: Response) -> Response | TransportError:
        """Bring an answer home, or not."""
        if not self.times or self.random.random() < 0.5:
            return response
        self.times -= 1
        ways: list[Response | TransportError] = [
            TransportError("lost"),
            Response(502, {}, b"<html><title>Bad gateway</title></html>"),
            Response(response.status, response.headers, response.body[:-20] or b"{"),
        ]
        return self.random.choice(ways)


names = st.sampled_from((PLAIN, BILLING, "Decision maker", "employer"))
links = st.lists(
    st.tuples(
        st.sampled_from((*CONTACTS, *MISSING_CONTACTS)),
        st.sampled_from((*COMPANIES, *MISSING_COMPANIES)),
        st.lists(names, min_size=1, max_size=3).map(tuple),
    ),
    max_size=60,
)
before = st.lists(
    st.tuples(
        st.sampled_from(CONTACTS),
        st.sampled_from(COMPANIES),
        st.lists(st.sampled_from((PRIMARY, BILLING, "Decision maker")), max_size=2).map(tuple),
    ),
    max_size=20,
)


def state_before(made: Portal, pairs: list[tuple[int, int, tuple[int | str, ...]]]) -> None:
    """Associate pairs in a portal, a primary moving from company to company."""
    for contact, company, labels in pairs:
        made.associate("contact", contact, "company", company, *labels)


def keys_of(types: LabelTypes, given: tuple[int | str | AssociationType, ...]) -> frozenset[int]:
    """Type ids as the portal has them: negative for its own."""
    resolved = [types.resolve(one) for one in given]
    return frozenset(
        (one.type_id or 0) if one.category == "HUBSPOT_DEFINED" else -(one.type_id or 0)
        for one in resolved
    )


def expected(
    world: World, types: LabelTypes, wanted: list[Given], *, append: bool
) -> tuple[World, dict[tuple[str, str], str]]:
    """What a portal ought to have afterwards, and what ought to become of each pair."""
    after = dict(world)
    asked: dict[tuple[int, int], frozenset[int]] = {}
    impossible = set()
    for contact, company, given in wanted:
        pair = contact, company
        if IMPOSSIBLE in given:
            impossible.add(pair)
        possible = tuple(one for one in given if one != IMPOSSIBLE)
        asked[pair] = asked.get(pair, frozenset()) | keys_of(types, possible)
    statuses: dict[tuple[str, str], str] = {}
    for pair, keys in asked.items():
        text = str(pair[0]), str(pair[1])
        there = pair[0] in CONTACTS and pair[1] in COMPANIES and pair not in impossible
        had = world.get(pair, frozenset())
        if append and pair not in impossible and had and keys <= had:
            statuses[text] = "unchanged"
        elif not there:
            statuses[text] = "failed"
        else:
            statuses[text] = "written"
            after[pair] = keys | {PLAIN} | (had if append else frozenset())
    return after, statuses
