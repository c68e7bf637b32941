"""JSON to structs, with one error for all that can be wrong, and the cutting of a large answer.

Knows: bytes, and how an answer with ``results`` is laid out. Does not know: what is in a result.

A large answer is decoded in slices of its results, since a decoder holds the interpreter until it
is done: 8 ms a megabyte, and answers have up to 60. It is cut at ``,{"from":``, which cannot stand
inside a JSON string: a quote there has a backslash before it. Where all slices are arrays by
themselves, and what stands before the first is ``{``, plain fields and ``"results":[``, each slice
starts and ends among the results, as the one before it did. So slices that decode mean what the
whole means, and where they do not the whole has to say what it means.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeVar

import msgspec

from hubassoc_async.errors import ProtocolError

T = TypeVar("T")

SLICE = 128 * 2**10
"""Bytes that are decoded at once: what is made of them fits a cache, which saves a tenth of it."""
SLICES_A_TURN = 4
"""After so many others have a turn: some 4 ms, in which 1,000 typical records are decoded."""
_HEAD = re.compile(rb'\{(?:"\w+":(?:"[^"\\]*"|\w+),)*+"results":\[(?=\{"from":)', re.ASCII)
_BETWEEN = b',{"from":'
_RESULTS = b'"results":'


class Slices(NamedTuple):
    """A large answer, cut."""

    results: list[memoryview]
    """Results of it, in order, each slice without the brackets of an array."""
    rest: bytes
    """The answer without those."""


def sliced(body: bytes) -> Slices | None:
    """Cut a large answer; None: it is small, or is laid out in a way that is not cut."""
    if len(body) <= SLICE or not (head := _HEAD.match(body)):
        return None
    edges = [head.end()]
    while len(body) - edges[-1] > SLICE:
        start, end = edges[-1], edges[-1] + SLICE
        cut = body.rfind(_BETWEEN, start, end)
        if cut < 0:  # one result larger than a slice
            cut = body.find(_BETWEEN, end)
        if cut < 0:
            break
        edges.append(cut + 1)
    rest = head[0] + body[edges[-1] :]
    given_twice = rest.find(_RESULTS, head.end()) >= 0  # then the last would count
    if len(edges) == 1 or given_twice:
        return None
    whole = memoryview(body)
    return Slices([whole[start : end - 1] for start, end in pairwise(edges)], rest)


def decode(decoder: Callable[[bytes], T], body: bytes, what: str) -> T:
    """Decode a body, of which errors say ``what`` it was to be. Raises ``ProtocolError``."""
    try:
        return decoder(body)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"{what}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{what} of {len(body)} bytes is not JSON: {error}") from None
