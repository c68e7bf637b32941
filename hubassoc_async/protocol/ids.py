"""Record ids and object types: what may be sent, and a compact memory of ids.

Knows: the spelling HubSpot accepts. Does not know: requests, versions, who asks.
"""

import re
from hashlib import blake2b
from operator import index

from hubassoc_async.errors import UsageError

_MAX_ID = 2**63 - 1  # ids are 12 digits today; HubSpot's own systems hold them as signed 64 bits
_SCATTER = 0x9E3779B97F4A7C15  # Fibonacci hashing, so that neighbouring ids share no bytes
_KEY_MASK = 2**64 - 1
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
            return value  # nearly every id: this is called once for each
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


class IdSet:
    """A set of texts, most of them ids, in at most 24 bytes each.

    A Python set of the same ids takes about 100 bytes each. Buckets of eight-byte keys are
    searched by ``bytearray.find`` and split one at a time (linear hashing), so it grows without
    ever being held twice. Texts that are not ids are kept as a 63-bit hash.
    """

    _BUCKET = 32  # keys a bucket on average: 10 to 12 bytes an id, and still a quick find

    def __init__(self) -> None:
        self._buckets = [bytearray()]
        self._level = 1  # the buckets below _split have been split to 2 * _level
        self._split = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, text: str) -> bool:
        bucket, key = self._slot(text)
        return _holds(bucket, key)

    def add(self, text: str) -> bool:
        """Take a text in; whether it is new."""
        bucket, key = self._slot(text)
        if _holds(bucket, key):
            return False
        bucket += key
        self._count += 1
        if self._count > self._BUCKET * len(self._buckets):
            self._grow()
        return True

    def _slot(self, text: str) -> tuple[bytearray, bytes]:
        """Find the bucket of a text, and its key."""
        if len(text) < 19 and _is_number(text):
            number = int(text)
        else:
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            number = int.from_bytes(digest) | 1 << 63
        place = number * _SCATTER & _KEY_MASK  # one to one: the multiplier is odd
        at = (place >> 24) % self._level
        if at < self._split:
            at = (place >> 24) % (2 * self._level)
        return self._buckets[at], place.to_bytes(8, "big")

    def _grow(self) -> None:
        """Split the next bucket in two."""
        old = self._buckets[self._split]
        stay, move = bytearray(), bytearray()
        for at in range(0, len(old), 8):
            key = old[at : at + 8]
            stays = (int.from_bytes(key) >> 24) % (2 * self._level) == self._split
            (stay if stays else move).extend(key)
        self._buckets[self._split] = stay
        self._buckets.append(move)
        self._split += 1
        if self._split == self._level:
            self._split, self._level = 0, 2 * self._level


def _holds(bucket: bytearray, key: bytes) -> bool:
    found = bucket.find(key)
    while found > 0 and found % 8:
        found = bucket.find(key, found + 1)
    return found >= 0
