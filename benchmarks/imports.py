"""Importing: CPU of a fresh interpreter that imports and ends, less that of one that only ends."""

from collections.abc import Iterator
from statistics import median

from benchmarks.child import cpu_of_code
from benchmarks.measure import Aim, Result, Size, Table, spread

NOTHING, FLOOR, OURS = "nothing", "aiohttp and msgspec", "hubassoc_async"
CODE = {
    NOTHING: "pass",
    FLOOR: "import aiohttp, msgspec",
    OURS: "import hubassoc_async",
    "httpx": "import httpx",
    "httpx and pydantic": "import httpx, pydantic; pydantic.BaseModel",
    "hubspot-api-client": (
        "import hubspot; hubspot.HubSpot(access_token='x').crm.associations.v4.batch_api"
    ),
}


def run(size: Size) -> Iterator[Result]:
    """Import everything in turns; once without counting, so that all is compiled and cached."""
    past: dict[str, list[float]] = {name: [] for name in CODE}
    for repeat in range(1 + 2 * size.repeats):
        for name, code in CODE.items():
            spent = cpu_of_code(code)
            if repeat:
                past[name].append(spent)
    nothing = past.pop(NOTHING)
    own = {
        name: [mine - empty for mine, empty in zip(spent, nothing, strict=True)]
        for name, spent in past.items()
    }
    floor = own[FLOOR]
    over = {
        name: [mine / base for mine, base in zip(spent, floor, strict=True)]
        for name, spent in own.items()
    }
    rows = [
        (name, spread([seconds * 1e3 for seconds in spent], 0), spread(over[name]))
        for name, spent in own.items()
    ]
    title = "Importing, over an interpreter that imports nothing"
    yield Table(title, ("import", "CPU ms", f"CPU / that of {FLOOR}"), rows)
    yield Aim(f"CPU of importing over that of {FLOOR}", 1.2, median(over[OURS]))
