"""What is judged: real reads by the client, and answers of every kind the portal gives.

Knows: both peers. Does not know: the published files.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import Limits, MemoryTransport, Portal, Unknowns
from hubassoc_async.emulator.faults import ANSWERS
from hubassoc_async.errors import HubAssocError
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.retry import RetryPolicy
from hubassoc_async.protocol.versions import VERSIONS
from tests.emulator.asking import HEADERS, OBJECTS, batch_request
from tests.virtual_time import run_virtual


class Exchange(NamedTuple):
    """One request and its answer."""

    request: Request
    response: Response
    by_client: bool


class Recorder(MemoryTransport):
    """A transport that keeps what it carried."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self.carried: list[Exchange] = []

    async def send(self, request: Request) -> Response:
        """Send one request and keep both sides."""
        response = await super().send(request)
        self.carried.append(Exchange(request, response, by_client=True))
        return response


def portal_of(unknowns: Unknowns | None = None) -> Portal:
    """State a world with none, few, labelled and many associations."""
    portal = Portal(unknowns=unknowns or Unknowns(page_size=50, page_size_v3=10))
    portal.add_objects("contacts", range(1, 6))
    portal.add_objects("companies", range(900, 1100))
    decides, _ = portal.define_label("contacts", "companies", "Decision maker")
    portal.associate("contacts", 1, "companies", 900)
    portal.associate("contacts", 2, "companies", 901, "Primary", decides)
    for company in range(902, 1022):
        portal.associate("contacts", 3, "companies", company, decides)
        portal.associate("contacts", 3, "deals", company)
    return portal


def read(portal: Portal, version: str, to: str = "companies") -> list[Exchange]:
    """Read contacts 1 to 8 with the client, whatever comes of it."""
    recorder = Recorder(portal)

    async def main() -> None:
        async with AssociationsClient(
            transport=recorder,
            api_version=version,
            retry=RetryPolicy(attempts=2, total=5.0),
            linger=0.01,
        ) as client:
            with suppress(HubAssocError):
                await client.read("contacts", to, range(1, 9), deadline=60.0)

    run_virtual(main())
    return recorder.carried


def client_reads(version: str) -> Iterator[Exchange]:
    """Reads of every outcome, under each way in which answers may be written."""
    for unknowns in (
        Unknowns(page_size=50, page_size_v3=10, v3_companies="all"),
        Unknowns(page_size=50, page_size_v3=10, last_page="null", object_ids="string"),
        Unknowns(page_size=50, page_size_v3=10, last_page="prev", batch_headers="all"),
        Unknowns(page_size=50, page_size_v3=10, cursor_encoding="plain", cursor_order="id"),
    ):
        yield from read(portal_of(unknowns), version)
        yield from read(portal_of(unknowns), version, "deals")


def refused_reads(version: str) -> Iterator[Exchange]:
    """Reads that the portal refuses as a whole."""
    yield from read(portal_of(), version, "widgets")
    yield from read(portal_of(), version, "0-9999")
    locked_out = portal_of()
    locked_out.add_token("another")
    yield from read(locked_out, version)
    no_scope = portal_of()
    no_scope.add_token("pat-na1-test", scopes=[])
    yield from read(no_scope, version)
    for limits in (Limits(associations=1), Limits(associations_daily=1), Limits(daily=1)):
        spent = Portal(limits=limits, unknowns=Unknowns(page_size=1))
        for company in (1, 2, 3):
            spent.associate("contacts", 1, "companies", company)
        yield from read(spent, version)


def hand_written(version: str) -> Iterator[Exchange]:
    """Requests that the client does not make, as its user cannot make it: only answers count."""
    portal = portal_of()

    def ask(request: Request) -> Exchange:
        return Exchange(request, portal.handle(request, HEADERS, 0.0).response, by_client=False)

    yield ask(batch_request("read", ["x"], version=version))
    yield ask(batch_request("read", [{"name": "1"}], version=version))
    yield ask(batch_request("read", ["1"] * 1001, version=version))
    yield ask(Request("GET", f"{OBJECTS[version]}/contacts/3/associations/companies", "limit=3"))
    yield ask(Request("GET", f"{OBJECTS[version]}/contacts/77/associations/companies"))


def failing_reads(version: str) -> Iterator[Exchange]:
    """Every way in which the portal, or what stands before it, says that it will not answer."""
    for kind in sorted(ANSWERS.keys() - {"response", "reset_before"}):
        portal = portal_of()
        portal.fail(kind, times=1)
        request = batch_request("read", ["1"], version=version)
        yield Exchange(request, portal.handle(request, HEADERS, 0.0).response, by_client=False)


def writes(version: str) -> Iterator[Exchange]:
    """Batch writes, written by hand: done, done in part, and refused."""
    portal = portal_of()

    def ask(operation: str, *inputs: object) -> Exchange:
        request = batch_request(operation, inputs, version=version)
        return Exchange(request, portal.handle(request, HEADERS, 0.0).response, by_client=False)

    pair, missing = _pair(4, 910), _pair(4, 99_999)
    if version == "v3":
        typed = {"type": "contact_to_company_unlabeled"}
        yield ask("create", {**pair, **typed})
        yield ask("create", {**pair, **typed}, {**missing, **typed})
        yield ask("archive", {**pair, **typed})
        return
    types = {"types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}
    wrong = {"types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}]}
    yield ask("create", {**pair, **types})
    yield ask("create", {**pair, **types}, {**missing, **types})
    yield ask("create", {**pair, **wrong})
    yield ask("associate/default", _pair(5, 911))
    yield ask("associate/default", _pair(5, 911), missing)
    yield ask("labels/archive", {**pair, **types})
    yield ask("archive", {"from": {"id": "5"}, "to": [{"id": "911"}]})


def _pair(contact: int, company: int) -> dict[str, dict[str, str]]:
    return {"from": {"id": str(contact)}, "to": {"id": str(company)}}


SCENES: tuple[Callable[[str], Iterator[Exchange]], ...] = (
    client_reads,
    refused_reads,
    hand_written,
    failing_reads,
    writes,
)


def everything() -> list[Exchange]:
    """Play every scene in every version."""
    return [each for version in VERSIONS for scene in SCENES for each in scene(version)]
