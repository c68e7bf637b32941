"""Record ids and object types: what may be sent, and a compact memory of ids.

Knows: the spelling HubSpot accepts. Does not know: requests, versions, who asks.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import groupby, islice
from operator import index, lt
from struct import iter_unpack
from sys import byteorder
from typing import Any, TypeGuard

from hubassoc_async.errors import UsageError

_MAX_ID = 2**63 - 1  # ids are 12 digits today; HubSpot's own systems hold them as signed 64 bits
_SCATTER = 0x9E3779B97F4A7C15  # Fibonacci hashing, so that neighbouring ids share no bytes
_KEY_MASK = 2**64 - 1
_LONG = 18  # digits that surely fit 63 bits
_BLOCK = 1 << 11  # characters at least: each block costs some 60 bytes more
_OBJECT_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def check_object_type(name: str) -> str:
    """Return an object type that is safe in a path: ``contacts``, ``0-1``, ``2-123``, ``p1_cars``.

    Raises ``UsageError``. Whether the portal has the type only HubSpot can tell.
    """
    if not isinstance(name, str) or not _OBJECT_TYPE.fullmatch(name):
        raise UsageError(
            f"{name!r} is not an object type: use a name such as 'contacts', or an id such as"
            " '0-1' or '2-12345'"
        )
    return name


def object_id(value: object) -> str | None:
    """Return the id as HubSpot spells it, or None when it cannot be one.

    Takes str (blanks around it are dropped) and anything that is an integer, such as numpy's.
    """
    if type(value) is int:
        return str(value) if 0 <= value <= _MAX_ID else None
    if isinstance(value, str):
        if value.isdigit() and value.isascii() and value[0] != "0" and len(value) < 19:
            return value
        text = value.strip()
    else:
        try:
            number = index(value)  # type: ignore[arg-type]
        except TypeError:
            return None
        return str(number) if 0 <= number <= _MAX_ID and not isinstance(value, bool) else None
    if not _is_number(text):
        return None
    return text if len(text) < 19 or (len(text) == 19 and text <= str(_MAX_ID)) else None


def _is_number(text: str) -> bool:
    """Whether a text is a whole number in the one way to write it."""
    return text.isdigit() and text.isascii() and (text[0] != "0" or text == "0")


def object_ids(given: Iterable[object]) -> tuple[dict[str, None], dict[str, None]]:
    """Sort what was given into ids, as HubSpot spells them, and texts that are none; each once."""
    values = [*given]
    if _are_ids(values):
        return dict.fromkeys(values), {}
    known: dict[str, None] = {}
    strange: dict[str, None] = {}
    for value in values:
        text = object_id(value)
        if text is None:
            strange[_shown(value)] = None
        else:
            known[text] = None
    return known, strange


def _are_ids(values: list[Any]) -> TypeGuard[list[str]]:
    """Whether all are ids as they should be spelt: by passes of C, at a third of one by one."""
    try:
        text = f",{','.join(values)},"
    except TypeError:
        return False  # not all are texts
    return (
        text.isascii()
        and text.replace(",", "").isdigit()
        and text.count(",") == len(values) + 1
        and ",," not in text
        and ",0" not in text
        and max(map(len, values)) < 19
    )


def _shown(given: object) -> str:
    """What was given for an id and is none, as a text: Python writes no int of 5,000 digits."""
    try:
        return str(given)
    except ValueError:
        return f"{given:#x}"


class IdSet:
    """A set of texts, most of them ids, in at most 24 bytes each.

    A Python set of the same ids takes about 100 bytes each. Ids that come in ascending order, as
    exports and lists have them, stay as they came, joined to blocks. From the first that does not,
    buckets of eight-byte keys are searched by ``bytearray.find`` and split one at a time (linear
    hashing). So it grows without ever being held twice, and no call has more to do than to look
    for its own ids. Texts that are not ids are kept as a 63-bit hash.
    """

    _BUCKET = 32  # keys a bucket on average: 10 to 12 bytes an id, and still a quick find

    def __init__(self) -> None:
        self._blocks: dict[int, list[str]] = {}  # by length: ids that came in order, joined
        self._followed = 0  # in blocks
        self._last = ""  # of these
        self._buckets = [bytearray()]
        self._level = 1  # a power of 2; buckets below _split have been split to twice as many
        self._split = 0
        self._count = 0  # in buckets

    def __len__(self) -> int:
        return self._followed + self._count

    def __contains__(self, text: str) -> bool:
        place = _place(text)
        return self._in_order(text) or _holds(self._bucket(place), place.to_bytes(8, byteorder))

    def add(self, text: str) -> bool:
        """Take a text in; whether it is new."""
        if not self._count:
            return bool(self.new((text,)))
        place = _place(text)
        bucket, key = self._bucket(place), place.to_bytes(8, byteorder)
        if (key in bucket and _holds(bucket, key)) or self._in_order(text):
            return False
        bucket += key
        self._count += 1
        if self._count > self._BUCKET * len(self._buckets):
            self._grow()
        return True

    def new(self, texts: Sequence[str]) -> list[str]:
        """Take texts in; those that are new, each once, in their order. Many at once cost less."""
        if not self._count:
            if self._follow(texts):
                return [*texts]
            if len(set(map(len, texts))) > 1:  # 999, 1000: in order, but not as texts
                return [text for _, run in groupby(texts, len) for text in self.new([*run])]
        found: list[str] = []
        buckets, mask, split = self._buckets, self._level - 1, self._split
        room = self._BUCKET * len(buckets) - self._count
        places = _places(texts)
        keys = iter_unpack("8s", array("Q", places))
        for text, place, (key,) in zip(texts, places, keys, strict=True):
            at = place >> 24 & mask
            if at < split:
                at = place >> 24 & (2 * mask + 1)
            bucket = buckets[at]
            if (key in bucket and _holds(bucket, key)) or (self._blocks and self._in_order(text)):
                continue
            bucket += key
            found.append(text)
            room -= 1
            if room < 0:
                self._grow()
                mask, split = self._level - 1, self._split
                room += self._BUCKET
        self._count = self._BUCKET * len(buckets) - room
        return found

    def _follow(self, texts: Sequence[str]) -> bool:
        """Take ids in that are all as long and go on in ascending order; nothing else.

        To compare them as texts takes a third of the time of making numbers of them.
        """
        if not texts:
            return True
        size, joined = len(texts[0]), "".join(texts)
        if not _digits(joined) or len(joined) != size * len(texts) or max(map(len, texts)) != size:
            return False
        first = texts[0]
        if size > _LONG or first[0] == "0" or (len(self._last), self._last) >= (size, first):
            return False
        if not all(map(lt, texts, islice(texts, 1, None))):
            return False
        blocks = self._blocks.setdefault(size, [])
        if blocks and len(blocks[-1]) < _BLOCK:
            blocks[-1] += joined
        else:
            blocks.append(joined)
        self._followed += len(texts)
        self._last = texts[-1]
        return True

    def _in_order(self, text: str) -> bool:
        """Whether a text is among the ids that came in order."""
        size = len(text)
        blocks = self._blocks.get(size)
        if blocks is None or (size == len(self._last) and text > self._last):
            return False
        block = blocks[bisect_left(blocks, text + ":") - 1]  # ":" comes after every digit
        low, high = 0, len(block)
        while low < high:  # three quarters of the time of bisect_left with a key
            middle = (low + high) // 2 // size * size
            if block[middle : middle + size] < text:
                low = middle + size
            else:
                high = middle
        return block[low : low + size] == text

    def _bucket(self, place: int) -> bytearray:
        at = place >> 24 & self._level - 1
        return self._buckets[at if at >= self._split else place >> 24 & 2 * self._level - 1]

    def _grow(self) -> None:
        """Split the next bucket in two."""
        places = array("Q")
        places.frombytes(self._buckets[self._split])
        bit = self._level << 24
        stay = array("Q", [place for place in places if not place & bit])
        move = array("Q", [place for place in places if place & bit])
        self._buckets[self._split] = bytearray(stay.tobytes())
        self._buckets.append(bytearray(move.tobytes()))
        self._split += 1
        if self._split == self._level:
            self._split, self._level = 0, 2 * self._level


def _places(texts: Sequence[str]) -> list[int]:
    """Where texts belong; of plain ids by passes of C over all."""
    lines = "\n".join(("", *texts, ""))
    plain = _digits("".join(texts)) and "\n0" not in lines and "\n\n" not in lines
    if not plain or max(map(len, texts)) > _LONG:
        return [*map(_place, texts)]
    return [number * _SCATTER & _KEY_MASK for number in map(int, texts)]


def _digits(text: str) -> bool:
    """Whether a text is of plain digits alone; to ask bytes takes a quarter of the time."""
    return text.isascii() and text.encode().isdigit()


def _place(text: str) -> int:
    """Where a text belongs, in 64 bits: another one for each id."""
    if text.isdigit() and text.isascii() and text[0] != "0" and len(text) < 19:
        return int(text) * _SCATTER & _KEY_MASK  # one to one: the multiplier is odd
    if text == "0":
        return 0
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest) | 1 << 63) * _SCATTER & _KEY_MASK


def _holds(bucket: bytearray, key: bytes) -> bool:
    found = bucket.find(key)
    while found > 0 and found % 8:
        found = bucket.find(key, found + 1)
    return found >= 0
