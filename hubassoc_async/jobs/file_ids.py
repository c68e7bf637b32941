"""The distinct ids of a file, in its order, in some 8 bytes each.

Whether an id came before is not looked up one by one, at 1.5 us each: a block of new ones, half as
many as came before, is held against all of them by passes of C, at 0.5. What is in ascending order,
as exports and lists have it, is not held against any.

Knows: which ids of a file come next. Does not know: what is done with them.
"""

import asyncio
from array import array
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from operator import lt
from struct import pack
from typing import Annotated, Any, Final

import msgspec

from hubassoc_async.jobs.sources import Source, SourceError
from hubassoc_async.protocol.ids import IdSet, object_id

_READ: Final = 10_000  # ids read at once
_BLOCK: Final = 250_000  # most ids of a block: some 40 MB
_PASS: Final = 100_000  # ids that a block is held against at once: some 6 ms
_decode: Final = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(le=2**63 - 1)]]).decode


class FileIds:
    """The distinct ids of a source that gives the same again, after those that are done."""

    def __init__(self, source: Source, done: int) -> None:
        self._source = source
        self._ids = iter(source)
        self._seen = array("q")
        self._most = -1  # of those
        self._odd = IdSet()  # what is no id
        self._done = done
        self._held: list[str] = []
        self._at = 0  # of these: the next
        self._ended = self._closed = False
        self.error: Exception | None = None
        """What the source broke off with; the ids before are given."""

    async def take(self, most: int) -> Sequence[str]:
        """Read on."""
        while self._at == len(self._held) and not self._ended and not self._closed:
            self._held = []  # not beside the next ones
            self._held = await self._block()
            self._at = min(self._done, len(self._held))
            self._done -= self._at
        if self._closed:
            return ()
        ids = self._held[self._at : self._at + most]
        self._at += len(ids)
        return ids

    def total(self) -> tuple[int | None, bool]:
        """As far as the file is read, of how much of it that is."""
        count = len(self._seen) + len(self._odd)
        if self._ended:
            return count, True
        fraction = self._source.fraction
        return (int(count / fraction) if fraction else None), False

    def close(self) -> None:
        """Give no more."""
        self._closed = True

    async def aclose(self) -> None:
        """Nothing is open but the source, which is its owner's."""

    async def _block(self) -> list[str]:
        """Read some ids that are new, each once."""
        await asyncio.sleep(0)  # there may be millions to pass over
        texts, keys = self._read()
        if self._follow(keys):
            return texts
        fresh = dict(zip(keys, texts, strict=True))
        wanted = min(len(self._seen) // 2, _BLOCK)
        while len(fresh) < wanted and not self._ended and not self._closed:
            texts, keys = self._read()
            fresh.update(zip(keys, texts, strict=True))
            await asyncio.sleep(0)
        for start in range(0, len(self._seen), _PASS):
            seen = self._seen[start : start + _PASS]
            if not fresh.keys().isdisjoint(seen):
                for key in fresh.keys() & {*seen}:
                    del fresh[key]
            await asyncio.sleep(0)
        numbers = [*fresh]
        if str in set(map(type, numbers)):  # a quarter of looking at each
            odd = [key for key in fresh if isinstance(key, str)]
            for key in {*odd}.difference(self._odd.new(odd)):
                del fresh[key]
            numbers = [key for key in fresh if isinstance(key, int)]
        self._keep(numbers, numbers)
        return [*fresh.values()]

    def _read(self) -> tuple[list[str], list[Any]]:
        """Read some ids, and what each is known by: its number, or what is no id as it stands."""
        texts: list[str] = []
        try:
            texts.extend(islice(self._ids, _READ))  # what came is kept if it breaks off
        except SourceError as error:
            self.error = error
        self._ended = len(texts) < _READ
        digits = "".join(texts)
        if digits.isascii() and digits.encode().isdigit():  # a quarter of str.isdigit()
            with suppress(msgspec.MsgspecError):  # for JSON has no 007
                return texts, _decode(f"[{','.join(texts)}]")  # a third of int() of each
        texts = [object_id(one) or str(one) for one in texts]  # nearly never
        return texts, [one if object_id(one) is None else int(one) for one in texts]

    def _follow(self, keys: list[Any]) -> bool:
        """Take ids in that go on in ascending order; nothing else."""
        try:
            if not all(map(lt, [self._most, *keys], keys)):
                return False
        except TypeError:  # a number and a text
            return False
        self._keep(keys, keys[-1:])
        return True

    def _keep(self, numbers: list[int], most: list[int]) -> None:
        """Remember ids, of which the last one in order is among ``most``."""
        self._seen.frombytes(pack(f"{len(numbers)}q", *numbers))
        self._most = max([self._most, *most])
