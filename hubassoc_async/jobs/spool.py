"""The ids of a job in the order in which they are done, each once, however often it begins again.

What cannot be read twice (a pipe, a query, HubSpot's list of records) is spooled: written into the
journal's database as it comes, and read from there.

Knows: which ids come next. Does not know: what is done with them.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from hubassoc_async.jobs.database import Database
from hubassoc_async.jobs.feed import Feed, whole_in_thread
from hubassoc_async.jobs.sources import Source, SourceError
from hubassoc_async.listing import IdList
from hubassoc_async.protocol.ids import IdSet, object_id

_BLOCK: Final = 10_000  # ids read or written at a time


class JobIds(Protocol):
    """The ids of a job: distinct, in order, from the first that is not done."""

    error: Exception | None
    """What the source broke off with; the ids before are given."""

    async def take(self, most: int) -> Sequence[str]:
        """Wait for the next ids and give what is there, at most so many. None is the end."""

    def total(self) -> tuple[int | None, bool]:
        """How many there are in all, done ones too, and whether that is counted or estimated."""

    def close(self) -> None:
        """Give no more."""

    async def aclose(self) -> None:
        """Let go of the source."""


class Spool:
    """Distinct ids in tables of a database, in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            run = connection.execute
            run("create table if not exists spool (first integer primary key, ids blob not null)")
            run("create table if not exists spooled (count integer, after text, complete integer)")
            if run("select 1 from spooled").fetchone() is None:
                run("insert into spooled values (0, null, 0)")
        row = database.connection.execute("select * from spooled").fetchone()
        self.count: int = row[0]
        """How many ids there are."""
        self.after: str | None = row[1]
        """Where a list of records goes on."""
        self.complete = bool(row[2])
        """Whether all have come."""

    def append(self, ids: Sequence[str], *, after: str | None = None, last: bool = False) -> None:
        """Write ids, and where the list of records goes on after them, as one. Durable on return.

        ``last``: whether no more come.
        """
        with self._database.transaction() as connection:
            if ids:
                block = msgspec.msgpack.encode(ids)
                connection.execute("insert into spool values (?, ?)", (self.count, block))
            state = self.count + len(ids), after, last
            connection.execute("update spooled set count = ?, after = ?, complete = ?", state)
        self.count, self.after, self.complete = state

    def block(self, start: int) -> list[str]:
        """Read ids from a place in the order on: some of them, none if there are none yet."""
        if start >= self.count:
            return []  # a thread may be writing them: they are not durable yet
        row = self._database.connection.execute(
            "select first, ids from spool where first <= ? order by first desc limit 1", (start,)
        ).fetchone()
        if row is None:
            return []
        return msgspec.msgpack.decode(row[1], type=list[str])[start - row[0] :]

    def blocks(self) -> Iterator[list[str]]:
        """Read all ids."""
        at = 0
        while block := self.block(at):
            yield block
            at += len(block)


class SpooledIds:
    """The ids of a source that cannot be read twice, by way of a spool that is filled meanwhile."""

    def __init__(self, spool: Spool, source: Source | IdList | None, done: int) -> None:
        """``source``: needed unless the spool has everything. It begins where the spool ends if it
        is a list of records, and else at its own beginning.
        """
        self._spool = spool
        self._source = source
        self._at = done
        self._held: deque[str] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._filling: asyncio.Task[None] | None = None
        self.error: Exception | None = None

    async def take(self, most: int) -> Sequence[str]:
        """Give ids as they come into the spool."""
        if self._filling is None and not self._spool.complete:
            self._filling = asyncio.create_task(self._fill())
        while not self._held and not self._closed:
            self._changed.clear()
            complete = self._spool.complete  # a thread may say so between two lines
            self._held.extend(self._spool.block(self._at))
            self._at += len(self._held)
            if not self._held:
                if complete or self.error is not None:
                    return ()
                await self._changed.wait()
        if self._closed:
            return ()
        return [self._held.popleft() for _ in range(min(most, len(self._held)))]

    def total(self) -> tuple[int | None, bool]:
        """How many there are is known when all have come."""
        return (self._spool.count, True) if self._spool.complete else (None, False)

    def close(self) -> None:
        """Give no more."""
        self._closed = True
        self._changed.set()

    async def aclose(self) -> None:
        """Stop filling the spool."""
        if self._filling is not None:
            self._filling.cancel()
            with suppress(asyncio.CancelledError):
                await self._filling

    async def _fill(self) -> None:
        try:
            if isinstance(self._source, IdList):
                await self._list(self._source)
            else:
                assert self._source is not None, "the spool has not everything"
                await self._copy(self._source)
        except Exception as error:
            self.error = error
        self._changed.set()

    async def _list(self, source: IdList) -> None:
        """Spool the list of records from where the spool ends."""
        seen = await self._known()
        while page := await source.next_page():
            ids = [text for text in page.ids if seen.add(text)]
            await self._append(ids, after=page.after, last=source.ended)
        if not self._spool.complete:
            await self._append([], last=True)

    async def _copy(self, source: Source) -> None:
        """Spool a source from its beginning.

        What the spool has already must come again, in any order, before anything new is taken:
        another input leaves no trace.
        """
        seen, again = await self._known(), IdSet()
        before = missing = len(seen)
        feed, fresh = Feed(source), list[str]()
        while given := await feed.take(_BLOCK):
            for one in given:
                text = _text(one)
                if not again.add(text):
                    continue
                if seen.add(text):
                    fresh.append(text)
                else:
                    missing -= 1
            if fresh and not missing:
                await self._append(fresh)
                fresh = []
        if missing:
            raise SourceError(
                f"{missing:,} of the {before:,} ids that had come are not in the input any more:"
                " give the job the input that it was begun with"
            )
        await self._append([], last=True)

    async def _append(
        self, ids: list[str], *, after: str | None = None, last: bool = False
    ) -> None:
        await whole_in_thread(lambda: self._spool.append(ids, after=after, last=last))
        self._changed.set()

    async def _known(self) -> IdSet:
        seen = IdSet()
        for block in self._spool.blocks():
            for text in block:
                seen.add(text)
            await asyncio.sleep(0)
        return seen


def _text(given: object) -> str:
    """An id as the client calls it, and what is none as it stands."""
    return object_id(given) or str(given)
