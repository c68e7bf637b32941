"""Portals made from a seed: as many records as asked for, associated as portals are.

Rows are cut from one run of ids, so that ten million associations cost seconds and bytes, not
minutes and gigabytes.

Knows: sizes and shapes. Does not know: HTTP.
"""

from array import array
from random import Random
from typing import TYPE_CHECKING, Any

from hubassoc_async.emulator.portal import Portal

if TYPE_CHECKING:
    from hubassoc_async.emulator.storage import Runs

FIRST_ID = {
    "contact": 1_001,
    "company": 20_000_000_001,
    "deal": 40_000_000_001,
    "ticket": 60_000_000_001,
}
"""Where each type's ids start; companies and later pass int32, as real ids do."""


def build_portal(
    seed: int = 0,
    *,
    contacts: int = 1_000,
    companies: int = 200,
    deals: int = 0,
    tickets: int = 0,
    associations: float = 2.0,
    lonely: float = 0.1,
    heavy: float = 0.0,
    heavy_size: int = 2_000,
    **settings: Any,
) -> Portal:
    """A portal from a seed: the same seed gives the same portal.

    ``associations``: companies of a contact that has any, on average; the first is its primary
    company. ``lonely``: share of contacts without a company. ``heavy``: share of contacts that
    have ``heavy_size`` companies instead (at most as many as there are). Deals and tickets each
    have one primary company and up to three contacts. ``settings`` are the portal's.
    """
    portal = Portal(seed=seed, **settings)
    random = Random(seed)  # noqa: S311  a portal has to be the same tomorrow
    sizes = {"contact": contacts, "company": companies, "deal": deals, "ticket": tickets}
    ids = {name: range(FIRST_ID[name], FIRST_ID[name] + size) for name, size in sizes.items()}
    for name, of_type in ids.items():
        if of_type:
            portal.add_objects(name, of_type)
    if companies:
        degrees = _degrees(random, contacts, associations, lonely)
        for at in random.sample(range(contacts), int(contacts * heavy)):
            degrees[at] = heavy_size
        _link(portal, random, ("contact", "company"), ids, degrees, primary=1)
    for name, primary in (("deal", 5), ("ticket", 26)):
        if companies:
            _link(portal, random, (name, "company"), ids, [1] * sizes[name], primary=primary)
        if contacts:
            degrees = [random.randint(1, 3) for _ in range(sizes[name])]
            _link(portal, random, (name, "contact"), ids, degrees)
    return portal


def _degrees(random: Random, size: int, mean: float, lonely: float) -> list[int]:
    """How many companies each contact has: evenly spread from 1 to twice the mean."""
    most = max(1, round(2 * mean) - 1)
    with_any = 100 - round(100 * lonely)
    spread = [0] * (100 - with_any) + [1 + at * most // with_any for at in range(with_any)]
    return random.choices(spread, k=size)


def _link(
    portal: Portal,
    random: Random,
    pair: tuple[str, str],
    ids: dict[str, range],
    degrees: list[int],
    primary: int | None = None,
) -> None:
    """Give each record its number of others: neighbours in a ring, from a random place on."""
    source, target = ids[pair[0]], ids[pair[1]]
    if not source or not target:
        return
    relation = portal.graph.relation(*pair)
    unlabelled = relation.direction.unlabelled
    assert unlabelled is not None, "every pair that is built is a published one"
    labelled = relation.kind({unlabelled.key} | ({primary} if primary else set()))
    plain = relation.kind({unlabelled.key})
    ring = array("q", target) * 2
    size = len(target)
    offsets, to = array("Q", [0]), array("q")
    shapes = array("L", (min(degree, size) for degree in degrees))
    runs: list[Runs] = [(), ((labelled, 1),)]
    for more in range(1, max(shapes, default=0)):
        both = (plain, 1 + more), ((labelled, 1), (plain, more))
        runs.append((both[0],) if labelled == plain else both[1])
    end = 0
    for start, degree in zip(_places(random, size, len(degrees)), shapes, strict=True):
        if degree:
            row = ring[start : start + degree]
            if start + degree > size:
                row = _in_order(row, size - start)
            to += row
            end += degree
        offsets.append(end)
    portal.graph.load(*pair, source, offsets, to, shapes, runs)


def _places(random: Random, size: int, count: int) -> list[int]:
    return [int(random.random() * size) for _ in range(count)]


def _in_order(row: "array[int]", turn: int) -> "array[int]":
    """A row that passed the end of the ring, with the ids after its first ascending."""
    return row[:1] + row[turn:] + row[1:turn]
