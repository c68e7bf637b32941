"""The emulator: what it costs.

A large portal, of ten associations a contact: time to start, memory, time to turn the directions
round. Then reads of 1,000 inputs, each asked once and never again, beside what the client spends to
decode the same answers: the emulator has to be the quicker one, or it is what a benchmark measures.
"""

import json
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from benchmarks.child import call_apart, peak_bytes
from benchmarks.decode import DECODERS, FLOOR
from benchmarks.measure import Result, Size, Table, spread
from hubassoc_async.emulator import Portal, build_portal
from hubassoc_async.emulator.build import FIRST_ID
from hubassoc_async.protocol.message import Request

HEADERS = {"authorization": "Bearer benchmark"}
COMPANIES_SHARE = 0.1
"""Companies a contact."""
MEANS = (1.0, 2.0, 10.0, 50.0)
"""Associations of a contact that has any, on average."""


def request(ids: list[str], pair: str = "contacts/companies") -> Request:
    """A read of these ids."""
    body = json.dumps({"inputs": [{"id": object_id} for object_id in ids]}).encode()
    return Request("POST", f"/crm/associations/2026-03/{pair}/batch/read", "", body)


def sample(portal: Portal, random: Random) -> list[str]:
    """A thousand contacts of a portal."""
    size = len(portal.graph.objects["contact"])
    first = FIRST_ID["contact"]
    return [str(first + at) for at in random.sample(range(size), 1_000)]


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def scale(contacts: int) -> dict[str, float]:
    """Build the large portal in this process, and measure it."""
    found: list[Portal] = []

    def build() -> None:
        found.append(
            build_portal(
                contacts=contacts,
                companies=round(contacts * COMPANIES_SHARE),
                associations=10.5,
                lonely=0,
            )
        )

    start = _timed(build)
    portal = found[0]
    megabytes = peak_bytes() / 2**20
    company = [str(FIRST_ID["company"])]
    turned = _timed(lambda: portal.handle(request(company, "companies/contacts"), HEADERS, 0.0))
    relation = portal.graph.relation("contact", "company")
    return {
        "associations": relation.count(),
        "start": start,
        "megabytes": megabytes,
        "turned": turned,
        "megabytes_turned": peak_bytes() / 2**20,
    }


def start(contacts: int) -> Table:
    """Measure the large portal in a fresh process."""
    figures = call_apart(scale, contacts)
    rows = [
        ("started", f"{figures['start']:.2f} s", f"{figures['megabytes']:.0f} MiB"),
        (
            "both directions read",
            f"{figures['start'] + figures['turned']:.2f} s",
            f"{figures['megabytes_turned']:.0f} MiB",
        ),
    ]
    title = f"A portal of {contacts:,} contacts and {figures['associations']:,.0f} associations"
    return Table(title, ("once it has", "seconds", "most memory"), rows)


def rate(reads: int) -> Table:
    """Answer reads of 1,000 inputs, and decode the answers, in turns."""
    rows = []
    for mean in MEANS:
        portal = build_portal(
            contacts=100_000, companies=10_000, associations=mean, log_bodies=False
        )
        random = Random(1)
        spent: dict[str, list[float]] = {"emulator": [], "ours": [], FLOOR: []}
        size = 0
        for _ in range(reads):
            ids = sample(portal, random)
            asked = request(ids)
            started = time.process_time()
            body = portal.handle(asked, HEADERS, 0.0).response.body
            spent["emulator"].append((time.process_time() - started) * 1e3)
            size += len(body)
            for name in ("ours", FLOOR):
                started = time.process_time()
                DECODERS[name](ids, body)
                spent[name].append((time.process_time() - started) * 1e3)
        ratios = [e / o for e, o in zip(spent["emulator"], spent["ours"], strict=True)]
        rows.append(
            (
                f"{mean:g}",
                f"{size / reads:,.0f}",
                spread(spent["emulator"]),
                spread(spent["ours"]),
                spread(spent[FLOOR]),
                spread(ratios),
            )
        )
    columns = ("associations", "bytes", "emulator", "client", FLOOR, "emulator / client")
    return Table("A read of 1,000 inputs, CPU milliseconds", columns, rows)


def run(size: Size) -> Iterator[Result]:
    """Measure the start of the large portal, then how quickly portals answer."""
    yield start(size.largest)
    yield rate(10 * size.repeats)
