"""Decoding one page: what it costs.

Ours is what the client does with a body: from bytes to the outcomes a caller holds. Beside it
``json.loads`` and plain msgspec structs, which leave JSON's own shape to the caller.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from benchmarks.measure import Result, Size, Table, spread
from benchmarks.pages import SHAPES, Shape, cursor, page_of, renderer
from benchmarks.steps import at_once
from benchmarks.typed import Page
from hubassoc_async.model import ReadResult
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.problem import Problem
from hubassoc_async.protocol.versions import api_version
from hubassoc_async.protocol.wire import read_codec

Decode = Callable[[list[str], bytes], Any]
FLOOR = "msgspec structs"


def _json(_ids: list[str], body: bytes) -> Any:
    return json.loads(body)["results"]


_decode_typed = msgspec.json.Decoder(Page).decode


def _typed(_ids: list[str], body: bytes) -> Any:
    return _decode_typed(body).results


_codec = read_codec("v4")  # a client has one for all its reads


def _ours(ids: list[str], body: bytes) -> Any:
    exchange = ReadExchange(api_version("2026-03"), "contacts", "companies", codec=_codec)
    exchange.feed(ids)
    outcomes = at_once(exchange.receive(exchange.next_batch(), Response(200, {}, body)))
    assert not isinstance(outcomes, Problem)
    return ReadResult(outcomes)


_skip = msgspec.json.Decoder(msgspec.Raw).decode

DECODERS: dict[str, Decode] = {
    "scan only": lambda _ids, body: _skip(body),
    FLOOR: _typed,
    "ours": _ours,
    "json.loads": _json,
}


def milliseconds(decode: Decode, ids: list[str], body: bytes) -> float:
    """Time one decode, of at least 50 ms worth of them, in CPU milliseconds."""
    count = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < 0.05:
        decode(ids, body)
        count += 1
    return spent / count * 1e3


def speed(shape: Shape, repeats: int) -> Table:
    """Decode one page of a shape by each decoder, in turns."""
    ids = shape.id_list()[:1000]
    body = page_of(shape)
    if shape.pages > 1:  # the last page, which completes its ids for us
        body = renderer(shape)([(each, cursor(shape.pages - 1)) for each in ids])
    past: dict[str, list[float]] = {name: [] for name in DECODERS}
    for _ in range(repeats):
        for name, decode in DECODERS.items():
            past[name].append(milliseconds(decode, ids, body))
    rows = [
        (
            name,
            spread(times, 3),
            spread(mine / floor for mine, floor in zip(times, past[FLOOR], strict=True)),
            spread(theirs / mine for mine, theirs in zip(times, past["json.loads"], strict=True)),
        )
        for name, times in past.items()
    ]
    title = f"Decoding a page, {shape.name}: {len(ids)} ids, {len(body):,} bytes"
    return Table(title, ("decoder", "CPU ms", f"CPU / {FLOOR}", "json.loads' CPU / its"), rows)


def run(size: Size) -> Iterator[Result]:
    """Run every comparison."""
    for name in size.shapes:
        yield speed(SHAPES[name], size.repeats)
