"""Whatever is asked, the portal answers: it never raises, and every JSON body is JSON."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.emulator import Portal, Unknowns
from hubassoc_async.protocol.message import Request
from tests.emulator.asking import ASSOCIATIONS, HEADERS, OBJECTS

IDS = st.sampled_from(
    ["1", "2", "10", "11", "x", "", "-1", "9" * 30, "9" * 5000, "\u0661", "\ud800"]
)
TYPES = st.sampled_from(["contacts", "company", "0-3", "LEAD", "2-1234", "widgets", "0-9", "é/"])
SPECS = st.fixed_dictionaries(
    {
        "associationCategory": st.sampled_from(["HUBSPOT_DEFINED", "USER_DEFINED", "", None]),
        "associationTypeId": st.sampled_from([1, 279, 280, 28, -5, 10**30, "1", None]),
    }
)
AFTERS = st.sampled_from(["MC0yNzktMTA%3D", "MC0xLTEw", "x", "%", "", 7, None, "MC05LTk5OTk5"])
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
RECORDS = st.fixed_dictionaries({"id": IDS | JUNK})
INPUTS = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS | JUNK,
        "after": AFTERS,
        "from": RECORDS | JUNK,
        "to": RECORDS | st.lists(RECORDS, max_size=3) | JUNK,
        "types": st.lists(SPECS, max_size=3) | JUNK,
        "type": st.sampled_from(["contact_to_company", "x"]) | JUNK,
        "category": st.sampled_from(["HUBSPOT_DEFINED", "x"]),
        "typeId": st.sampled_from([1, 279, 10**20]),
        "maxToObjectIds": st.integers(),
    },
)
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "label": st.text(max_size=5) | JUNK,
        "name": st.text(max_size=5) | JUNK,
        "inverseLabel": st.text(max_size=5) | JUNK,
        "associationTypeId": st.sampled_from([28, 29, 279]) | JUNK,
        "filterGroups": JUNK,
        "sorts": JUNK,
        "limit": JUNK,
    },
)
BODIES = (
    st.fixed_dictionaries({"inputs": st.lists(INPUTS | JUNK, max_size=5) | JUNK})
    | LABELS
    | st.lists(SPECS, max_size=2)
    | JUNK
)
ENDS = st.sampled_from(
    [
        *("batch/read", "batch/create", "batch/associate/default", "batch/archive"),
        *("batch/labels/archive", "labels", "labels/28", "labels/x", "types"),
        *("batch/update", "batch/purge"),
    ]
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"])
QUERIES = st.sampled_from(
    ["", "limit=2", "limit=x&after=%", "after=MC0yNzktMTA", "after=%FF", "&&="]
)


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path such as HubSpot has, or nearly."""
    version = draw(st.sampled_from(list(ASSOCIATIONS)))
    source, target = (quote(draw(TYPES), safe="") for _ in range(2))
    ids = [quote(draw(IDS).encode(errors="replace"), safe="") for _ in range(2)]
    one = f"{OBJECTS[version]}/{source}/{ids[0]}/associations"
    definitions = f"{ASSOCIATIONS[version]}/definitions/configurations"
    return draw(
        st.sampled_from(
            [
                f"{ASSOCIATIONS[version]}/{source}/{target}/{draw(ENDS)}",
                f"{definitions}/{source}/{target}/{draw(ENDS)}",
                f"{definitions}/all",
                f"{one}/{target}",
                f"{one}/{target}/{ids[1]}",
                f"{one}/default/{target}/{ids[1]}",
                f"{OBJECTS[version]}/{source}",
                f"{OBJECTS[version]}/{source}/search",
                f"{ASSOCIATIONS[version]}/usage/high-usage-report/{ids[0]}",
                "/oauth/2026-09/token",
                "/",
            ]
        )
    )


def portal(*, loose: bool) -> Portal:
    """Two contacts with companies, and every switch in another place where ``loose``."""
    other = Unknowns(
        page_size=1,
        page_size_v3=1,
        object_ids="string",
        result_order="shuffled",
        last_page="prev",
        cursor_encoding="plain",
        cursor_order="id",
        stale_cursor="continued",
        duplicate_ids="each",
        duplicate_pairs="union",
        too_many_inputs=413,
        bad_type="item",
        cap_error="request",
        record_cap=2,
        default_results="one",
        v3_companies="all",
        dated_archive="empty",
        report_time="text",
    )
    made = Portal(unknowns=other if loose else Unknowns(), check_objects=not loose)
    made.define_object("2-1234", "pets")
    made.define_label("contact", "company", "Adviser", "Advised by")
    for contact in (1, 2):
        for company in (10, 11):
            made.associate("contact", contact, "company", company, "Primary", "Adviser")
    return made


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_every_request_is_answered(data: st.DataObject) -> None:
    """Several in a row, since one may leave behind what the next one meets."""
    made = portal(loose=data.draw(st.booleans()))
    for now in range(data.draw(st.integers(1, 4))):
        raw = data.draw(BODIES)
        body = data.draw(st.sampled_from([json.dumps(raw).encode(), b"", b"{", b"\xff", None]))
        request = Request(data.draw(METHODS), data.draw(paths()), data.draw(QUERIES), body)
        response = made.handle(request, HEADERS, float(now)).response
        assert 200 <= response.status < 500
        if response.body:
            json.loads(response.body)
