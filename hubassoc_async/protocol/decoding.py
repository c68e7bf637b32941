"""JSON to structs, with one error for all that can be wrong, and the cutting of a large answer.

Knows: bytes, and how an answer with ``results`` is laid out. Does not know: what is in a result.

A large answer is decoded in slices of its results, since a decoder holds the interpreter until it
is done: 8 ms a megabyte, and answers have up to 60. It is cut at ``,{"from":`` and its like, which
cannot stand inside a JSON string: a quote there has a backslash before it. What stands before the
first result ends in ``"results":[`` after a comma or brace, so ``results`` is a key and no end of
one; and with ``]}`` it is JSON, so the key is the answer's own. Where all slices are arrays by
themselves, each starts and ends among the results, as the one before it did. So slices that decode
mean what the whole means, and where they do not the whole has to say what it means: a place to cut
that is none, deeper in a result, costs time only.

Nobody promises the order of keys, so a result may begin with any of its three. With blanks between,
or any other key first, an answer is decoded as a whole.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import msgspec

from hubassoc_async.errors import ProtocolError

T = TypeVar("T")

SLICE = 128 * 2**10
"""Bytes that are decoded at once: what is made of them fits a cache, which saves a tenth of it."""
_RESULTS = b'"results":'
_BETWEEN = (b',{"from":', b',{"paging":', b',{"to":')
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode


def first_result(body: bytes) -> int:
    """Say where the results of an answer begin; 0: too small to cut, or laid out otherwise."""
    if len(body) <= SLICE:
        return 0
    key = body.find(_RESULTS + b"[{")
    first = key + len(_RESULTS) + 1
    if key < 0 or body[key - 1 : key] not in (b",", b"{"):
        return 0
    with suppress(msgspec.DecodeError, RecursionError):
        _decode_raw(body[:first] + b"]}")
        return first
    return 0


def slice_end(body: bytes, start: int) -> int:
    """Say where the slice ends that begins at a result; 0: what is left is the last of them."""
    for at in range(start + SLICE, len(body), SLICE):
        for between in _BETWEEN:  # nearly always the first: so it is found where it is looked for
            end = body.find(between, at, at + SLICE + len(between))
            if end >= 0:
                return end
    return 0


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
