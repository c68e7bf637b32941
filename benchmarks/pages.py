"""The answers of every benchmark: pages of five shapes, rendered once, put together by id.

Knows: HubSpot's v4-and-later answers. Does not know: the client, nor who asks.
"""

import base64
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise, repeat
from math import ceil
from typing import NamedTuple

PAGE_SIZE = 500
BATCH = 1000
"""Inputs of a request."""
LABEL, TYPE_ID = "Decision maker", 37
"""Of the links that are created."""
FIRST_ID = 34_000_000_000
"""Eleven digits, as ids have today: they do not fit 32 bits."""

TYPE_SETS: tuple[tuple[int, list[dict[str, object]]], ...] = (
    # weight, and the types of one association: a portal has only a handful of such sets
    (60, [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}]),
    (
        25,
        [
            {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"},
            {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
        ],
    ),
    (
        10,
        [
            {"category": "USER_DEFINED", "typeId": TYPE_ID, "label": LABEL},
            {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
        ],
    ),
    (
        5,
        [
            {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"},
            {"category": "USER_DEFINED", "typeId": 41, "label": "Billing contact"},
            {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
        ],
    ),
)


class Shape(NamedTuple):
    """One kind of portal."""

    name: str
    to_object_type: str
    """Selects the shape in a request's path: the responder knows no other."""
    ids: int
    """How many ids one round of a benchmark reads."""
    associations: float
    """Mean associations an id."""
    pages: int = 1
    """Pages an id has, of PAGE_SIZE associations where there is more than one."""

    def id_list(self, share: float = 1.0) -> list[str]:
        """Give the ids of one round, or a share of them."""
        return [str(FIRST_ID + number) for number in range(max(1, round(self.ids * share)))]


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("typical", "companies", 20_000, 3.3),
        Shape("dense", "deals", 2_000, 100),
        Shape("giant", "tickets", 2, 50_000, 50_000 // PAGE_SIZE),
        Shape("empty", "notes", 20_000, 0),
        Shape("full", "calls", 1_000, PAGE_SIZE),  # 60 MB a page: as large as they come
    )
}
BY_PATH = {shape.to_object_type: shape for shape in SHAPES.values()}


def cursor(page: int) -> str:
    """Make the cursor that asks for page ``page``, looking as HubSpot's do: percent-encoded."""
    return base64.b64encode(f"0-2-{page}".encode()).decode().replace("=", "%3D")


CURSORS = {cursor(page): page for page in range(1, SHAPES["giant"].pages)}


def _to_list(count: int, chance: random.Random) -> bytes:
    """Render one ``to`` list; ids are JSON integers, as the live API sends them."""
    weights = [weight for weight, _ in TYPE_SETS]
    sets = [types for _, types in TYPE_SETS]
    to = [
        {
            "toObjectId": chance.randrange(10**10, 10**11),
            "associationTypes": chance.choices(sets, weights)[0],
        }
        for _ in range(count)
    ]
    return json.dumps(to, separators=(",", ":")).encode()


def _counts(shape: Shape, chance: random.Random) -> Iterable[int]:
    if shape.name == "typical":
        return (min(40, 1 + int(chance.expovariate(1 / 2.8))) for _ in range(997))
    if shape.pages > 1:
        return repeat(PAGE_SIZE, shape.pages)
    return repeat(int(shape.associations), 97 if shape.name == "dense" else 13)


@cache
def pool(shape_name: str) -> tuple[bytes, ...]:
    """Render the tails of a shape's results; id modulo pool, or page number, picks one."""
    shape = SHAPES[shape_name]
    chance = random.Random(7)
    if shape.pages > 1:
        links = [*(_paging(after) for after in CURSORS), b""]
        lists = (_to_list(count, chance) for count in _counts(shape, chance))
        return tuple(b'"},"to":' + to + link + b"}" for to, link in zip(lists, links, strict=True))
    return tuple(b'"},"to":' + _to_list(n, chance) + b"}" for n in _counts(shape, chance))


def _paging(after: str) -> bytes:
    link = f"https://api.hubapi.com/?after={after}"
    paging = json.dumps({"next": {"after": after, "link": link}}, separators=(",", ":"))
    return b',"paging":' + paging.encode()


Renderer = Callable[[list[tuple[str, str | None]]], bytes]


def renderer(shape: Shape) -> Renderer:
    """Give the function that puts a whole answer together: (id, after) pairs in, body out."""
    if shape.name == "empty":
        return _empty
    tails = pool(shape.name)

    def render(inputs: list[tuple[str, str | None]]) -> bytes:
        results = b",".join(_results(tails, inputs, paged=shape.pages > 1))
        return b'{"status":"COMPLETE","results":[' + results + b"]," + _TIMES + b"}"

    return render


def _results(
    tails: tuple[bytes, ...], inputs: list[tuple[str, str | None]], *, paged: bool
) -> Iterator[bytes]:
    size = len(tails)
    for object_id, after in inputs:
        index = (CURSORS[after] if after else 0) if paged else int(object_id) % size
        yield b'{"from":{"id":"' + object_id.encode() + tails[index]


_TIMES = (
    b'"startedAt":"2026-11-21T10:00:00.001Z","requestedAt":"2026-11-21T10:00:00.000Z",'
    b'"completedAt":"2026-11-21T10:00:00.042Z"'
)


def _empty(inputs: list[tuple[str, str | None]]) -> bytes:
    errors = b",".join(
        b'{"status":"error","category":"OBJECT_NOT_FOUND","subCategory":'
        b'"crm.associations.NO_ASSOCIATIONS_FOUND","message":"No note is associated with contact '
        + object_id.encode()
        + b'.","context":{"fromObjectId":["'
        + object_id.encode()
        + b'"],"fromObjectType":["contact"],"toObjectType":["note"]}}'
        for object_id, _ in inputs
    )
    count = str(len(inputs)).encode()
    return (
        b'{"status":"COMPLETE","results":[],"numErrors":' + count + b',"errors":[' + errors + b"],"
    ) + (_TIMES + b"}")


def definitions() -> bytes:
    """Render the list of labels that creating by name asks for."""
    kinds = [
        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None},
        {"category": "USER_DEFINED", "typeId": TYPE_ID, "label": LABEL},
    ]
    return json.dumps({"results": kinds}).encode()


def created(asked: bytes) -> bytes:
    """Render the answer to a batch create of labelled links."""
    results = [
        {
            "fromObjectTypeId": "0-1",
            "fromObjectId": int(one["from"]["id"]),
            "toObjectTypeId": "0-2",
            "toObjectId": int(one["to"]["id"]),
            "labels": [LABEL],
        }
        for one in reversed(json.loads(asked)["inputs"])
    ]
    listed = json.dumps(results, separators=(",", ":")).encode()
    return b'{"status":"COMPLETE","results":' + listed + b"," + _TIMES + b"}"


def fewest_requests(pages: Sequence[int]) -> int:
    """Count the requests that no client can do without, for records of so many pages.

    Each page needs a place in a batch. And a record's pages come one after another, the first not
    before those of all the records before it have their places: a long record among the last
    takes requests that have little but its cursors. To ask in another order would help who knew
    beforehand which records are long; by the time a client knows, it has their first pages.
    """
    last = max((at // BATCH + count for at, count in enumerate(pages)), default=0)
    return max(ceil(sum(pages) / BATCH), last)


def batches(ids: list[str], size: int = BATCH) -> list[list[str]]:
    """Cut ids into batches of at most ``size``."""
    edges = [*range(0, len(ids), size), len(ids)]
    return [ids[start:end] for start, end in pairwise(edges)]


def page_of(shape: Shape, size: int = 1000) -> bytes:
    """Render the answer to one batch read of a shape's first ids."""
    ids = shape.id_list()[:size]
    return renderer(shape)([(object_id, None) for object_id in ids])
