"""A write that can die at any instant: links from a source, sorted, in chunks, journalled.

The links are loaded into the journal's database first, where those of one pair are united and all
are sorted: archives of one record share requests, and the source is not needed again. Chunks are
written side by side and committed in their order, failures first and the journal last. A chunk
that the journal does not have is written again, which changes nothing.

Knows: journals, pairs, the client. Does not know: terminals, exit codes, HTTP.
"""

import asyncio
import re
from collections import deque
from collections.abc import Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

import msgspec
from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import FAILURES, DeadLetters
from hubassoc_async.jobs.edges import EdgeGiven, EdgeStore
from hubassoc_async.jobs.feed import in_thread, whole_in_thread
from hubassoc_async.jobs.journal import Journal, JournalError, Mark
from hubassoc_async.jobs.pairs import PairSource
from hubassoc_async.jobs.work import Work
from hubassoc_async.jobs.writing import WriteOrder
from hubassoc_async.model import Failure, Link, Unchanged, WriteOperation
from hubassoc_async.protocol.ids import object_id

LAST: Final = "pair"
"""Where in ``Mark.positions`` the last pair is that is done."""
_SIDE: Final = "links"
_CHUNK: Final[dict[WriteOperation, int]] = {
    "create": 4_000,
    "create_default": 4_000,
    "archive": 1_000,
    "archive_labels": 1_000,
}
"""Pairs: so many that a chunk is several whole requests, of which an archive takes the most."""
_AHEAD: Final = 8  # chunks that are out
_ROW: Final = re.compile(r"^row \d+: ")


def is_loaded(journal: Journal) -> bool:
    """Whether an import has all its links, and needs its source no more."""
    return EdgeStore(journal, prefix=_SIDE).loaded(_SIDE) is not None


class ImportProgress(Struct, frozen=True, kw_only=True):
    """How far an import is. At its end, its summary."""

    total: int | None
    """Pairs in all; None when that cannot be told."""
    exact: bool
    """Whether ``total`` is counted rather than estimated from the number of links."""
    done: int
    """Pairs that are committed, in earlier runs too."""
    before: int
    """Those that were when this run began."""
    written: int
    unchanged: int
    failed: int
    requests: int
    """Of this run, as all that follow."""
    retries: int
    rate_limited: int
    """Answers that said 429."""
    quota_share: float
    """Share of the quota in use now, 0 to 1."""
    seconds: float


