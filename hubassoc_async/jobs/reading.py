"""One read from a source to a sink, that says how far it is and loses nothing when it stops.

However a read stops (an error, the daily quota, a cancellation), what it had read becomes a
partial file, whole in itself, and the ids that it had not read become a list that can be read
next. The name of the output stays for what is complete.

Knows: sources, sinks, the client. Does not know: terminals, exit codes, HTTP.
"""

import asyncio
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.feed import Feed, in_thread
from hubassoc_async.jobs.remains import UNREAD, Remains
from hubassoc_async.jobs.sinks import FailureSink, Sink
from hubassoc_async.jobs.sources import Source, SourceError
from hubassoc_async.model import Failure, ObjectAssociations, Outcome


class Progress(Struct, frozen=True, kw_only=True):
    """How far a read is. At its end, its summary."""

    total: int | None
    """Ids in all; None when that cannot be told."""
    exact: bool
    """Whether ``total`` is counted rather than estimated from how much of the file is read."""
    found: int
    none: int
    failed: int
    associations: int
    requests: int
    retries: int
    rate_limited: int
    """Answers that said 429."""
    quota_share: float
    """Share of the quota in use now, 0 to 1."""
    seconds: float

    @property
    def ids(self) -> int:
        """Ids done: found, none and failed."""
        return self.found + self.none + self.failed

    @property
    def done(self) -> int:
        """The same, as other jobs call it."""
        return self.ids


class ReadJob:
    """Reads the associations of every id of a source into a sink, each distinct id once."""

    def __init__(
        self,
        client: AssociationsClient,
        from_object_type: str,
        to_object_type: str,
        source: Source,
        sink: Sink,
        *,
        failures: FailureSink,
        unread: Path | None = None,
    ) -> None:
        """``unread`` is where the ids that remain are listed if the read stops.

        Raises ``UsageError`` for what cannot be an object type.
        """
        self._client = client
        self._source = source
        self._sink = sink
        self._failures = failures
        self._unread = unread
        self._ids = iter(source)
        self._feed = Feed(self._give()) if source.blocks else None
        self._stream = client.stream_read(
            from_object_type, to_object_type, self._feed or self._give(), distinct=True
        )
        self._exhausted = False
        self._source_error: SourceError | None = None
        self._broken = False
        self._writing: list[Outcome] = []  # on their way into the sink, perhaps in a thread
        self._found = self._none = self._failed = self._associations = 0  # written
        self._started = time.monotonic()
        self._seconds: float | None = None
        self.output: Path | None = None
        """The file that is there now, if the sink is one: partial if the read stopped."""
        self.failures: Path | None = None
        """The file of failures that is there now, if there is one."""
        self.unread: Remains | None = None
        """The list of ids that remain, if the read stopped and it was wanted."""
        self.complete = False
        """Whether every id has its outcome and the files are there."""

    async def run(self) -> None:
        """Read until the source ends.

        Raises what stopped it, after what was read and what remains have been put into files:
        ``DailyQuotaSpent`` and other ``HubAssocError`` from HubSpot, ``SourceError`` from the
        source, ``CancelledError``. Raises ``OSError`` when a file cannot be written; then there
        is no output, and failures only if their file was complete before.
        """
        self._started = time.monotonic()
        try:
            try:
                await self._read()
            except (Exception, asyncio.CancelledError) as stop:
                await self._keep(stop)
                raise
            self.failures = self._failures.commit()
            self.output = self._sink.commit()
            self.complete = True
        finally:
            self._seconds = time.monotonic() - self._started
            if not self._writing or self._broken:
                self._sink.abort()
            self._failures.abort()

    def progress(self) -> Progress:
        """How far it is now."""
        counters = self._client.counters
        total, exact = self._total()
        seconds = self._seconds
        return Progress(
            total=total,
            exact=exact,
            found=self._found,
            none=self._none,
            failed=self._failed,
            associations=self._associations,
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            quota_share=self._client.quota_share,
            seconds=time.monotonic() - self._started if seconds is None else seconds,
        )

    def _total(self) -> tuple[int | None, bool]:
        taken = self._stream.counts.taken
        if self._exhausted and (self._feed is None or self._feed.ended):
            return taken, True
        fraction = self._source.fraction
        return (int(taken / fraction) if fraction else None), False

    async def _read(self) -> None:
        async with self._stream:
            async for batch in self._stream.batches():
                self._writing = batch
                try:
                    await self._write(batch)
                except Exception:
                    self._broken = True  # what is in the file is anybody's guess
                    raise
                self._writing = []
        if self._source_error is not None:
            raise self._source_error

    def _give(self) -> Iterator[str]:
        """The ids of the source. Where it breaks off they end; what came before is read first."""
        try:
            # not `yield from`: that would close the source together with this generator
            for object_id in self._ids:  # noqa: UP028
                yield object_id
        except SourceError as error:
            self._source_error = error
        self._exhausted = True

    async def _write(self, batch: list[Outcome]) -> None:
        whole = [one for one in batch if isinstance(one, ObjectAssociations)]
        if len(whole) < len(batch):
            self._failures.write([one for one in batch if isinstance(one, Failure)])
        if self._sink.blocks:
            await in_thread(self._sink.write, whole)
        else:
            self._sink.write(whole)
        sizes = [len(one.to) for one in whole]
        none = sizes.count(0)
        self._none += none
        self._found += len(whole) - none
        self._failed += len(batch) - len(whole)
        self._associations += sum(sizes)

    async def _keep(self, stop: BaseException) -> None:
        """Put what was read and what was not into files of their own."""
        if self._broken:
            return
        if self.progress().ids or self._writing:
            self.failures = self._failures.commit(complete=False)
            if not self._writing:  # else a reader that has stalled holds the sink: let it be
                self.output = self._sink.commit(complete=False)
        elif not self._source.blocks:
            return  # the source is still what remains
        if self._unread is None:
            return
        known = chain(
            (outcome.from_object_id for outcome in self._writing),
            self._stream.unread,
            () if self._feed is not None else self._give(),
        )
        # whoever stopped the read will not wait for the end of a pipe
        wait = not isinstance(stop, asyncio.CancelledError)
        self.unread = await UNREAD.keep(self._unread, known, self._feed, wait=wait)
