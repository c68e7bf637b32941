"""What nobody knows of HubSpot, each way: the client gives the same answers."""

from typing import Any

import pytest

from hubassoc_async import AssociationsClient, ReadResult
from hubassoc_async.emulator import Limits, MemoryTransport, Portal, Unknowns
from hubassoc_async.protocol.versions import VERSIONS
from tests.virtual_time import run_virtual

pytestmark = pytest.mark.filterwarnings("ignore:API v3 lists only the primary company")

WAYS: dict[str, tuple[Any, ...]] = {
    "page_size_v3": (1, 7, 100, 600),
    "page_size": (1, 7, 500, 600),
    "object_ids": ("integer", "string"),
    "result_order": ("reversed", "asked", "shuffled"),
    "last_page": ("absent", "null", "prev"),
    "cursor_encoding": ("percent", "plain"),
    "cursor_order": ("type", "id"),
    "stale_cursor": ("refused", "continued"),
    "duplicate_ids": ("once", "each"),
    "duplicate_pairs": ("last", "union"),
    "too_many_inputs": (400, 413),
    "bad_type": ("canceled", "item", "request"),
    "cap_error": ("item", "request"),
    "record_cap": (None, 40),
    "default_results": ("both", "one"),
    "v3_companies": ("primary", "all"),
    "dated_archive": ("batch", "empty"),
    "associations_bucket": ("own", "general"),
    "bucket_scope": ("app", "account"),
    "associations_policy": ("TEN_SECONDLY_ROLLING", "ASSOCIATIONS"),
    "batch_headers": ("none", "all"),
    "report_time": ("object", "text"),
    "retry_after": (None, 2.0),
    "rejected_count": (False, True),
}
"""Every setting of the portal, with the values that are tried."""

CASES = [(name, value) for name, values in WAYS.items() for value in values]


def portal(unknowns: Unknowns) -> Portal:
    """Contacts with one, thirty and no deals, some of them labelled; a tight limit; one 429."""
    made = Portal(unknowns=unknowns, limits=Limits(general=5, associations=5))
    made.define_label("contact", "deal", "Decides")
    made.associate("contact", 1, "deal", 100)
    for deal in range(100, 130):
        made.associate("contact", 2, "deal", deal, *(["Decides"] if deal % 3 == 0 else []))
    made.associate("contact", 3, "company", 7, "Primary")
    made.fail("rate_limited", nth=1)
    return made


def read(made: Portal, version: str, to: str) -> ReadResult:
    """Read contacts 1 to 4, on virtual time."""

    async def main() -> ReadResult:
        transport = MemoryTransport(made, latency=0.05)
        async with AssociationsClient(transport=transport, api_version=version) as client:
            return await client.read("contacts", to, [1, 2, 3, 4])

    return run_virtual(main())


def shown(result: ReadResult) -> dict[str, dict[str, set[str | None]]]:
    """Labels by record and associated record."""
    return {
        key: {a.to_object_id: {t.label for t in a.association_types} for a in associations}
        for key, associations in result.items()
    }


DEALS: dict[str, dict[str, set[str | None]]] = {
    "1": {"100": {None}},
    "2": {str(d): {None, "Decides"} if d % 3 == 0 else {None} for d in range(100, 130)},
    "3": {},
    "4": {},
}


@pytest.mark.parametrize(("name", "value"), CASES)
def test_reads_are_the_same_each_way(name: str, value: Any) -> None:
    """All ids, all pages, all labels, and no failure."""
    result = read(portal(Unknowns(**{name: value})), "2026-03", "deals")
    assert not result.failures
    assert shown(result) == DEALS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("page_size", [1, 4, 100])
@pytest.mark.parametrize("order", ["type", "id"])
def test_every_version_reads_all_pages(version: str, page_size: int, order: Any) -> None:
    """Whatever a page holds and however pages go."""
    unknowns = Unknowns(page_size=page_size, page_size_v3=page_size, cursor_order=order)
    result = read(portal(unknowns), version, "deals")
    assert not result.failures
    assert {key: set(found) for key, found in shown(result).items()} == {
        key: set(found) for key, found in DEALS.items()
    }


def test_every_setting_is_tried_both_ways() -> None:
    """A setting that the portal gains has to be tried here too."""
    assert tuple(WAYS) == Unknowns.__struct_fields__
    assert all(len(values) > 1 for values in WAYS.values())
