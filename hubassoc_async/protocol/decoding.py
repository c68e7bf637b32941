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
from typing import TypeVar

import msgspec

from hubassoc_async.errors import ProtocolError

T = TypeVar("T")

SLICE = 128 * 2**10
"""Bytes that are decoded at once: what is made of them fits a cache, which saves a tenth of it."""
_HEAD = re.compile(rb'\{(?:"\w+":(?:"[^"\\]*"|\w+),)*+"results":\[(?=\{"from":)', re.ASCII)
_BETWEEN = b',{"from":'
_RESULTS = b'"results":'


def first_result(body: bytes) -> int:
    """Say where the results of an answer begin; 0: too small to cut, or laid out otherwise."""
    head = _HEAD.match(body) if len(body) > SLICE else None
    return head.end() if head else 0


def slice_end(body: bytes, start: int) -> int:
    """Say where the slice ends that begins at a result; 0: what is left is the last of them."""
    return max(0, body.find(_BETWEEN, start + SLICE))


def without_slices(body: bytes, first: int, start: int) -> bytes:
    """Give an answer without its results from the first to ``start``. Raises ``ProtocolError``."""
    if body.find(_RESULTS, start) >= 0:
        raise ProtocolError("an answer has results twice, of which the last count")
    return body[:first] + body[start:]


def decode(decoder: Callable[[bytes], T], body: bytes, what: str) -> T:
    """Decode a body, of which errors say ``what`` it was to be. Raises ``ProtocolError``."""
    try:
        return decoder(body)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"{what}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{what} of {len(body)} bytes is not JSON: {error}") from None