class ImportJob(Work[ImportProgress]):
    """Writes every pair of a source once, whatever happens meanwhile."""

    def __init__(
        self,
        client: AssociationsClient,
        journal: Journal,
        order: WriteOrder,
        source: PairSource | None,
        *,
        letters: DeadLetters,
    ) -> None:
        """Begin the job of a journal, or go on with it; nothing is opened before ``run``.

        ``source``: None where it is loaded already. ``letters``: where failures go.
        """
        super().__init__(journal, letters)
        self._client = client
        self._order = order
        self._source = source
        self._links: int | None = None
        self._loading: asyncio.Future[EdgeStore | None] | None = None
        self._running: deque[asyncio.Task[_Done]] = deque()

    def stop(self, *, grace: float = 3.0) -> None:
        """Begin no more chunks, and end when what is out has come in, within ``grace`` seconds."""
        if not self.stopping:
            self.stopping = True
            asyncio.get_running_loop().call_later(grace, self._hurry)

    def progress(self) -> ImportProgress:
        """How far it is now."""
        counters, counts = self._client.counters, self._mark.counts
        return ImportProgress(
            total=self._mark.items if self.complete else self._links,
            exact=self.complete,
            done=self._mark.items,
            before=self._before,
            written=counts.get("written", 0),
            unchanged=counts.get("unchanged", 0),
            failed=counts.get("failed", 0),
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            quota_share=self._client.quota_share,
            seconds=self._elapsed(),
        )

    async def _work(self) -> None:
        """Load the links, and write them."""
        self._journal.set_state("running")
        self._letters.resume(self._mark.positions.get(FAILURES, 0))
        store = await self._loaded()
        if store is not None:
            await self._write(store)

    async def _loaded(self) -> EdgeStore | None:
        """Load in a thread; None when told to stop meanwhile. Nobody waits for a pipe then."""
        loading = self._loading = asyncio.ensure_future(in_thread(self._load))
        try:
            return await loading
        except asyncio.CancelledError:
            if self.stopping:
                return None
            raise

    def _load(self) -> EdgeStore | None:
        """Have the links sorted in the journal's database; None when told to stop meanwhile."""
        store = EdgeStore(self._journal, prefix=_SIDE)
        self._links = store.loaded(_SIDE)
        if self._links is None:
            if self._source is None:
                raise JournalError("the links were not loaded to their end: begin the job again")
            store.start(_SIDE)
            store.add(_SIDE, self._given(self._source))
            if self.stopping:
                return None
            self._links = store.finish(_SIDE)
        return store

    def _given(self, source: PairSource) -> Iterator[EdgeGiven]:
        for link in source:
            if self.stopping:
                return
            ends = link.from_object_id, link.to_object_id
            from_id, to_id = (
                str(one) if (known := object_id(one)) is None else known for one in ends
            )
            yield from_id, to_id, link.types

    async def _write(self, store: EdgeStore) -> None:
        """Write from the first pair that is not done to the last, and commit in chunks."""
        last = self._mark.positions.get(LAST)
        pairs = store.pairs(_SIDE, after=None if last is None else (last[0], last[1]))
        chunks = _chunks(pairs, _CHUNK[self._order.operation])
        running = self._running
        try:
            while True:
                while len(running) < _AHEAD and not self.stopping:
                    chunk = next(chunks, None)
                    if chunk is None:
                        break
                    running.append(asyncio.create_task(self._send(chunk)))
                if not running:
                    return
                await asyncio.wait([running[0]])
                if self.stopping and running[0].cancelled():
                    return
                await self._commit(running.popleft().result())
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _send(self, chunk: "list[Link]") -> "_Done":
        """Write one chunk, and say what became of it."""
        done = _Done(last=(str(chunk[-1].from_object_id), str(chunk[-1].to_object_id)))
        async with self._order.stream(self._client, iter(chunk)) as stream:
            async for outcomes in stream.batches():
                done.failures += [one for one in outcomes if isinstance(one, Failure)]
                done.unchanged += sum(isinstance(one, Unchanged) for one in outcomes)
                done.pairs += len(outcomes)
        place = {(link.from_object_id, link.to_object_id): n for n, link in enumerate(chunk)}
        done.failures.sort(key=lambda one: place[one.from_object_id, one.to_object_id or ""])
        return done

    async def _commit(self, done: "_Done") -> None:
        """Make one chunk durable."""
        more = {
            "written": done.pairs - done.unchanged - len(done.failures),
            "unchanged": done.unchanged,
            "failed": len(done.failures),
        }
        known = self._mark.counts
        mark = Mark(
            items=self._mark.items + done.pairs,
            counts={name: known.get(name, 0) + number for name, number in more.items()},
            positions={LAST: done.last},
        )

        def commit() -> None:
            # the links are sorted: their rows are no longer those of the file
            failures = (_without_row(one) for one in done.failures)
            mark.positions[FAILURES] = self._letters.write(failures)
            self._journal.commit(mark)

        await whole_in_thread(commit)
        self._mark = mark

    def _hurry(self) -> None:
        """Wait no longer for what is out."""
        if self._loading is not None:
            self._loading.cancel()
        for task in self._running:
            task.cancel()


class _Done(Struct):
    """What became of one chunk."""

    last: tuple[str, str]
    pairs: int = 0
    unchanged: int = 0
    failures: list[Failure] = []


def _chunks(pairs: Iterator[Link], most: int) -> Iterator[list[Link]]:
    """Cut into chunks of so many pairs at most, between two from-records wherever that goes.

    What is said of one record at once is judged as a whole: two primaries are both refused.
    """
    chunk: list[Link] = []
    for _, record in groupby(pairs, key=itemgetter(0)):
        while some := list(islice(record, most)):
            if chunk and len(chunk) + len(some) > most:
                yield chunk
                chunk = []
            chunk += some
    if chunk:
        yield chunk


def _without_row(failure: Failure) -> Failure:
    return msgspec.structs.replace(failure, message=_ROW.sub("", failure.message))
